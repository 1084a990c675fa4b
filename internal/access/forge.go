package access

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
	"golang.org/x/sync/singleflight"

	"github.com/koonti/koonti/internal/content"
)

// forge asks a forge whose tokens are, and remembers for a while.
type forge struct {
	ask     func(ctx context.Context, token string) (content.Actor, error)
	log     *slog.Logger
	now     func() time.Time
	key     []byte
	answers *lru.Cache[fingerprint, forgeAnswer]
	flights singleflight.Group
	guesses *Throttle[netip.Prefix]
}

// forgeAnswer is what a forge said, without the token.
type forgeAnswer struct {
	actor content.Actor
	err   error
	until time.Time
}

const (
	keptAnswers = 4096
	// forgeKept is how long what a forge said holds, forgeFailed how long that it said no.
	forgeKept, forgeFailed = time.Minute, 5 * time.Second
	// forgePatience is how long it may take to answer.
	forgePatience = 10 * time.Second
)

func newForge(ask func(context.Context, string) (content.Actor, error), log *slog.Logger) *forge {
	f := &forge{ask: ask, log: log, now: time.Now, key: make([]byte, sha256.Size), guesses: NewThrottle[netip.Prefix](guessEvery, guessBurst)}
	rand.Read(f.key)
	f.answers, _ = lru.New[fingerprint, forgeAnswer](keptAnswers)
	return f
}

func (f *forge) actor(ctx context.Context, token string, from netip.Addr) (content.Actor, error) {
	print := fingerprintOf(f.key, token)
	kept, ok := f.answers.Get(print)
	if !ok || !f.now().Before(kept.until) {
		// Whoever was known a minute ago is no guess.
		if !ok || kept.err != nil {
			if err := f.guesses.Allow(network(from)); err != nil {
				return content.Actor{}, err
			}
		}
		var err error
		if kept, err = f.fresh(ctx, print, token); err != nil {
			return content.Actor{}, err
		}
	}
	if kept.err != nil {
		return content.Actor{}, kept.err
	}
	kept.actor.Token = token
	return kept.actor, nil
}

// fresh asks the forge; those who bring the same token wait for one answer. The error is
// that ctx is done.
func (f *forge) fresh(ctx context.Context, print fingerprint, token string) (forgeAnswer, error) {
	done := f.flights.DoChan(string(print[:]), func() (any, error) {
		asking, cancel := context.WithTimeout(context.WithoutCancel(ctx), forgePatience)
		defer cancel()
		answer := f.asked(asking, token)
		f.answers.Add(print, answer)
		return answer, nil
	})
	select {
	case <-ctx.Done():
		return forgeAnswer{}, fmt.Errorf("ask the forge: %w", ctx.Err())
	case result := <-done:
		return result.Val.(forgeAnswer), nil
	}
}

func (f *forge) asked(ctx context.Context, token string) forgeAnswer {
	actor, err := f.ask(ctx, token)
	if err == nil && actor.ID == "" {
		err = errors.New("the forge names nobody")
	}
	if err != nil {
		return forgeAnswer{err: f.told(err), until: f.now().Add(forgeFailed)}
	}
	actor.Token, actor.Person.Identity = "", content.IdentityForge
	return forgeAnswer{actor: actor, until: f.now().Add(forgeKept)}
}

// told is an error fit for clients.
func (f *forge) told(err error) error {
	for _, known := range []error{content.ErrUnauthenticated, content.ErrForbidden, content.ErrTooMany, content.ErrUnavailable} {
		if errors.Is(err, known) {
			return err
		}
	}
	f.log.Error("the forge does not say whose a token is", "err", err)
	return fmt.Errorf("the forge does not answer: %w", content.ErrUnavailable)
}
