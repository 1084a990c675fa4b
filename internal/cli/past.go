package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/agnivade/levenshtein"
	"github.com/spf13/cobra"

	"github.com/koonti/koonti/internal/catalog"
	"github.com/koonti/koonti/internal/content"
	"github.com/koonti/koonti/internal/gitrepo"
	"github.com/koonti/koonti/internal/history"
)

// pastFlags say which past a command tells of, and how it shows it.
type pastFlags struct {
	ref, cache string
	noPager    bool
	keys       keyFlags
}

func (f *pastFlags) add(a *app, c *cobra.Command) {
	a.content(c)
	c.Flags().StringVar(&f.cache, "cache", "", "folder for the history (default: koonti/ in the Git folder, else your cache folder)")
}

func (f *pastFlags) addPager(c *cobra.Command) {
	c.Flags().BoolVar(&f.noPager, "no-pager", false, "never hand what is longer than the screen to $PAGER or less")
}

func (f *pastFlags) addRef(c *cobra.Command) {
	c.Flags().StringVar(&f.ref, "ref", "", "revision to tell of: a branch, tag, commit or date (default: the work tree, or HEAD of a bare repository)")
}

// remembered is the content of one revision with everything that led to it.
type remembered struct {
	repo  *gitrepo.Repo
	cat   *catalog.Catalog
	index *history.Index
	view  *content.View
	past  *history.Past
}

// past opens what a revision holds and what led to it; "" is what would be served: the
// work tree, or HEAD of a bare repository. What was not read before is read, and a
// person is shown how far that is. The caller closes it.
func (a *app) past(ctx context.Context, flags pastFlags) (_ *remembered, err error) {
	repo, err := a.openOwn()
	if err != nil {
		return nil, err
	}
	o := &remembered{repo: repo}
	defer func() {
		if err != nil {
			o.Close()
		}
	}()
	outside, err := a.outside()
	if err != nil {
		return nil, err
	}
	if o.cat, err = catalog.Open(ctx, catalog.Config{Repo: repo, Model: outside}); err != nil {
		return nil, explain(err)
	}
	if o.index, err = openHistory(repo, flags.cache, outside, flags.keys, nil, nil); err != nil {
		return nil, err
	}
	o.view = o.cat.Current()
	if flags.ref != "" {
		if o.view, err = o.cat.At(ctx, flags.ref); err != nil {
			return nil, err
		}
	}
	o.past, err = a.read(ctx, o.index, o.view)
	return o, err
}

// read reads what led to a view and was not read before.
func (a *app) read(ctx context.Context, index *history.Index, view *content.View) (*history.Past, error) {
	defer a.progress(index)()
	if err := index.Extend(ctx, view); err != nil {
		return nil, err
	}
	return index.Past(ctx, view)
}

// Close lets go of what was opened.
func (o *remembered) Close() {
	if o.index != nil {
		_ = o.index.Close() // what could not be kept is read from Git again
	}
	o.repo.Close()
}

// at is the same content at another revision.
func (o *remembered) at(ctx context.Context, revision string) (*remembered, error) {
	then := *o
	var err error
	if then.view, err = o.cat.At(ctx, revision); err != nil {
		return nil, err
	}
	then.past, err = o.index.Past(ctx, then.view)
	return &then, err
}

const (
	// progressAfter is how long something takes before a person is told how far it is,
	// and progressEvery how often then.
	progressAfter = 500 * time.Millisecond
	progressEvery = 100 * time.Millisecond
)

// progress shows a person how far the reading of the history is, until the function it
// returns is called.
func (a *app) progress(index *history.Index) (stop func()) {
	return a.telling(func() string {
		p := index.Progress()
		if p.Total == 0 {
			return "Reading the history…"
		}
		return fmt.Sprintf("Reading the history: %d of %d commits", p.Done, p.Total)
	})
}

// telling shows on standard error, where that is a terminal, what tell says, until the
// function it returns is called.
func (a *app) telling(tell func() string) (stop func()) {
	if !isTerminal(a.Err) {
		return func() {}
	}
	done, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		told, wait := false, progressAfter
		for {
			select {
			case <-done:
				if told {
					io.WriteString(a.Err, "\r\x1b[K")
				}
				return
			case <-time.After(wait):
				fmt.Fprintf(a.Err, "\r%s\x1b[K", tell())
				told, wait = true, progressEvery
			}
		}
	}()
	return func() { close(done); <-ended }
}

// oneRecord takes one argument that names a record.
func oneRecord(example string) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		if len(args) != 1 {
			return &hintError{errors.New("name one record"), "For example: " + example}
		}
		return nil
	}
}

// atMostOneRecord holds the arguments of commands that tell of one record or of all.
func atMostOneRecord(_ *cobra.Command, args []string) error {
	if len(args) > 1 {
		return &hintError{fmt.Errorf("%q is one word too many", args[1]), "Name one record, or none for all."}
	}
	return nil
}

