package proposal_test

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/koonti/koonti/internal/content"
)

// many are so many things, by path.
func many(n int) map[string]string {
	out := make(map[string]string, n)
	for i := range n {
		out[fmt.Sprintf("things/t%06d.json", i)] = fmt.Sprintf("{\n  \"name\": \"Thing %d\",\n  \"theme\": \"blue\",\n  \"a\": %d,\n  \"b\": 1,\n  \"tags\": [\n    \"x\",\n    \"y\"\n  ]\n}\n", i, i)
	}
	return out
}

// BenchmarkProposeAndMerge proposes a correction of one field and merges it, with other
// proposals open or not, and tells each as a multiple of what the git program needs for
// the same commits in the same repository.
func BenchmarkProposeAndMerge(b *testing.B) {
	for _, records := range []int{1_000, 10_000} {
		for _, open := range []int{0, 100} {
			b.Run(fmt.Sprintf("records=%d/open=%d", records, open), func(b *testing.B) {
				o := hall(b, many(records))
				if out, err := o.gitIn(o.served, "repack", "-q", "-a", "-d"); err != nil {
					b.Fatal(out)
				}
				ref := func(i int) content.Ref {
					return content.Ref{Collection: "things", ID: content.ID(fmt.Sprintf("t%06d", i))}
				}
				for i := range open {
					o.propose(aino, "Open", set(ref(records-1-i), "b", "7"))
				}
				var proposing, merging, byGit time.Duration
				n := 0
				for b.Loop() {
					n++
					begin := time.Now()
					p := o.propose(aino, "Correct", set(ref(n%(records/2)), "b", strconv.Itoa(n+1)))
					proposed := time.Now()
					o.merge(p)
					merged := time.Now()
					o.byGit(fmt.Sprintf("things/t%06d.json", n%(records/2)), n)
					proposing, merging, byGit = proposing+proposed.Sub(begin), merging+merged.Sub(proposed), byGit+time.Since(merged)
				}
				each := func(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 / float64(n) }
				b.ReportMetric(each(proposing), "ms/propose")
				b.ReportMetric(each(merging), "ms/merge")
				b.ReportMetric(float64(proposing+merging)/float64(byGit), "git-ratio")
			})
		}
	}
}

// byGit does with the git program, on branches beside, what proposing and merging do.
func (o *office) byGit(path string, n int) {
	o.Helper()
	git := func(stdin string, args ...string) string {
		out, err := o.gitWith(o.served, stdin, append([]string{"-c", "core.fsync=all"}, args...)...)
		if err != nil {
			o.Fatalf("git %s: %v\n%s", strings.Join(args, " "), err, out)
		}
		return out
	}
	index := "--git-dir=."
	blob := git(fmt.Sprintf("{\n  \"name\": \"Git %d\"\n}\n", n), index, "hash-object", "-w", "--stdin")
	git("", index, "read-tree", "main")
	git("", index, "update-index", "--cacheinfo", "100644,"+blob+","+path)
	head := git("", index, "commit-tree", "-p", "main", "-m", "Correct", git("", index, "write-tree"))
	git("", index, "update-ref", "refs/heads/by-git", head)
	tree := git("", index, "merge-tree", "--write-tree", "main", head)
	git("", index, "update-ref", "refs/heads/merged-by-git", git("", index, "commit-tree", "-p", "main", "-p", head, "-m", "Merge", tree))
}
