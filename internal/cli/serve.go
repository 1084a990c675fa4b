package cli

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/koonti/koonti/graphql"
	"github.com/koonti/koonti/internal/catalog"
	"github.com/koonti/koonti/internal/content"
	"github.com/koonti/koonti/internal/forge/gitea"
	"github.com/koonti/koonti/internal/gitrepo"
	"github.com/koonti/koonti/internal/server"
)

// serveFlags are the flags of koonti serve.
type serveFlags struct {
	ref, addr, remote, cache, log, onPublish string
	fetch                                    time.Duration
	keys                                     keyFlags
	access                                   accessFlags
	office                                   officeFlags
}

func (a *app) serve() *cobra.Command {
	var flags serveFlags
	c := &cobra.Command{
		Use:   "serve",
		Short: "Serve records over GraphQL, and follow changes",
		Long: `Serves the records of a repository over GraphQL and follows every change: files
saved in the work tree, commits on the branch given with --ref, or what comes from a
Git server given with --remote. What is broken never takes content away: the newest
valid version is served in its place, and the problem is told.`,
		Example: `  koonti serve                                  # the work tree in this folder
  koonti serve --ref main                       # only what is committed on main
  koonti serve --repo content.git --ref main    # a bare repository
  koonti serve --remote https://git.example.org/content.git --ref main --fetch 30s
  koonti serve --repo other --model model.json  # a repository without a model`,
		Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error { return a.runServe(c.Context(), flags) },
	}
	a.content(c)
	c.Flags().StringVar(&flags.ref, "ref", "", "branch or tag to serve (default: the work tree, or HEAD of a bare repository)")
	c.Flags().StringVar(&flags.addr, "addr", "127.0.0.1:8080", "address to listen on")
	c.Flags().StringVar(&flags.remote, "remote", "", "URL of a Git server to follow, kept as a bare clone")
	c.Flags().DurationVar(&flags.fetch, "fetch", 30*time.Second, "how often the remote is asked")
	c.Flags().StringVar(&flags.cache, "cache", "", "folder for the search index, the history and the clone of --remote (default: koonti/ in the Git folder, else your cache folder)")
	c.Flags().StringVar(&flags.onPublish, "on-publish", "", "URL that a notice is posted to when a new view is served; signed with "+hookSecret+" of the environment")
	c.Flags().StringVar(&flags.log, "log", "text", "form of the log on standard error: text or json")
	flags.keys.add(c)
	flags.office.add(c)
	flags.access.add(c)
	c.MarkFlagsMutuallyExclusive("repo", "remote")
	return c
}

func noArgs(c *cobra.Command, args []string) error {
	if len(args) > 0 {
		return &hintError{fmt.Errorf("%q is one word too many", args[0]), fmt.Sprintf("Run '%s --help' for what it takes.", c.CommandPath())}
	}
	return nil
}

func (a *app) runServe(ctx context.Context, flags serveFlags) error {
	log, err := a.logger(flags.log)
	if err != nil {
		return err
	}
	heads := &heads{}
	repo, err := a.served(ctx, flags, heads)
	if err != nil {
		return err
	}
	defer repo.Close()
	outside, err := a.outside()
	if err != nil {
		return err
	}
	listener, err := listen(flags.addr)
	if err != nil {
		return err
	}
	defer listener.Close()
	index, err := openIndex(repo, flags.cache, log)
	if err != nil {
		return err
	}
	defer index.Close()
	var s *serving
	past, err := openHistory(repo, flags.cache, outside, flags.keys, func(merge content.Hash) []content.Approval { return s.approvals(merge) }, log)
	if err != nil {
		return err
	}
	defer past.Close()
	s = &serving{
		flags: flags, log: log, repo: repo, heads: heads, outside: outside, indexing: newIndexer(index, log), remembering: newHistorian(past, log),
		graphql: graphql.Config{Searcher: searcher{index}, Histories: histories{past}},
	}
	if err := s.open(ctx, listener); err != nil {
		return err
	}
	a.greet(s.cat.Current(), listener.Addr(), flags, repo)
	return s.run(ctx, listener)
}

func listen(addr string) (net.Listener, error) {
	listener, err := net.Listen("tcp", addr)
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, &hintError{fmt.Errorf("the address %s is taken", addr), "Is another server running there? Take another one with --addr."}
	}
	if err != nil {
		return nil, &hintError{fmt.Errorf("listen on %s: %w", addr, err), "Give --addr as host and port, for example 127.0.0.1:8080."}
	}
	return listener, nil
}

// serving is what a running server is made of.
type serving struct {
	flags       serveFlags
	log         *slog.Logger
	repo        *gitrepo.Repo
	heads       *heads
	outside     *catalog.OutsideModel
	indexing    *indexer
	remembering *historian
	graphql     graphql.Config

	cat      *catalog.Catalog
	office   *office // nil where proposals are none of this server's business
	server   *server.Server
	notifier *server.Notifier
	handler  http.Handler
}