// asked is the query that the flags and the record named in args, if one is, ask for.
func (o *remembered) asked(c *cobra.Command, which changeFlags, args []string) (content.ChangeQuery, error) {
	q, err := which.query(c, o.view.Model)
	if err != nil || len(args) == 0 {
		return q, err
	}
	ref, err := o.find(c.Context(), args[0])
	if err != nil {
		return q, err
	}
	q.Record = &ref
	return q, nil
}

// find returns the record that arg names: collection/id, also an id that it had before,
// or the path of its file.
func (o *remembered) find(ctx context.Context, arg string) (content.Ref, error) {
	ref, ok, err := o.look(ctx, arg)
	if err != nil || ok {
		return ref, err
	}
	return ref, o.unknown(ctx, arg)
}

// dated is find for an argument that may end in @ and a revision: what the record is there,
// the content it is of, and the revision, which is "" for what would be served. An id may
// have an @ of its own.
func (o *remembered) dated(ctx context.Context, arg string) (then *remembered, f file, revision string, err error) {
	name := arg
	for {
		ref, ok, err := o.look(ctx, name)
		if err != nil {
			return nil, file{}, "", err
		}
		if ok {
			return o.held(ctx, ref, strings.TrimPrefix(arg[len(name):], "@"))
		}
		at := strings.LastIndexByte(name, '@')
		if at <= 0 {
			return nil, file{}, "", o.unknown(ctx, name)
		}
		name = name[:at]
	}
}

func (o *remembered) look(ctx context.Context, arg string) (content.Ref, bool, error) {
	refs := refsOf(o.repo, o.view.Model, arg)
	for _, ref := range refs {
		if o.view.Snapshot.Record(ref) != nil {
			return ref, true, nil
		}
	}
	for _, ref := range refs {
		page, err := o.past.Changes(ctx, content.ChangeQuery{Record: &ref, Formatting: true, Limit: 1})
		if err != nil || len(page.Changes) > 0 {
			return ref, err == nil, err
		}
	}
	return content.Ref{}, false, nil
}

// resolved is a folder without symbolic links on the way.
func resolved(dir string) string {
	if name, err := filepath.EvalSymlinks(dir); err == nil {
		return name
	}
	return dir
}

// unknown is the error for an argument that names no record, with what may be meant.
func (o *remembered) unknown(ctx context.Context, arg string) error {
	if arg == "true" || arg == "false" {
		return &hintError{fmt.Errorf("there is no record %s", arg), "The value of a flag that is yes or no follows an equals sign, for example --approved=" + arg + "."}
	}
	names, err := o.names(ctx)
	if err != nil {
		return err
	}
	hint := "Name it as collection/id. The collections are " + collectionNames(o.view.Model) + "."
	if near := nearest(arg, names); len(near) > 0 {
		hint = "Did you mean " + strings.Join(near, " or ") + "?"
	}
	return &hintError{fmt.Errorf("there is no record %s, and never was", plain(arg)), hint}
}

// names are those of all records, also of the past.
func (o *remembered) names(ctx context.Context) ([]string, error) {
	var names []string
	for _, c := range o.view.Model.Collections {
		for r := range o.view.Snapshot.Set(c.Name).All() {
			names = append(names, r.Ref.String())
		}
	}
	page, err := o.past.Changes(ctx, content.ChangeQuery{Formatting: true})
	if err != nil {
		return nil, err
	}
	for _, c := range page.Changes {
		names = append(names, c.Ref.String())
	}
	slices.Sort(names)
	return slices.Compact(names), nil
}

// nearest returns up to three records that may have been meant: those a slip of the fingers
// away, or of any collection whose id was typed alone.
func nearest(typed string, names []string) []string {
	if strings.Contains(typed, "/") {
		return nearestOf(typed, names)
	}
	ids := map[string][]string{}
	for _, name := range names {
		_, id, _ := strings.Cut(name, "/")
		ids[id] = append(ids[id], name)
	}
	var out []string
	for _, id := range nearestOf(typed, slices.Sorted(maps.Keys(ids))) {
		out = append(out, ids[id]...)
	}
	return out[:min(nearMost, len(out))]
}

// sentinels are those whose text, at the end of a sentence, says again what it said.
var sentinels = [...]error{content.ErrNotFound, content.ErrForbidden, content.ErrInvalid, content.ErrTooLarge, content.ErrUnavailable}

// message is what a person is told of an error, with the field that may have been meant
// where there is none.
func message(err error) string {
	text, hint, hinted := strings.Cut(err.Error(), "\n")
	for _, sentinel := range sentinels {
		if errors.Is(err, sentinel) {
			text = strings.TrimSuffix(text, ": "+sentinel.Error())
		}
	}
	if hinted {
		text += "\n" + hint
	}
	var unknown *content.UnknownFieldError
	if !errors.As(err, &unknown) {
		return text
	}
	var places []string
	for _, at := range unknown.Near {
		places = append(places, string(at))
	}
	if near := nearestOf(string(unknown.Field), places); len(near) > 0 {
		text += "\nDid you mean " + strings.Join(near, " or ") + "?"
	}
	return text
}

const (
	nearMost    = 3
	nearLongest = 200
)

