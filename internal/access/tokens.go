package access

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/netip"
	"os"
	"sync"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
	"golang.org/x/sync/singleflight"

	"github.com/koonti/koonti/internal/content"
)

// Tokens are those of a file, as it is when they are asked for. They are safe for
// concurrent use.
type Tokens struct {
	path string
	log  *slog.Logger
	now  func() time.Time

	mu     sync.Mutex       // guards the rest of this group
	byID   map[string]Token // replaced, never changed
	info   fs.FileInfo      // of what was read; nil where there was no file
	sure   bool             // the file had come to rest when it was read
	broken string           // what is wrong with the file, told already
	had    bool             // there were tokens once

	key      []byte                       // of this process, so that what is kept of a token is of no use elsewhere
	verified *lru.Cache[fingerprint, phc] // and what it was verified against
	flights  singleflight.Group
	turn     chan struct{} // bounds how many are verified at once
	guesses  *Throttle[netip.Prefix]
}

// fingerprint stands for a token in memory.
type fingerprint [sha256.Size]byte

const (
	keptVerified = 4096
	// atOnce is how many secrets are verified at once, each in 64 MiB.
	atOnce = 2
	// turnPatience is how long a token waits to be verified.
	turnPatience = 10 * time.Second
	// One address may have some tokens verified at once, then one every few seconds. That
	// bounds work; guessing 256 bits is hopeless anyway.
	guessEvery, guessBurst = 2 * time.Second, 30
	// restTime is how old a file must be for its time stamp to tell versions apart.
	restTime = 2 * time.Second
)

// OpenTokens reads a file of tokens, which need not be there: then nobody has any, until
// it is. The error, where the file is wrong, wraps content.ErrInvalid and says the line.
// log is told when the file is wrong later on: then the tokens stay as they were.
func OpenTokens(path string, log *slog.Logger) (*Tokens, error) {
	t := &Tokens{path: path, log: log, now: time.Now, key: make([]byte, sha256.Size), turn: make(chan struct{}, atOnce), guesses: NewThrottle[netip.Prefix](guessEvery, guessBurst)}
	if log == nil {
		t.log = slog.New(slog.DiscardHandler)
	}
	rand.Read(t.key)
	t.verified, _ = lru.New[fingerprint, phc](keptVerified)
	if err := t.read(); err != nil {
		return nil, err
	}
	return t, nil
}

// Any reports whether there are tokens, or were since the start: a file that is emptied
// takes rights away, and gives nobody any. Nil Tokens have none.
func (t *Tokens) Any() bool {
	if t == nil {
		return false
	}
	t.current()
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.had
}

// current returns the tokens as the file has them now; those from before where it cannot
// be used.
func (t *Tokens) current() map[string]Token {
	t.mu.Lock()
	defer t.mu.Unlock()
	info, err := os.Stat(t.path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if t.info != nil {
			t.log.Warn("the tokens are gone, and with them all rights", "file", t.path)
			t.byID, t.info, t.sure, t.broken = nil, nil, false, ""
		}
		return t.byID
	case err == nil && t.sure && same(t.info, info):
		return t.byID
	}
	if err := t.readLocked(); err != nil && err.Error() != t.broken {
		t.broken = err.Error()
		t.log.Error("the tokens cannot be read; those from before hold", "file", t.path, "err", err)
	}
	return t.byID
}

func same(a, b fs.FileInfo) bool {
	return os.SameFile(a, b) && a.Size() == b.Size() && a.ModTime().Equal(b.ModTime())
}

func (t *Tokens) read() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	err := t.readLocked()
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// readLocked reads the file. The time stamp is taken first: what is written meanwhile is
// read again.
func (t *Tokens) readLocked() error {
	info, err := os.Stat(t.path)
	if err != nil {
		return fmt.Errorf("read the tokens: %w", err)
	}
	text, err := readFile(t.path)
	if err != nil {
		return err
	}
	list, err := Parse(string(text))
	if err != nil {
		t.info, t.sure = info, false
		return fmt.Errorf("read %s: %w", t.path, err)
	}
	byID := make(map[string]Token, len(list))
	for _, token := range list {
		byID[token.ID] = token
	}
	t.byID, t.info, t.broken = byID, info, ""
	t.sure = time.Since(info.ModTime()) > restTime && int64(len(text)) == info.Size()
	t.had = t.had || len(byID) > 0
	return nil
}

// Actor returns who has a token, which came from an address. The error wraps
// content.ErrUnauthenticated where it is none, no longer one, or not well formed, and is
// a *TooManyError where too many were tried from there. A token costs 64 MiB and some
// tenths of a second once, then next to nothing.
func (t *Tokens) Actor(ctx context.Context, token string, from netip.Addr) (content.Actor, error) {
	id, secret, ok := cutToken(token)
	if !ok {
		return content.Actor{}, unknown("the token is not one of Koonti's, or is cut short")
	}
	known, there := t.current()[id]
	print := fingerprintOf(t.key, token)
	if hash, ok := t.verified.Get(print); !ok || !there || hash.String() != known.hash.String() {
		if err := t.verify(ctx, print, known, secret, from); err != nil {
			return content.Actor{}, err
		}
	}
	if known.Expired(t.now()) {
		return content.Actor{}, unknown("the token %s has expired", id)
	}
	return known.actor(), nil
}

func fingerprintOf(key []byte, token string) fingerprint {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(token))
	return fingerprint(mac.Sum(nil))
}

// decoy is what the secret of a token that there is not is held against: it costs as much.
var decoy = phc{memory: usual.memory, time: usual.time, threads: usual.threads, salt: make([]byte, 16), sum: make([]byte, sumBytes)}

// verify holds a secret against the hash of a token, the zero Token for none. Those who
// bring the same token at the same time wait for one verification.
func (t *Tokens) verify(ctx context.Context, print fingerprint, known Token, secret string, from netip.Addr) error {
	if err := t.guesses.Allow(network(from)); err != nil {
		return err
	}
	hash := known.hash
	if known.ID == "" {
		hash = decoy
	}
	done := t.flights.DoChan(string(print[:])+hash.String(), func() (any, error) {
		select {
		case t.turn <- struct{}{}:
		case <-time.After(turnPatience):
			return false, fmt.Errorf("too many tokens are being verified: %w", content.ErrUnavailable)
		}
		defer func() { <-t.turn }()
		right := hash.is(secret) && known.ID != ""
		if right {
			t.verified.Add(print, hash)
		}
		return right, nil
	})
	select {
	case <-ctx.Done():
		return fmt.Errorf("verify a token: %w", ctx.Err())
	case result := <-done:
		if result.Err == nil && result.Val != true {
			return unknown("the token is wrong, or was taken back")
		}
		return result.Err
	}
}
