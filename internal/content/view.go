package content

import (
	"cmp"
	"slices"
	"time"
)

// View is what is served: the snapshot and the model of one commit, or of one
// scan of the work tree, and what is wrong with them. It is immutable.
type View struct {
	// Key is equal for two views exactly when they serve the same: a content hash.
	Key string
	// Commit is the commit read, "" where the branch has none yet. In a work tree
	// it is the one checked out, and records may be uncommitted.
	Commit Hash
	// WorkTree: the records are those of a work tree, not of Commit alone.
	WorkTree bool
	// Ref is the full name of the ref served, "" for a commit asked for by itself.
	Ref string
	// CommittedAt is the committer time of Commit; zero where there is none.
	CommittedAt time.Time
	// Published is when this process began to serve the view.
	Published time.Time
	Model     *Model
	Snapshot  *Snapshot
	// Problems is sorted (SortProblems).
	Problems []Problem
	// ModelStale: the model as it is now does not compile, and an older one is in use.
	ModelStale bool
}

// ProblemsOf returns the problems of the file at path; the caller must not change
// the slice.
func (v *View) ProblemsOf(path string) []Problem {
	compare := func(p Problem, path string) int { return cmp.Compare(p.Path, path) }
	from, found := slices.BinarySearchFunc(v.Problems, path, compare)
	if !found {
		return nil
	}
	to := from
	for to < len(v.Problems) && v.Problems[to].Path == path {
		to++
	}
	return v.Problems[from:to:to]
}