// nearestOf returns up to three of the words that typed may have meant, the nearest first.
func nearestOf(typed string, words []string) []string {
	var found [nearMost + 1][]string // by distance
	for _, word := range words {
		if len(typed) > nearLongest || len(word) > nearLongest {
			continue
		}
		d := levenshtein.ComputeDistance(strings.ToLower(typed), strings.ToLower(word))
		if d <= min(nearMost, 1+len(typed)/4) && !slices.Contains(found[d], word) {
			found[d] = append(found[d], word)
		}
	}
	for d, near := range found[:nearMost] {
		if len(near) > 0 {
			near = append(near, found[d+1]...)
			return near[:min(nearMost, len(near))]
		}
	}
	return found[nearMost][:min(nearMost, len(found[nearMost]))]
}

// file is a record as a revision has it. record is nil where it is no strict JSON there;
// blob is that of what is served, and never "" but for nothing.
type file struct {
	ref    content.Ref
	path   string
	blob   content.Hash
	record *content.Record
}

// held finds a record, as o knows it, at a revision: under the same name, else under
// another that it has or had.
func (o *remembered) held(ctx context.Context, ref content.Ref, revision string) (*remembered, file, string, error) {
	then := o
	if revision != "" {
		var err error
		if then, err = o.at(ctx, revision); err != nil {
			return nil, file{}, "", err
		}
	}
	page, err := o.past.Changes(ctx, content.ChangeQuery{Record: &ref, Formatting: true})
	if err != nil {
		return nil, file{}, "", err
	}
	names := o.namesOf(ref, page.Changes)
	if revision == "" { // what it is called now is known, and that it is gone
		now, _, err := o.past.Moved(ctx, ref)
		if err != nil {
			return nil, file{}, "", err
		}
		names = names[:1]
		if now != nil {
			names = o.namesOf(*now, nil)
		}
	}
	for _, name := range names {
		if r := then.view.Snapshot.Record(name.Ref); r != nil {
			return then, file{r.Ref, r.Path, r.Blob, r}, revision, nil
		}
	}
	for _, name := range names {
		blob, err := then.blob(ctx, name.Path)
		if err != nil || blob != "" {
			return then, file{name.Ref, name.Path, blob, nil}, revision, err
		}
	}
	return nil, file{}, "", absent(ref, revision, page.Changes)
}

// namesOf are the names of a record with these changes: that asked for, then the newest.
func (o *remembered) namesOf(ref content.Ref, changes []content.Change) []content.Origin {
	names := []content.Origin{{Ref: ref}}
	if c := o.view.Model.Collection(ref.Collection); c != nil {
		if path, sure := c.Path.Path(ref.ID); sure {
			names[0].Path = path
		}
	}
	for _, c := range changes {
		names = append(names, content.Origin{Ref: c.Ref, Path: c.Path})
		if c.Was != nil {
			names = append(names, *c.Was)
		}
	}
	return names
}

// blob is that of a file of the commit; "" where there is none.
func (o *remembered) blob(ctx context.Context, path string) (content.Hash, error) {
	if o.view.Commit == "" || path == "" {
		return "", nil
	}
	commit, err := o.repo.Commit(ctx, gitrepo.Hash(o.view.Commit))
	if err != nil {
		return "", err
	}
	e, err := o.repo.Lookup(ctx, commit.Tree, path)
	switch {
	case errors.Is(err, gitrepo.ErrNotFound):
		return "", nil
	case err != nil:
		return "", fmt.Errorf("look for %s: %w", path, err)
	case e.Mode != gitrepo.File && e.Mode != gitrepo.Executable:
		return "", nil
	}
	return content.Hash(e.Hash), nil
}

// absent is the error for a record that a revision does not have; changes are its own,
// newest first.
func absent(ref content.Ref, revision string, changes []content.Change) error {
	when := "now"
	if revision != "" {
		when = "at " + plain(revision)
	}
	err := fmt.Errorf("there is no record %s %s", ref, when)
	if len(changes) == 0 {
		return err
	}
	var spans []string
	if first := changes[len(changes)-1]; first.Kind == content.Created {
		spans = append(spans, "was created in "+place(&first))
	}
	if last := changes[0]; last.Kind == content.Deleted {
		spans = append(spans, "was deleted in "+place(&last))
	}
	if len(spans) == 0 {
		return err
	}
	return &hintError{err, "It " + strings.Join(spans, " and ") + "."}
}

// place says where a change was made.
func place(c *content.Change) string {
	if c.Commit == "" {
		return "the work tree"
	}
	return gitrepo.Hash(c.Commit).Short() + " (" + day(c.At) + ")"
}

// renamedNote tells a person that a record asked for has another name now.
func (a *app) renamedNote(ctx context.Context, o *remembered, ref content.Ref) {
	now, by, err := o.past.Moved(ctx, ref)
	if err == nil && now != nil && by != nil {
		fmt.Fprintf(a.Err, "%s is called %s now; it was renamed in %s.\n", ref, now, place(by))
	}
}

// day is a date for people, in UTC.
func day(at time.Time) string { return at.UTC().Format(time.DateOnly) }

// minute is a time for people, in UTC.
func minute(at time.Time) string { return at.UTC().Format("2006-01-02 15:04") }
