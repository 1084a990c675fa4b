package cli

import (
	"fmt"
	"strings"
	"testing"

	"github.com/koonti/koonti/internal/content"
)

// A sentence that says what is wrong does not end in the kind of the error as well.
func TestMessagesSayThingsOnce(t *testing.T) {
	unborn := t.TempDir()
	git(t, unborn, "init", "-q", "--bare", "-b", "main", "a.git")
	git(t, unborn, "init", "-q", "-b", "main", "b")
	for _, args := range [][]string{
		{"serve", "--addr", "127.0.0.1:0", "--repo", unborn + "/a.git"},
		{"log", "--repo", unborn + "/a.git"},
		{"check", "--repo", unborn + "/b"},
		{"log", "--repo", unborn + "/b"},
		{"blame", "projects/x", "--repo", unborn + "/b"},
	} {
		code, _, errs := koonti(args...)
		first, _, _ := strings.Cut(errs, "\n")
		if code != Failed || strings.HasSuffix(first, ": not found") || len(first) < len("koonti: there is") {
			t.Errorf("%v: %d %s", args, code, errs)
		}
	}
	for _, c := range []struct {
		err  error
		want string
	}{
		{fmt.Errorf("there is none: %w", content.ErrNotFound), "there is none"},
		{fmt.Errorf("open it: %w", fmt.Errorf("there is none: %w", content.ErrNotFound)), "open it: there is none"},
		{&hintError{fmt.Errorf("not now: %w", content.ErrUnavailable), "Wait."}, "not now\nWait."},
		{fmt.Errorf("it is not found: not found"), "it is not found: not found"}, // somebody else's words
		{&content.UnknownFieldError{Field: "/sumary", Near: []content.Pointer{"/summary"}}, "there is no field /sumary, and never was\nDid you mean /summary?"},
	} {
		if got := message(c.err); got != c.want {
			t.Errorf("%q, want %q", got, c.want)
		}
	}
}
