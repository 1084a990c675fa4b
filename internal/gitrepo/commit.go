package gitrepo

import (
	"context"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/go-git/go-git/v5/plumbing"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/ianaindex"
)

// Commit is one commit. Names, addresses and message are valid UTF-8: a commit
// that says it is in another encoding is converted, and one that is not UTF-8
// without saying so is taken for Windows-1252.
type Commit struct {
	Hash      Hash
	Tree      Hash
	Parents   []Hash // as recorded, also those that a shallow clone lacks
	Author    Signature
	Committer Signature
	Message   string
	// Boundary: the parents are not in this clone, because it is shallow.
	Boundary bool
}

// Signature says who and when. When has the zone that was recorded and whole
// seconds; the zero time where it cannot be read.
type Signature struct {
	Name, Email string
	When        time.Time
}

// Commit reads one commit. ErrNotFound when there is no such object, or when it
// is not a commit; tags are not followed.
func (r *Repo) Commit(ctx context.Context, h Hash) (Commit, error) {
	id, err := h.oid()
	if err != nil {
		return Commit{}, fmt.Errorf("read commit %s: %w", h, err)
	}
	cut, err := r.shallow()
	if err != nil {
		return Commit{}, err
	}
	return r.commitAt(ctx, id, cut)
}

// commitAt reads a commit; cut are those whose parents are not in this clone.
func (r *Repo) commitAt(ctx context.Context, id oid, cut map[Hash]bool) (Commit, error) {
	data, err := r.objectAt(ctx, id, plumbing.CommitObject, maxRebuilt)
	if err != nil {
		return Commit{}, fmt.Errorf("read commit %s: %w", id, err)
	}
	c, err := parseCommit(data)
	if err != nil {
		return Commit{}, fmt.Errorf("read commit %s: %w", id, err)
	}
	c.Hash = fromOID(id)
	c.Boundary = cut[c.Hash]
	return c, nil
}

// object reads an object that must be of a kind.
func (r *Repo) object(ctx context.Context, h Hash, kind plumbing.ObjectType, limit int64) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	id, err := h.oid()
	if err != nil {
		return nil, err
	}
	return r.objectAt(ctx, id, kind, limit)
}

func (r *Repo) objectAt(ctx context.Context, id oid, kind plumbing.ObjectType, limit int64) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	o, err := r.store.read(id, limit)
	if err != nil {
		return nil, err
	}
	if o.kind != kind {
		return nil, fmt.Errorf("it is a %s, not a %s: %w", o.kind, kind, ErrNotFound)
	}
	return o.data, nil
}

// parseCommit reads a commit object: headers, an empty line, the message.
// Headers that are not needed (gpgsig, mergetag and their continuation lines)
// are passed over.
func parseCommit(data []byte) (Commit, error) {
	var c Commit
	rest, encoding := string(data), ""
	for rest != "" && rest[0] != '\n' {
		line, after, _ := strings.Cut(rest, "\n")
		rest = after
		key, value, _ := strings.Cut(line, " ")
		switch key {
		case "tree":
			c.Tree = Hash(value)
		case "parent":
			c.Parents = append(c.Parents, Hash(value))
		case "author":
			c.Author = parseSignature(value)
		case "committer":
			c.Committer = parseSignature(value)
		case "encoding":
			encoding = value
		}
	}
	for _, h := range append([]Hash{c.Tree}, c.Parents...) {
		if _, err := h.oid(); err != nil {
			return Commit{}, fmt.Errorf("%w: commit names %q", ErrCorrupt, string(h))
		}
	}
	c.Message = strings.TrimPrefix(rest, "\n")
	for _, s := range []*string{&c.Message, &c.Author.Name, &c.Author.Email, &c.Committer.Name, &c.Committer.Email} {
		*s = decodeText(*s, encoding)
	}
	return c, nil
}