// open reads the first view, and makes all that answers from it.
func (s *serving) open(ctx context.Context, listener net.Listener) error {
	forge, authenticate, err := s.openForge(ctx)
	if err != nil {
		return err
	}
	who, err := s.flags.access.resolver(s.repo, listener.Addr(), authenticate, s.log)
	if err != nil {
		return err
	}
	if s.notifier, err = newNotifier(s.flags.onPublish, s.log); err != nil {
		return err
	}
	serverCfg := server.Config{Logger: s.log, Version: Version(), Access: who}
	if forge != nil {
		if s.office, err = newOffice(s, forge, authenticate != nil); err != nil {
			return err
		}
		s.graphql.Proposals = s.office.service
	}
	if secret := os.Getenv(forgeHookSecret); authenticate != nil && secret != "" {
		serverCfg.ForgeHook = gitea.Webhook(secret, s.office.service.Wake)
	}
	serverCfg.GraphQL = s.graphql
	s.server = server.New(serverCfg)
	cfg := catalog.Config{Repo: s.repo, Ref: s.flags.ref, Model: s.outside, Logger: s.log, Prepare: s.prepare, Published: s.published}
	if s.flags.remote != "" {
		cfg.Fetch = s.flags.fetch
	}
	if s.cat, err = catalog.Open(ctx, cfg); err != nil {
		return explain(err)
	}
	if s.office != nil {
		s.office.cat = s.cat
	}
	s.handler, err = s.server.Handler(s.cat)
	return err
}

// approvals are those that the forge has of what a commit merged.
func (s *serving) approvals(merge content.Hash) []content.Approval {
	if s.office == nil {
		return nil
	}
	return s.office.service.Approvals(merge)
}

func (s *serving) prepare(view *content.View) {
	s.remembering.prepare(view)
	s.server.Prepare(view)
}

func (s *serving) published(view *content.View) {
	s.indexing.published(view)
	s.remembering.published(view)
	s.server.Published(view)
	s.notifier.Published(view)
	if s.office != nil {
		s.office.service.Wake()
	}
}

// run serves until ctx ends.
func (s *serving) run(ctx context.Context, listener net.Listener) error {
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return s.cat.Run(ctx) })
	group.Go(func() error { return s.indexing.run(ctx) })
	group.Go(func() error { return s.remembering.run(ctx) })
	group.Go(func() error { return s.server.Serve(ctx, listener, s.handler) })
	if s.flags.onPublish != "" {
		group.Go(func() error { return s.notifier.Run(ctx) })
	}
	if s.office != nil {
		group.Go(func() error { return s.office.service.Run(ctx) })
		group.Go(func() error { return s.office.herald.RunHooks(ctx) })
		group.Go(func() error { return s.office.herald.RunMails(ctx) })
	}
	return group.Wait()
}

// hookSecret names the environment variable with the secret that notices are signed
// with; a flag would show in the list of processes.
const hookSecret = "KOONTI_HOOK_SECRET"

func newNotifier(address string, log *slog.Logger) (*server.Notifier, error) {
	if err := checkHook("--on-publish", address, log); err != nil {
		return nil, err
	}
	return server.NewNotifier(server.NotifierConfig{URL: address, Secret: []byte(os.Getenv(hookSecret)), Logger: log}), nil
}

func isWebAddress(address string) bool {
	u, err := url.Parse(address)
	return err == nil && u.Host != "" && (u.Scheme == "http" || u.Scheme == "https")
}

func (a *app) logger(form string) (*slog.Logger, error) {
	switch form {
	case "text":
		return slog.New(slog.NewTextHandler(a.Err, nil)), nil
	case "json":
		return slog.New(slog.NewJSONHandler(a.Err, nil)), nil
	}
	return nil, fmt.Errorf("--log %s is no form of log: take text or json", form)
}

// served opens the repository, or the clone of the remote.
func (a *app) served(ctx context.Context, flags serveFlags, heads *heads) (*gitrepo.Repo, error) {
	if flags.remote == "" {
		return a.open()
	}
	if flags.fetch < time.Second {
		return nil, fmt.Errorf("--fetch %s is too often: take a second or more", flags.fetch)
	}
	dir, err := cloneFolder(flags)
	if err != nil {
		return nil, err
	}
	if _, err := flags.forgeURL(); err != nil {
		return nil, err
	}
	cfg := gitrepo.Config{Exposed: exposed()}
	if flags.office.forge != "" {
		cfg.Pulls, cfg.Proposal = true, heads.head
		if token := os.Getenv(forgeToken); token != "" {
			cfg.Username, cfg.Password = "koonti", token
		}
	}
	repo, err := gitrepo.Mirror(ctx, flags.remote, dir, cfg)
	if err != nil {
		return nil, &hintError{err, "Check the URL given with --remote, and that this machine may read it."}
	}
	return repo, nil
}

// cloneFolder is where the clone of the remote is kept: one folder for each URL.
func cloneFolder(flags serveFlags) (string, error) {
	base := flags.cache
	if base == "" {
		cache, err := os.UserCacheDir()
		if err != nil {
			return "", &hintError{fmt.Errorf("find a cache folder: %w", err), "Name one with --cache."}
		}
		base = filepath.Join(cache, "koonti")
	}
	return filepath.Join(base, "clones", string(gitrepo.HashBlob([]byte(flags.remote)))[:16]+".git"), nil
}

// greet says where to look.
func (a *app) greet(view *content.View, addr net.Addr, flags serveFlags, repo *gitrepo.Repo) {
	url := "http://" + addr.String()
	what := "the work tree " + repo.WorkTree()
	switch {
	case flags.remote != "":
		what = gitrepo.Redact(flags.remote) + ", " + view.Ref
	case flags.ref != "" || repo.WorkTree() == "":
		what = view.Ref + " of " + repo.GitDir()
	}
	fmt.Fprintf(a.Out, "Koonti serves %d records of %s\n\n", view.Snapshot.Count(), what)
	fmt.Fprintf(a.Out, "  begin here   %s/\n  GraphQL      %s/graphql\n  types        %s/schema.graphql\n  readiness    %s/readyz\n\n", url, url, url, url)
	if n := len(view.Problems); n > 0 {
		fmt.Fprintf(a.Out, "Problems of the content: %d; 'koonti check' shows them.\n", n)
	}
	fmt.Fprintln(a.Out, "Stop with Ctrl-C.")
}
