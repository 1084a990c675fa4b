// Package gitrepo reads and writes Git repositories: it opens a work tree or a
// bare repository, resolves revisions, reads trees and blobs, walks the line of
// first parents, writes blobs, trees, commits and branches, follows a remote in
// a bare clone, and keeps working while an outside gc, repack or prune moves
// objects about.
//
// It knows Git, not records: what the files mean is the business of others.
// It never runs a git program, a hook, a filter or anything else a repository
// names, and it reads no environment but the places of the user's own
// configuration. Replacement refs (refs/replace) and grafts are not honoured:
// what is read is what the hashes say.
//
// go-git supplies the wire protocol, the transports and the formats of pack
// index, loose object and delta. The reading of packs and refs is done here,
// because its Repository may not be read by two goroutines at once, loses
// sight of objects when another process repacks, parses every index of an
// alternate again for every object, and expands a delta whatever its size.
package gitrepo

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"

	"github.com/go-git/go-git/v5/plumbing"
)

// Hash names an object: 40 lower-case hexadecimal digits. "" is none.
type Hash string

// Short is the first ten digits, enough for a person to tell commits apart.
func (h Hash) Short() string {
	if len(h) > 10 {
		return string(h[:10])
	}
	return string(h)
}

// HashBlob is the name that Git gives a blob with these bytes.
func HashBlob(data []byte) Hash {
	return fromOID(plumbing.ComputeHash(plumbing.BlobObject, data))
}

// Sentinels. They come wrapped with what was tried and, where there is a cure,
// with what to do about it.
var (
	// ErrNotFound: no such revision, ref, object or path.
	ErrNotFound = errors.New("not found")
	// ErrAmbiguous: a short hash that several commits begin with.
	ErrAmbiguous = errors.New("ambiguous")
	// ErrNotExposed: a ref outside the exposed prefixes, whether it exists or not.
	ErrNotExposed = errors.New("not exposed")
	// ErrTooLarge: a blob over Config.MaxBlob, an object that can only be rebuilt
	// from one that is too large to hold, or folders nested too deep.
	ErrTooLarge = errors.New("too large")
	// ErrUnsupported: a repository format or an operation that is not served.
	ErrUnsupported = errors.New("unsupported")
	// ErrShallow: the history asked for ends at the edge of a shallow clone.
	ErrShallow = errors.New("the clone is shallow")
	// ErrNotRepository: no Git repository there.
	ErrNotRepository = errors.New("not a git repository")
	// ErrChanged: a ref is not what it was when its change was decided on.
	ErrChanged = errors.New("changed by another process")
	// ErrRejected: a remote that does not let a ref be changed.
	ErrRejected = errors.New("rejected by the remote")
	// ErrCheckedOut: a branch that a work tree has checked out.
	ErrCheckedOut = errors.New("checked out")
	// ErrBusy: Git is in the middle of something in the work tree.
	ErrBusy = errors.New("git is at work")
	// ErrUncommitted: work in the work tree that is in no commit.
	ErrUncommitted = errors.New("uncommitted work is in the way")
	// ErrCorrupt: bytes that are not what Git writes in that place.
	ErrCorrupt = errors.New("corrupt")
)

// Defaults of Config.
const (
	DefaultMaxBlob = 64 << 20
	DefaultCache   = 32 << 20
)

// Config says how a repository is opened. The zero value is good.
type Config struct {
	// Exposed are the refs whose commits may be read from outside: prefixes such
	// as "refs/heads/", or whole names. Default: refs/heads/ and refs/tags/, and
	// with the former the proposals, which are branches (refs/heads/proposals/).
	Exposed []string
	// MaxBlob is the largest blob read, in bytes. Default: DefaultMaxBlob.
	MaxBlob int64
	// Cache bounds the bytes of objects kept to rebuild others from.
	// Default: DefaultCache.
	Cache int64
	// Username and Password are offered to an HTTP server, beside those in the URL.
	// They are never written to disk.
	Username, Password string
	// Pulls makes Fetch take over the heads of the remote's pull requests as well, as
	// Gitea and GitHub offer them: refs/pull/<n>/head is then refs/koonti/pulls/<n>.
	Pulls bool
	// Proposal says which commit proposal/<n> means to Resolve. ErrNotFound leaves it
	// to the branch proposals/<n>, as without it. What is answered may be read, and
	// what ~n and ^n lead to from there, exposed or not.
	Proposal func(ctx context.Context, number int) (Hash, error)
	// SSHKey is the file of an unencrypted private key. Default: the agent at
	// SSH_AUTH_SOCK, else the first of ~/.ssh/id_ed25519, id_ecdsa, id_rsa.
	SSHKey string
}

func (c Config) withDefaults() Config {
	if len(c.Exposed) == 0 {
		c.Exposed = []string{"refs/heads/", "refs/tags/"}
	}
	if c.MaxBlob <= 0 {
		c.MaxBlob = DefaultMaxBlob
	}
	if c.Cache <= 0 {
		c.Cache = DefaultCache
	}
	return c
}

// oid is a hash in the twenty bytes that Git stores.
type oid = plumbing.Hash

func fromOID(o oid) Hash {
	if o.IsZero() {
		return ""
	}
	return Hash(o.String())
}

func (h Hash) oid() (oid, error) {
	var o oid
	if len(h) != 2*len(o) {
		return o, fmt.Errorf("hash %q: %w: it needs %d hexadecimal digits", string(h), ErrNotFound, 2*len(o))
	}
	if _, err := hex.Decode(o[:], []byte(h)); err != nil {
		return oid{}, fmt.Errorf("hash %q: %w: not hexadecimal", string(h), ErrNotFound)
	}
	return o, nil
}