// decodeText gives text as valid UTF-8.
func decodeText(s, encoding string) string {
	if encoding != "" {
		if e, err := ianaindex.IANA.Encoding(encoding); err == nil && e != nil {
			if out, err := e.NewDecoder().String(s); err == nil && !strings.ContainsRune(out, utf8.RuneError) {
				return out
			}
		}
	}
	if utf8.ValidString(s) {
		return s
	}
	out, err := charmap.Windows1252.NewDecoder().String(s)
	if err != nil {
		return strings.ToValidUTF8(s, "\uFFFD")
	}
	return out
}

// parseSignature reads "Name <address> seconds zone", forgiving as Git is: the
// address ends at the first >, the time is sought after the last.
func parseSignature(line string) Signature {
	open := strings.IndexByte(line, '<')
	if open < 0 {
		return Signature{Name: strings.TrimSpace(line)}
	}
	s := Signature{Name: strings.TrimSpace(line[:open])}
	address, _, ok := strings.Cut(line[open+1:], ">")
	if !ok {
		return s
	}
	s.Email = address
	s.When = parseTime(line[strings.LastIndexByte(line, '>')+1:])
	return s
}

func parseTime(text string) time.Time {
	fields := strings.Fields(text)
	if len(fields) == 0 {
		return time.Time{}
	}
	// Beyond the year 9999 neither JSON nor RFC 3339 can say it.
	seconds, err := strconv.ParseInt(fields[0], 10, 64)
	if err != nil || seconds < 0 || seconds > 253402300799 {
		return time.Time{}
	}
	at := time.Unix(seconds, 0).UTC()
	if len(fields) < 2 {
		return at
	}
	zone, err := strconv.Atoi(fields[1])
	if err != nil || zone < -1400 || zone > 1400 || zone == 0 {
		return at
	}
	return at.In(time.FixedZone("", (zone/100*60+zone%100)*60))
}

// FirstParents yields from and its first parents, newest first. An error ends
// it. At the edge of a shallow clone the last commit there is followed by
// ErrShallow, so that whoever needs the whole past cannot take a part for it.
func (r *Repo) FirstParents(ctx context.Context, from Hash) iter.Seq2[Commit, error] {
	return func(yield func(Commit, error) bool) {
		for h := from; h != ""; {
			c, err := r.Commit(ctx, h)
			if !yield(c, err) || err != nil {
				return
			}
			if h, err = c.firstParent(); err != nil {
				yield(Commit{}, err)
				return
			}
		}
	}
}

// firstParent is "" for a first commit, ErrShallow at the edge of a shallow clone.
func (c Commit) firstParent() (Hash, error) {
	if len(c.Parents) == 0 {
		return "", nil
	}
	if c.Boundary {
		return "", shallowError(c.Hash)
	}
	return c.Parents[0], nil
}

func shallowError(h Hash) error {
	return fmt.Errorf("%w: it holds nothing before commit %s: run `git fetch --unshallow`", ErrShallow, h.Short())
}

// shallowCache keeps the list of commits whose parents were left out.
type shallowCache struct {
	mu   sync.Mutex // guards the rest
	info os.FileInfo
	cut  map[Hash]bool
	sure bool
}

// Shallow tells whether the clone lacks a part of the past. It is asked of the
// disk each time: `git fetch --unshallow` may have run meanwhile.
func (r *Repo) Shallow() bool {
	cut, err := r.shallow()
	return err == nil && len(cut) > 0
}

func (r *Repo) shallow() (map[Hash]bool, error) {
	c := &r.cut
	c.mu.Lock()
	defer c.mu.Unlock()
	path := filepath.Join(r.commonDir, "shallow")
	info, err := os.Stat(path)
	if missing(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the edge of the shallow clone: %w", err)
	}
	if c.sure && sameFile(c.info, info) {
		return c.cut, nil
	}
	data, err := os.ReadFile(path)
	if missing(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the edge of the shallow clone: %w", err)
	}
	cut := map[Hash]bool{}
	for _, line := range strings.Fields(string(data)) {
		cut[Hash(line)] = true
	}
	c.info, c.cut, c.sure = info, cut, time.Since(info.ModTime()) > restTime
	return cut, nil
}
