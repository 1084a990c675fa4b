package gitrepo

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/agnivade/levenshtein"
	"github.com/go-git/go-git/v5/plumbing"
)

const (
	maxRevision   = 255     // bytes of a revision
	maxSteps      = 100_000 // commits that the ~ and ^ of one revision may walk
	minShort      = 7       // digits of a short hash
	maxCandidates = 5
	maxCompared   = 1_000 // refs looked at for names like the one asked for
)

// RevisionError says why a revision names no commit that may be read.
type RevisionError struct {
	Revision string
	// Reason wraps ErrNotFound, ErrAmbiguous, ErrNotExposed or ErrShallow.
	Reason error
	// Candidates are what may have been meant, likeliest first: names of
	// exposed branches and tags, or hashes where a short one is ambiguous.
	Candidates []string
}

func (e *RevisionError) Error() string {
	text := fmt.Sprintf("revision %q: %v", e.Revision, e.Reason)
	if len(e.Candidates) > 0 {
		text += "; perhaps " + strings.Join(e.Candidates, ", ")
	}
	return text
}

func (e *RevisionError) Unwrap() error { return e.Reason }

// Resolve finds the commit that a revision names. In this order: HEAD, which is
// served; proposal/<n>, which Config.Proposal may know; a full ref; a branch; a tag; a
// branch of a remote, as "origin/main", where those are exposed; a full hash; a hash's
// first digits, seven or more, if only one commit begins with them; each
// followed by any number of ~n and ^n, which mean what they mean to Git. Then a
// time, ISO 8601 with dashes: the newest commit on served's line of first
// parents that was committed at or before it. A bare date is the end of that
// day in UTC, a time without a zone is UTC.
//
// Only commits that can be reached from exposed refs, from served, or from a
// proposal asked for by its number, are answered; whether others exist is not told. A revision may come from anyone:
// it never becomes a path or a pattern, and what it costs is bounded. The
// error, but for failures to read, is a *RevisionError.
func (r *Repo) Resolve(ctx context.Context, rev string, served Hash) (Hash, error) {
	return r.resolveIn(ctx, everything, rev, served)
}

// ResolvePublished is Resolve for those who may see only what is published: what served
// and the exposed tags lead to. Of anything else, its name too, they are told that there
// is none; names of proposals are refused, whether there are such or not.
func (r *Repo) ResolvePublished(ctx context.Context, rev string, served Hash) (Hash, error) {
	return r.resolveIn(ctx, published, rev, served)
}

// extent is what may be read.
type extent int

const (
	// everything that exposed refs, or the commit served, lead to.
	everything extent = iota
	// published is what exposed tags, or the commit served, lead to.
	published
)

// tagPrefix is where tags lie.
const tagPrefix = "refs/tags/"

func (r *Repo) resolveIn(ctx context.Context, in extent, rev string, served Hash) (Hash, error) {
	h, err := r.resolve(ctx, in, rev, served)
	if err == nil {
		return h, nil
	}
	var known *RevisionError
	switch {
	case errors.As(err, &known):
		return "", err
	case errors.Is(err, ErrNotFound), errors.Is(err, ErrNotExposed), errors.Is(err, ErrShallow):
		return "", &RevisionError{Revision: clip(rev), Reason: err}
	}
	return "", fmt.Errorf("resolve revision %q: %w", clip(rev), err)
}

func (r *Repo) resolve(ctx context.Context, in extent, rev string, served Hash) (Hash, error) {
	if rev == "" || len(rev) > maxRevision {
		return "", fmt.Errorf("%w: a revision has 1 to %d bytes", ErrNotFound, maxRevision)
	}
	name, suffix := rev, ""
	if i := strings.IndexAny(rev, "~^"); i >= 0 {
		name, suffix = rev[:i], rev[i:]
	}
	steps, err := parseSteps(suffix)
	if err != nil {
		return "", err
	}
	h, err := r.named(ctx, in, name, served)
	if errors.Is(err, errNoName) && suffix == "" {
		if at, ok := parseInstant(rev); ok {
			return r.line.at(ctx, r, served, at)
		}
	}
	if errors.Is(err, errNoName) {
		return "", r.unknown(ctx, in, rev, name)
	}
	if err != nil {
		return "", err
	}
	return r.step(ctx, h, steps)
}

// errNoName says that a name is none of those there are, as yet.
var errNoName = errors.New("no such name")

// named tries everything that ~ and ^ may follow.
func (r *Repo) named(ctx context.Context, in extent, name string, served Hash) (Hash, error) {
	if name == "HEAD" {
		if served == "" {
			return "", fmt.Errorf("%w: nothing is served yet", ErrNotFound)
		}
		return served, nil
	}
	if in == published && isProposal(name) {
		return "", fmt.Errorf("%w: proposals are read by those who have a role", ErrNotExposed)
	}
	if strings.HasPrefix(name, "refs/") && !r.exposed(name) {
		return "", fmt.Errorf("%w: only what is under %s may be read", ErrNotExposed, strings.Join(r.cfg.Exposed, ", "))
	}
	h, err := r.proposal(ctx, name)
	if !errors.Is(err, errNoName) {
		return h, err
	}
	for _, ref := range refNames(name) {
		if !r.exposed(ref) {
			continue
		}
		id, err := r.ref(ref)
		if err == nil {
			err = r.within(ctx, in, id, served)
		}
		if err == nil {
			return fromOID(id), nil
		}
		if !errors.Is(err, ErrNotFound) {
			return "", err
		}
	}
	return r.hashed(ctx, in, name, served)
}

