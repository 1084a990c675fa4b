package gitrepo

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"

	"github.com/go-git/go-git/v5/plumbing/transport"
)

// mirrored are the refs that a mirror takes over from its remote. All others,
// such as those under refs/koonti/, are its own.
var mirrored = []string{"refs/heads/", "refs/tags/"}

// Mirror opens the bare clone of url in dir, and makes it if dir is absent or
// empty. One that is there already is opened without asking the remote, so
// that it can be served while the remote is away; Fetch brings it up to date.
// A clone that never got anything is fetched.
//
// url is https, http, ssh (also user@host:path), file, or a path. What it holds
// of a password is not written to disk; Config has room for one. An error when
// dir holds something else.
func Mirror(ctx context.Context, url, dir string, cfg Config) (*Repo, error) {
	r, err := mirror(ctx, url, dir, cfg)
	if err != nil {
		return nil, fmt.Errorf("mirror %s in %s: %w", Redact(url), dir, err)
	}
	return r, nil
}

func mirror(ctx context.Context, url, dir string, cfg Config) (*Repo, error) {
	ep, err := endpoint(url)
	if err != nil {
		return nil, err
	}
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	if len(entries) == 0 {
		if err := initBare(dir, storedURL(ep)); err != nil {
			return nil, err
		}
	}
	if _, ok := gitFolder(dir); !ok {
		return nil, fmt.Errorf("%w, and not empty: choose another folder", ErrNotRepository)
	}
	r, err := Open(dir, cfg)
	if err != nil {
		return nil, err
	}
	if err := r.follows(ctx, ep); err != nil {
		return nil, errors.Join(err, r.Close())
	}
	return r, nil
}

// follows makes sure that the clone is one of ep, and has something of it.
func (r *Repo) follows(ctx context.Context, ep *transport.Endpoint) error {
	stored, err := r.remoteURL()
	if err != nil {
		return err
	}
	if stored != storedURL(ep) {
		return fmt.Errorf("it is a clone of %s: remove it or choose another folder", stored)
	}
	r.remote = ep
	refs, err := r.rawRefs(ctx, mirrored)
	if err != nil || len(refs) > 0 {
		return err
	}
	_, err = r.Fetch(ctx)
	return err
}

// endpoint reads a URL or path, and refuses what cannot be fetched from.
func endpoint(url string) (*transport.Endpoint, error) {
	ep, err := transport.NewEndpoint(url)
	if err != nil {
		return nil, fmt.Errorf("%w: not a URL", ErrUnsupported) // the error would show a password
	}
	if !slices.Contains([]string{"http", "https", "ssh", "file"}, ep.Protocol) {
		return nil, fmt.Errorf("%w: protocol %q: use https, ssh, file or a path", ErrUnsupported, ep.Protocol)
	}
	return ep, nil
}

// storedURL is what the configuration may show of a remote.
func storedURL(ep *transport.Endpoint) string {
	bare := *ep
	bare.Password = ""
	if ep.Protocol == "http" || ep.Protocol == "https" {
		bare.User = "" // often a token
	}
	if ep.Protocol == "file" {
		return bare.Path
	}
	return bare.String()
}

// Redact is a URL fit for logs: without user and password, either of which may be a token.
func Redact(raw string) string {
	scheme, rest, ok := strings.Cut(raw, "://")
	if at := strings.LastIndexByte(rest, '@'); ok && at >= 0 {
		return scheme + "://..." + rest[at:]
	}
	return raw
}

// remoteURL is what the repository says it is a clone of. ErrUnsupported when
// it is none whose branches may be overwritten.
func (r *Repo) remoteURL() (string, error) {
	conf, err := r.layout().settings()
	if err != nil {
		return "", err
	}
	specs := conf["remote.origin.fetch"]
	all := slices.Contains(specs, "+refs/heads/*:refs/heads/*") || slices.Contains(specs, "+refs/*:refs/*")
	if r.workTree != "" || !all || conf.last("remote.origin.url") == "" {
		return "", fmt.Errorf("%w: not a mirror: only a bare clone that takes over its remote's branches is fetched into",
			ErrUnsupported)
	}
	return conf.last("remote.origin.url"), nil
}
