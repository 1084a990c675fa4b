// Package gitea keeps proposals as the pull requests of a Gitea or Forgejo server. It
// is a proposal.Forge: what is done here is done there, in the name of whom the token
// belongs to; what people do there is seen here. All that the server told is kept under
// refs/koonti/forge/ too, so that reading goes on without it.
package gitea

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	sdk "code.gitea.io/sdk/gitea"
	"github.com/hashicorp/golang-lru/v2/expirable"

	"github.com/koonti/koonti/internal/content"
	"github.com/koonti/koonti/internal/gitrepo"
	"github.com/koonti/koonti/internal/proposal"
)

// Config says which repository of which server.
type Config struct {
	// URL of the server, with the path that it is under; Remote is what the repository
	// is cloned from: owner and name are the last two parts of its path.
	URL, Remote string
	// Repo is the mirror of Remote, with its pull requests. The Forge does not close it.
	Repo *gitrepo.Repo
	// Token is that of the service account, which reads, tells what was found out, and
	// acts for those who have none of their own, naming them. It needs to read
	// users and to write the repository and its issues (scopes read:user,
	// write:repository, write:issue). "" reads what anybody may, and leaves acting to those who
	// have a token.
	Token string
	// Target is the full name of the branch whose rights decide about roles.
	Target string
	// PublicURL, if set, is where proposals are shown here: the number is put behind it.
	PublicURL string
	// Transport reaches the server. Default: that of net/http.
	Transport http.RoundTripper
	// Now is the clock. Default: time.Now. Logger's default says nothing.
	Now    func() time.Time
	Logger *slog.Logger
}

// Forge is a repository on a Gitea or Forgejo server.
type Forge struct {
	cfg         Config
	url         string
	owner, name string
	http        *http.Client
	log         *slog.Logger

	// account is whom Config.Token belongs to, once the server said so.
	account atomic.Pointer[sdk.User]
	people  *expirable.LRU[string, content.Person] // by login
	tickets atomic.Uint64

	syncing, keeping, telling sync.Mutex
	// opening lets one at a time open with a key; which one, its hash says.
	opening [64]sync.Mutex
	// told are the events that Sync has told, by number and id, nil before the first;
	// caught is how far the last one came. syncing guards all three.
	told   map[int]map[int64]bool
	caught caught
	// complained is what those pull requests looked like that the log speaks of.
	complained map[int64]string

	mu sync.RWMutex // guards entries
	// entries are all pull requests known, by number. What they hold is immutable.
	entries map[int]*entry
}

var _ proposal.Forge = (*Forge)(nil)

// New opens the forge with what is kept of it in cfg.Repo. It asks the server nothing:
// Sync does. ErrInvalid for a URL that is none.
func New(ctx context.Context, cfg Config) (*Forge, error) {
	server, err := serverURL(cfg.URL)
	if err != nil {
		return nil, err
	}
	owner, name, err := repositoryOf(cfg.Remote)
	if err != nil {
		return nil, err
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if cfg.Transport == nil {
		cfg.Transport = http.DefaultTransport
	}
	f := &Forge{
		cfg: cfg, url: server, owner: owner, name: name, log: cfg.Logger,
		http:    &http.Client{Transport: newTransport(cfg.Transport, cfg.Token), Timeout: requestTime, CheckRedirect: noRedirect},
		people:  expirable.NewLRU[string, content.Person](10_000, nil, personTime),
		entries: map[int]*entry{}, complained: map[int64]string{},
	}
	if err := f.load(ctx); err != nil {
		return nil, fmt.Errorf("read what is kept of %s/%s: %w", owner, name, err)
	}
	return f, nil
}

func serverURL(raw string) (string, error) {
	u, err := url.Parse(raw)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return "", fmt.Errorf("%w: the URL of Gitea is like https://gitea.example.org, without user, query or fragment", content.ErrInvalid)
	}
	return strings.TrimRight(u.String(), "/"), nil
}

// repositoryOf reads owner and name off a URL, or user@host:owner/name.
func repositoryOf(remote string) (owner, name string, err error) {
	p := remote
	if u, err := url.Parse(remote); err == nil && u.Host != "" {
		p = u.Path
	} else if _, after, ok := strings.Cut(remote, ":"); ok {
		p = after
	}
	p = strings.TrimSuffix(strings.Trim(p, "/"), ".git")
	owner, name = path.Base(path.Dir(p)), path.Base(p)
	if !strings.Contains(p, "/") || !isName(owner) || !isName(name) {
		return "", "", fmt.Errorf("%w: the remote's path must end with OWNER/NAME", content.ErrInvalid)
	}
	return owner, name, nil
}

// isName tells what Gitea takes for a name of an owner or repository.
func isName(s string) bool {
	return s != "" && s != "." && s != ".." && !strings.ContainsFunc(s, func(c rune) bool {
		return !strings.ContainsRune("-_.", c) && (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z')
	})
}

// List returns all pull requests known.
func (f *Forge) List(ctx context.Context) ([]*content.Proposal, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	f.mu.RLock()
	defer f.mu.RUnlock()
	all := make([]*content.Proposal, 0, len(f.entries))
	for _, e := range f.entries {
		all = append(all, e.proposal)
	}
	slices.SortFunc(all, func(a, b *content.Proposal) int { return b.Number - a.Number })
	return all, nil
}

// Proposal returns one of those known.
func (f *Forge) Proposal(ctx context.Context, number int) (*content.Proposal, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if e := f.entry(number); e != nil {
		return e.proposal, nil
	}
	return nil, fmt.Errorf("proposal %d: %w", number, content.ErrNotFound)
}

// self is the service account, nil where there is none or it is not known yet.
func (f *Forge) self() *sdk.User { return f.account.Load() }

// ours tells whether a text is by the service account.
func (f *Forge) ours(u *sdk.User) bool {
	self := f.self()
	return self != nil && u != nil && u.ID == self.ID
}

// introduce asks whom the service's token belongs to, once.
func (f *Forge) introduce(ctx context.Context) error {
	if f.cfg.Token == "" || f.self() != nil {
		return nil
	}
	c, err := f.client(ctx, f.cfg.Token)
	if err != nil {
		return err
	}
	me, _, err := c.GetMyUserInfo()
	if err != nil {
		return fmt.Errorf("ask whom the service's token belongs to: %w", err)
	}
	f.account.Store(me)
	return nil
}

// fetch brings the mirror up to date.
func (f *Forge) fetch(ctx context.Context) error {
	if _, err := f.cfg.Repo.Fetch(ctx); err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return errors.Join(content.ErrUnavailable, err)
	}
	return nil
}