// within is ErrNotFound where a commit is not part of what may be read; what exposed
// refs lead to always is part of everything.
func (r *Repo) within(ctx context.Context, in extent, id oid, served Hash) error {
	if in == everything {
		return nil
	}
	tips, err := r.tips(ctx, in, served)
	if err != nil {
		return err
	}
	found, err := r.reach[in].find(ctx, r, tips, id.String())
	if err == nil && len(found) == 0 {
		return ErrNotFound
	}
	return err
}

// isProposal reports whether a name is that of a proposal, or of its branch.
func isProposal(name string) bool {
	name, _ = strings.CutPrefix(name, "refs/heads/")
	return strings.HasPrefix(name, "proposal/") || strings.HasPrefix(name, "proposals/")
}

// proposal asks the opener what proposal/<n> means.
func (r *Repo) proposal(ctx context.Context, name string) (Hash, error) {
	digits, ok := strings.CutPrefix(name, "proposal/")
	if !ok || !isNumber(digits) || r.cfg.Proposal == nil {
		return "", errNoName
	}
	n, err := strconv.Atoi(digits)
	if err != nil {
		return "", errNoName
	}
	h, err := r.cfg.Proposal(ctx, n)
	if errors.Is(err, ErrNotFound) {
		return "", errNoName
	}
	if err != nil {
		return "", fmt.Errorf("proposal %d: %w", n, err)
	}
	if err := r.holds(h, plumbing.CommitObject); err != nil {
		return "", fmt.Errorf("proposal %d: %w", n, err)
	}
	return h, nil
}

// refNames are the full names that a name may stand for, in order.
func refNames(name string) []string {
	names := make([]string, 0, 5)
	if n, ok := strings.CutPrefix(name, "proposal/"); ok && isNumber(n) {
		names = append(names, "refs/heads/proposals/"+n)
	}
	if strings.HasPrefix(name, "refs/") {
		names = append(names, name)
	}
	return append(names, "refs/heads/"+name, "refs/tags/"+name, "refs/remotes/"+name)
}

func isNumber(s string) bool {
	return s != "" && len(s) < 10 && s[0] != '0' && strings.Trim(s, "0123456789") == ""
}

// hashed takes a name for a hash, whole or in part.
func (r *Repo) hashed(ctx context.Context, in extent, name string, served Hash) (Hash, error) {
	digits := lower(name)
	if len(digits) < minShort || len(digits) > 40 || strings.Trim(digits, "0123456789abcdef") != "" {
		return "", errNoName
	}
	tips, err := r.tips(ctx, in, served)
	if err != nil {
		return "", err
	}
	found, err := r.reach[in].find(ctx, r, tips, digits)
	switch {
	case err != nil:
		return "", err
	case len(found) == 0:
		return "", errNoName
	case len(found) > 1:
		return "", &RevisionError{
			Revision:   name,
			Reason:     fmt.Errorf("%w: %d commits or more begin with it", ErrAmbiguous, len(found)),
			Candidates: found,
		}
	}
	return Hash(found[0]), nil
}

// tips are the commits from which all that may be read can be reached.
func (r *Repo) tips(ctx context.Context, in extent, served Hash) ([]oid, error) {
	refs, err := r.Refs(ctx)
	if err != nil {
		return nil, err
	}
	if in == published {
		refs = slices.DeleteFunc(refs, func(x Ref) bool { return !strings.HasPrefix(x.Name, tagPrefix) })
	}
	tips := make([]oid, 0, len(refs)+1)
	for _, h := range append([]Ref{{Commit: served}}, refs...) {
		if h.Commit == "" {
			continue
		}
		id, err := h.Commit.oid()
		if err != nil {
			return nil, err
		}
		tips = append(tips, id)
	}
	return tips, nil
}

// suffixStep is ~n, or ^n.
type suffixStep struct {
	parent bool // ^n: the n-th parent; else n first parents
	n      int
}

// parseSteps reads what follows the name, so that its cost is known before any
// of it is done.
func parseSteps(text string) ([]suffixStep, error) {
	var steps []suffixStep
	for total := 0; text != ""; {
		s := suffixStep{parent: text[0] == '^', n: 1}
		if text[0] != '^' && text[0] != '~' {
			return nil, fmt.Errorf("%w: %q may not follow ~ or ^ here", ErrNotFound, clip(text))
		}
		text = text[1:]
		digits := len(text) - len(strings.TrimLeft(text, "0123456789"))
		if digits > 0 {
			n, err := strconv.Atoi(text[:digits])
			if err != nil || n > maxSteps {
				return nil, fmt.Errorf("%w: more than %d steps", ErrNotFound, maxSteps)
			}
			s.n, text = n, text[digits:]
		}
		if total += s.n; total > maxSteps {
			return nil, fmt.Errorf("%w: more than %d steps", ErrNotFound, maxSteps)
		}
		steps = append(steps, s)
	}
	return steps, nil
}

