package cli

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/koonti/koonti/graphql"
	"github.com/koonti/koonti/internal/catalog"
	"github.com/koonti/koonti/internal/content"
	"github.com/koonti/koonti/internal/gitrepo"
	"github.com/koonti/koonti/internal/history"
	"github.com/koonti/koonti/internal/signature"
)

// keyFlags are the keys that signatures are checked with.
type keyFlags struct{ allowedSigners, keyring string }

func (k *keyFlags) add(c *cobra.Command) {
	c.Flags().StringVar(&k.allowedSigners, "allowed-signers", "", "file of SSH keys that commits may be signed with, as ssh-keygen reads it")
	c.Flags().StringVar(&k.keyring, "keyring", "", "file of OpenPGP public keys that commits may be signed with")
}

func (k *keyFlags) verifier() (*signature.Verifier, error) {
	var cfg signature.Config
	for _, f := range []struct {
		flag, path string
		text       *string
	}{{"--allowed-signers", k.allowedSigners, &cfg.AllowedSigners}, {"--keyring", k.keyring, &cfg.Keyring}} {
		if f.path == "" {
			continue
		}
		data, err := os.ReadFile(f.path)
		if err != nil {
			return nil, &hintError{fmt.Errorf("read %s: %w", f.flag, err), "Name a file that this user may read."}
		}
		*f.text = string(data)
	}
	v, err := signature.New(cfg)
	if err != nil {
		return nil, &hintError{err, "Mend the file of keys, or leave it out."}
	}
	return v, nil
}

// openHistory opens the history of a repository in cache, or where the repository keeps
// its caches; in memory where there is no such place. outside is the model given from
// outside, if one is; reviews are the approvals that a forge has, nil for none.
func openHistory(repo *gitrepo.Repo, cache string, outside *catalog.OutsideModel, keys keyFlags, reviews func(content.Hash) []content.Approval, log *slog.Logger) (*history.Index, error) {
	cfg, err := historyConfig(repo, cache, outside, keys, log)
	if err != nil {
		return nil, err
	}
	cfg.Reviews = reviews
	return history.Open(cfg), nil
}

func historyConfig(repo *gitrepo.Repo, cache string, outside *catalog.OutsideModel, keys keyFlags, log *slog.Logger) (history.Config, error) {
	verifier, err := keys.verifier()
	if err != nil {
		return history.Config{}, err
	}
	if cache == "" {
		cache = repo.CacheDir()
	}
	cfg := history.Config{Repo: repo, Dir: cache, Model: catalog.DefaultModel, Verifier: verifier, Logger: log}
	if outside != nil {
		cfg.Model = ""
	}
	return cfg, nil
}

// histories lets GraphQL ask the history.
type histories struct{ *history.Index }

// Past implements graphql.Histories.
func (h histories) Past(ctx context.Context, view *content.View) (graphql.Past, error) {
	past, err := h.Index.Past(ctx, view)
	if err != nil {
		return nil, err
	}
	return past, nil
}

// historian brings each new view into the history: before it is served, once the first
// reading is done; that one goes on beside the serving.
type historian struct {
	index  *history.Index
	newest chan *content.View
	log    *slog.Logger
}

const (
	// extendWithin bounds how long a view waits for its history.
	extendWithin = 2 * time.Second
	// tellEvery is how often the log says how far the first reading is.
	tellEvery = 5 * time.Second
)

func newHistorian(index *history.Index, log *slog.Logger) *historian {
	return &historian{index, make(chan *content.View, 1), log}
}

// prepare extends the history by a view that is to be served.
func (h *historian) prepare(view *content.View) {
	if !h.index.Progress().Ready {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), extendWithin)
	defer cancel()
	h.extend(ctx, view)
}

// published takes note of a view; it never blocks, and has one caller at a time.
func (h *historian) published(view *content.View) {
	select {
	case <-h.newest:
	default:
	}
	h.newest <- view
}

// run follows the views until ctx ends, and then returns nil.
func (h *historian) run(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case view := <-h.newest:
			h.read(ctx, view)
			if err := h.index.Follow(ctx, view); err != nil && ctx.Err() == nil {
				h.log.Warn("former heads are not kept", "ref", view.Ref, "err", err)
			}
		}
	}
}

// read extends the history, and tells how far it is meanwhile.
func (h *historian) read(ctx context.Context, view *content.View) {
	done := make(chan struct{})
	var telling sync.WaitGroup
	telling.Go(func() { h.tell(done) })
	h.extend(ctx, view)
	close(done)
	telling.Wait()
}

func (h *historian) extend(ctx context.Context, view *content.View) {
	if err := h.index.Extend(ctx, view); err != nil && ctx.Err() == nil {
		h.log.Error("history is behind", "commit", string(view.Commit), "err", err)
	}
}

// tell logs the progress until done is closed.
func (h *historian) tell(done <-chan struct{}) {
	ticker := time.NewTicker(tellEvery)
	defer ticker.Stop()
	for {
		select {
		case <-done:
			return
		case <-ticker.C:
			p := h.index.Progress()
			h.log.Info("history is being read", "commits", p.Done, "of", p.Total)
		}
	}
}
