package cli

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var readmeQuery = regexp.MustCompile("(?s)```graphql\n(.*?)```\n\n```json\n(.*?)```")

// The README's queries answer what the README says.
func TestReadmeQueries(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "..", "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	found := readmeQuery.FindAllStringSubmatch(string(text), -1)
	if len(found) < 10 {
		t.Fatalf("the README has %d queries with answers, and should have ten", len(found))
	}
	dir := copyOfThisRepository(t)
	for _, m := range found {
		_, out, errs := koonti("query", "--repo", dir, m[1])
		var got, want any
		if err := json.Unmarshal([]byte(out), &got); err != nil {
			t.Errorf("%s%s%s", m[1], out, errs)
			continue
		}
		if err := json.Unmarshal([]byte(m[2]), &want); err != nil {
			t.Errorf("%s: the answer in the README is no JSON: %v", m[1], err)
			continue
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s(-README +koonti)\n%s\n%s", m[1], diff, out)
		}
	}
}