func (r *Repo) step(ctx context.Context, h Hash, steps []suffixStep) (Hash, error) {
	var err error
	for _, s := range steps {
		if s.parent {
			h, err = r.parent(ctx, h, s.n)
		} else {
			h, err = r.ancestor(ctx, h, s.n)
		}
		if err != nil {
			return "", err
		}
	}
	return h, nil
}

// parent is the n-th parent, from one; the commit itself for none.
func (r *Repo) parent(ctx context.Context, h Hash, n int) (Hash, error) {
	if n == 0 {
		return h, nil
	}
	c, err := r.Commit(ctx, h)
	if err != nil {
		return "", err
	}
	if len(c.Parents) < n {
		return "", fmt.Errorf("%w: commit %s has %d parents", ErrNotFound, h.Short(), len(c.Parents))
	}
	if c.Boundary {
		return "", shallowError(h)
	}
	return c.Parents[n-1], nil
}

// ancestor goes n first parents back.
func (r *Repo) ancestor(ctx context.Context, h Hash, n int) (Hash, error) {
	for i := range n {
		c, err := r.Commit(ctx, h)
		if err != nil {
			return "", err
		}
		next, err := c.firstParent()
		if err != nil {
			return "", err
		}
		if next == "" {
			return "", fmt.Errorf("%w: history begins %d steps back", ErrNotFound, i)
		}
		h = next
	}
	return h, nil
}

// instants are the forms of ISO 8601 taken; those without a zone are UTC.
var instants = [...]string{
	"2006-01-02T15:04:05Z07:00", "2006-01-02T15:04Z07:00",
	"2006-01-02T15:04:05Z0700", "2006-01-02T15:04Z0700",
	"2006-01-02T15:04:05Z07", "2006-01-02T15:04Z07",
	"2006-01-02T15:04:05", "2006-01-02T15:04",
}

// parseInstant reads a time. A bare date is the last moment of its day.
func parseInstant(text string) (time.Time, bool) {
	if at, err := time.Parse(time.DateOnly, text); err == nil {
		return at.AddDate(0, 0, 1).Add(-1), true
	}
	if len(text) > 10 && text[10] == ' ' {
		text = text[:10] + "T" + text[11:]
	}
	for _, layout := range instants {
		if at, err := time.Parse(layout, text); err == nil {
			return at, true
		}
	}
	return time.Time{}, false
}

// unknown is the error for a name that nothing has, with names like it.
func (r *Repo) unknown(ctx context.Context, in extent, rev, name string) error {
	refs, err := r.rawRefs(ctx, r.cfg.Exposed)
	if err != nil {
		return err
	}
	refs = slices.DeleteFunc(refs, func(x rawRef) bool { return strings.HasPrefix(x.name, ownRefs) }) // no names of people
	if in == published {
		return &RevisionError{
			Revision:   clip(rev),
			Reason:     fmt.Errorf("%w: no such tag, commit or time is published; those who have a role may read more", ErrNotFound),
			Candidates: similar(name, slices.DeleteFunc(refs, func(x rawRef) bool { return !strings.HasPrefix(x.name, tagPrefix) })),
		}
	}
	return &RevisionError{
		Revision:   clip(rev),
		Reason:     fmt.Errorf("%w: no such branch, tag, proposal, commit or time", ErrNotFound),
		Candidates: similar(name, refs),
	}
}

// similar picks the names that differ from name in few letters, or hold it.
func similar(name string, refs []rawRef) []string {
	var best [maxCandidates + 1][]string // by distance
	count := 0
	for i := 0; i < len(refs) && i < maxCompared; i++ {
		short := shortName(refs[i].name)
		if n, ok := distance(name, short); ok {
			best[n] = append(best[n], short)
		}
	}
	var names []string
	for _, group := range best {
		for _, n := range group {
			if count++; count <= maxCandidates {
				names = append(names, n)
			}
		}
	}
	return names
}

// distance counts the letters that differ, for as long as it is few of them.
func distance(a, b string) (int, bool) {
	a, b = strings.ToLower(a), strings.ToLower(b)
	if len(a) > 64 || len(b) > 64 {
		return 0, false
	}
	n := levenshtein.ComputeDistance(a, b)
	if n <= min(maxCandidates-1, 1+max(len(a), len(b))/4) {
		return n, true
	}
	return maxCandidates, len(a) >= 3 && strings.Contains(b, a)
}

func shortName(ref string) string {
	for _, prefix := range []string{"refs/heads/", "refs/tags/", "refs/remotes/"} {
		if name, ok := strings.CutPrefix(ref, prefix); ok {
			return name
		}
	}
	return ref
}

// clip keeps what a stranger sent from filling a log.
func clip(s string) string {
	if len(s) > maxRevision {
		return s[:maxRevision] + "..."
	}
	return s
}
