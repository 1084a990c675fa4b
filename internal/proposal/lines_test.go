package proposal

import (
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// What the real git merges without a conflict we merge to the same text, or leave to a
// person; what git calls a conflict is one here too.
func TestLinesMergeAsGitMergesThem(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	merged, refused, stricter := 0, 0, 0
	for range 400 {
		base := randomText(random)
		ours, theirs := mutated(random, base), mutated(random, base)
		want, clean := gitMergeFile(t, base, ours, theirs)
		got, ok := mergeLines(base, ours, theirs, lineTime)
		switch {
		case ok && !clean:
			t.Fatalf("git sees a conflict where we do not:\nbase\n%s\nours\n%s\ntheirs\n%s\ngot\n%s", base, ours, theirs, got)
		case ok && got != want:
			t.Fatalf("merged otherwise than git:\nbase\n%s\nours\n%s\ntheirs\n%s\ngot\n%s\nwant\n%s", base, ours, theirs, got, want)
		case ok:
			merged++
		case clean:
			stricter++
		default:
			refused++
		}
	}
	t.Logf("%d merged alike, %d conflicts alike, %d conflicts that git does not see", merged, refused, stricter)
	if merged < 50 || refused < 50 || stricter > 40 {
		t.Errorf("%d merged, %d refused, %d stricter: the texts prove too little", merged, refused, stricter)
	}
}

func randomText(random *rand.Rand) string {
	var b strings.Builder
	for range 3 + random.IntN(12) {
		b.WriteString(strings.Repeat(string(rune('a'+random.IntN(26))), 3) + "\n")
	}
	return b.String()
}

func mutated(random *rand.Rand, text string) string {
	lines := splitLines(text)
	for range 1 + random.IntN(2) {
		i := random.IntN(len(lines))
		switch random.IntN(3) {
		case 0:
			lines[i] = "changed " + string(rune('a'+random.IntN(3))) + "\n"
		case 1:
			lines = append(lines[:i:i], lines[i+1:]...)
		default:
			lines = append(lines[:i:i], append([]string{"new " + string(rune('a'+random.IntN(3))) + "\n"}, lines[i:]...)...)
		}
		if len(lines) == 0 {
			return ""
		}
	}
	return strings.Join(lines, "")
}

func gitMergeFile(t *testing.T, base, ours, theirs string) (string, bool) {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{"base": base, "ours": ours, "theirs": theirs} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command("git", "merge-file", "-p", "ours", "base", "theirs")
	cmd.Dir = dir
	out, err := cmd.Output()
	if err != nil && cmd.ProcessState.ExitCode() < 0 {
		t.Fatal(err)
	}
	return string(out), err == nil
}

// Anyone may push a text of any number of lines, and many of them.
func TestTextsOverTheBoundsAreLeftToAPerson(t *testing.T) {
	numbered := func(n int, but ...int) string {
		var b strings.Builder
		for i := range n {
			if !slices.Contains(but, i) {
				b.WriteString(strconv.Itoa(i) + "\n")
			}
		}
		return b.String()
	}
	many := 2*maxLines + 200_000
	for _, c := range []struct {
		name               string
		base, ours, theirs string
		within             time.Duration
		merged             bool
	}{
		{"many lines", numbered(50_000), numbered(50_000, 7), numbered(50_000, 40_000), lineTime, true},
		{"more lines than there are characters", numbered(many), numbered(many, 7), numbered(many, 40_000), lineTime, false},
		{"no time left", "1\n2\n3\n4\n", "1\n2\n3\n4\n5\n", "0\n1\n2\n3\n4\n", 0, false},
	} {
		if _, ok := mergeLines(c.base, c.ours, c.theirs, c.within); ok != c.merged {
			t.Errorf("%s: merged is %v, want %v", c.name, ok, c.merged)
		}
	}
}
