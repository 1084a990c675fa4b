package check

import (
	"cmp"
	"slices"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"

	"github.com/koonti/koonti/internal/content"
)

// EntryKind says what an Entry is.
type EntryKind byte

// The kinds of entries.
const (
	Regular   EntryKind = iota // a file with content
	Symlink                    // a symbolic link, never followed
	Submodule                  // a commit of another repository
	Other                      // anything else: a socket, a device, a folder
)

// Entry is a file as it is listed in a tree or a work tree.
type Entry struct {
	// Path is slash-separated from the root of the repository.
	Path string
	Kind EntryKind
}

// Located is an entry that is a record.
type Located struct {
	content.Ref
	Path string
	// Index is the entry's place in the list given to Entries.
	Index int
}

// Entries says which entries are records, by path, and what is wrong with those
// that lie where records lie but cannot be: links, unreadable ids, a second file of
// the same id. Entries that lie elsewhere are passed over. Two ids that are equal
// but for case or accents' encoding are both records, and a problem each.
func Entries(m *content.Model, entries []Entry) ([]Located, []content.Problem) {
	order := make([]int, len(entries))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(entries[a].Path, entries[b].Path) })
	located := make([]Located, 0, len(entries))
	first := make(map[content.Ref]int, len(entries))
	var problems []content.Problem
	for _, i := range order {
		e := entries[i]
		collection, id := m.Match(e.Path)
		if collection == nil {
			continue
		}
		ref := content.Ref{Collection: collection.Name, ID: id}
		other, taken := first[ref]
		if p, wrong := unfit(subject{ref: ref, path: e.Path}, e.Kind); wrong {
			problems = append(problems, p)
			continue
		}
		if taken {
			problems = append(problems, subject{ref: ref, path: e.Path}.problem("id/duplicate", spot{}, "",
				args{"id": quoted(string(id)), "other": quoted(located[other].Path)}))
			continue
		}
		first[ref] = len(located)
		located = append(located, Located{Ref: ref, Path: e.Path, Index: i})
	}
	return located, content.SortProblems(append(problems, confusable(located)...))
}

// Astray is the problem of an entry that was meant to be a record, or a folder of
// records, and is none of any collection.
func Astray(e Entry) content.Problem {
	rule := "entry/misplaced"
	if e.Kind == Symlink {
		rule = "entry/symlink"
	}
	return subject{path: e.Path}.problem(rule, spot{}, "", args{"path": quoted(e.Path)})
}

// unfit says why an entry cannot be a record.
func unfit(f subject, kind EntryKind) (content.Problem, bool) {
	var rule string
	switch {
	case kind == Symlink:
		rule = "entry/symlink"
	case kind == Submodule:
		rule = "entry/submodule"
	case kind != Regular:
		rule = "entry/other"
	case !f.ref.ID.Readable():
		rule = "id/unreadable"
	default:
		return content.Problem{}, false
	}
	return f.problem(rule, spot{}, "", args{"path": quoted(f.path), "id": quoted(string(f.ref.ID))}), true
}

// confusable finds ids of one collection that are equal after NFC and case folding.
func confusable(located []Located) []content.Problem {
	fold := cases.Fold()
	groups := make(map[content.Ref][]int, len(located))
	odd := false
	for i, l := range located {
		key := content.Ref{Collection: l.Collection, ID: l.ID}
		if !plainID(l.ID) {
			odd = true
			key.ID = content.ID(norm.NFC.String(fold.String(norm.NFC.String(string(l.ID)))))
		}
		groups[key] = append(groups[key], i)
	}
	if !odd {
		return nil
	}
	var problems []content.Problem
	for _, group := range groups {
		for k, i := range group {
			if len(group) == 1 {
				break
			}
			other := located[group[0]]
			if k == 0 {
				other = located[group[1]]
			}
			problems = append(problems, subject{ref: located[i].Ref, path: located[i].Path}.problem("id/confusable", spot{}, "",
				args{"id": quoted(string(located[i].ID)), "other": quoted(string(other.ID)), "path": quoted(other.Path)}))
		}
	}
	return problems
}

// plainID reports whether folding leaves id as it is.
func plainID(id content.ID) bool {
	for i := range len(id) {
		if c := id[i]; c >= 0x80 || c >= 'A' && c <= 'Z' {
			return false
		}
	}
	return true
}
