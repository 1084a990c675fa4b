package gitrepo

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/go-git/go-git/v5/plumbing"
)

// NewCommit is a commit to be written.
type NewCommit struct {
	Tree              Hash
	Parents           []Hash
	Author, Committer Signature
	Message           string
}

// WriteBlob keeps bytes as a blob and gives its name, which is HashBlob's. All
// can read it at once. It is on disk, for a crash of the machine, before
// UpdateRef or another method of this Repo moves a ref. Until a ref leads to it,
// `git gc` leaves it alone for two weeks. ErrTooLarge when there are more bytes
// than Config.MaxBlob.
func (r *Repo) WriteBlob(ctx context.Context, data []byte) (Hash, error) {
	err := bounded(int64(len(data)), r.cfg.MaxBlob)
	if err == nil {
		err = ctx.Err()
	}
	var id oid
	if err == nil {
		id, err = r.store.put(plumbing.BlobObject, data)
	}
	if err != nil {
		return "", fmt.Errorf("write blob: %w", err)
	}
	return fromOID(id), nil
}

// WriteCommit keeps a commit and gives its name. Names and addresses are cleaned
// as Git does (ident.c), all text is made valid UTF-8 without zero bytes, and
// the message ends with a newline; times are kept to the second. A ref is
// what makes it last, as with WriteBlob.
//
// ErrNotFound when there is no such tree or parent; ErrUnsupported when nothing
// is left of a name, or a time is before 1970 or after 9999.
func (r *Repo) WriteCommit(ctx context.Context, c NewCommit) (Hash, error) {
	id, err := r.writeCommit(ctx, c)
	if err != nil {
		return "", fmt.Errorf("write commit: %w", err)
	}
	return fromOID(id), nil
}

func (r *Repo) writeCommit(ctx context.Context, c NewCommit) (oid, error) {
	if err := ctx.Err(); err != nil {
		return oid{}, err
	}
	if err := r.holds(c.Tree, plumbing.TreeObject); err != nil {
		return oid{}, err
	}
	for _, p := range c.Parents {
		if err := r.holds(p, plumbing.CommitObject); err != nil {
			return oid{}, err
		}
	}
	author, err := formatSignature(c.Author)
	if err != nil {
		return oid{}, fmt.Errorf("author: %w", err)
	}
	committer, err := formatSignature(c.Committer)
	if err != nil {
		return oid{}, fmt.Errorf("committer: %w", err)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "tree %s\n", lower(string(c.Tree)))
	for _, p := range c.Parents {
		fmt.Fprintf(&b, "parent %s\n", lower(string(p)))
	}
	fmt.Fprintf(&b, "author %s\ncommitter %s\n\n%s", author, committer, completeText(c.Message))
	return r.store.put(plumbing.CommitObject, []byte(b.String()))
}

// completeText is text that Git can keep, its last line ended.
func completeText(text string) string {
	text = plainText(text)
	if text != "" && !strings.HasSuffix(text, "\n") {
		text += "\n"
	}
	return text
}

func plainText(text string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(text, "\uFFFD"), "\x00", "")
}

// formatSignature writes "Name <address> seconds zone".
func formatSignature(s Signature) (string, error) {
	name := cleanIdent(s.Name)
	if name == "" {
		return "", fmt.Errorf("%w: %q is no name that Git keeps", ErrUnsupported, s.Name)
	}
	if s.When.Unix() < 0 || s.When.Year() > 9999 {
		return "", fmt.Errorf("%w: time %s", ErrUnsupported, s.When.Format(time.RFC3339))
	}
	_, offset := s.When.Zone()
	sign := '+'
	if offset < 0 {
		sign, offset = '-', -offset
	}
	minutes := offset / 60
	return fmt.Sprintf("%s <%s> %d %c%02d%02d", name, cleanIdent(s.Email), s.When.Unix(), sign, minutes/60, minutes%60), nil
}

// cleanIdent takes off a name or address what Git takes off its ends, and out of
// it what would end it.
func cleanIdent(text string) string {
	crud := func(c rune) bool { return c <= ' ' || strings.ContainsRune(`,:;<>"\'`, c) }
	text = strings.TrimFunc(plainText(text), crud)
	return strings.NewReplacer("\n", "", "<", "", ">", "").Replace(text)
}
