package cli

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// GraphQL's diff ends, as that of the command line does, at what is served: with a record
// changed, a new one and one taken away that are not committed. A revision to end at is
// taken at its word.
func TestDiffWithWhatIsNotCommitted(t *testing.T) {
	dir := pastRepository(t)
	save(t, filepath.Join(dir, "records/projects/delta.json"), `{"name": "Delta", "themes": ["data"]}`)
	save(t, filepath.Join(dir, "records/projects/echo.json"), `{"name": "Echo"}`)
	if err := os.Remove(filepath.Join(dir, "records/themes/data.json")); err != nil {
		t.Fatal(err)
	}
	r := start(t, "--repo", dir)
	type node struct {
		Kind   string
		Record struct{ Collection, ID string }
		Fields []struct {
			Field         string
			Before, After any
		}
	}
	for _, from := range []string{"HEAD", "v1", "delta"} {
		code, out, errs := koonti("diff", "--repo", dir, "--json", from)
		if code != Clean {
			t.Fatal(errs)
		}
		var want []string
		for text := range strings.Lines(out) {
			var l diffLine
			if err := json.Unmarshal([]byte(text), &l); err != nil {
				t.Fatal(err)
			}
			want = append(want, fmt.Sprint(l.Kind, " ", l.Collection, "/", l.ID, " ", len(l.Fields)))
		}
		within(t, 10*time.Second, func() string {
			var data struct {
				Diff *struct{ Nodes []node }
			}
			status, body := r.get("/graphql?query=" + strings.ReplaceAll(`{diff(from:"`+from+`"){nodes{kind,record{collection,id},fields{field,before,after}}}}`, `"`, "%22"))
			answer := struct{ Data any }{&data}
			if err := json.Unmarshal([]byte(body), &answer); err != nil || status != 200 || data.Diff == nil {
				return body
			}
			var got []string
			for _, n := range data.Diff.Nodes {
				got = append(got, fmt.Sprint(n.Kind, " ", n.Record.Collection, "/", n.Record.ID, " ", len(n.Fields)))
			}
			if strings.Join(got, "\n") != strings.Join(want, "\n") || len(want) < 2 {
				return fmt.Sprintf("from %s: %q, and %q by the command line", from, got, want)
			}
			return ""
		})
	}
	var data struct{ Diff struct{ TotalCount int } }
	if r.query(`{ diff(from: "HEAD", to: "HEAD") { totalCount } }`, nil, &data); data.Diff.TotalCount != 0 {
		t.Errorf("%d records differ between HEAD and HEAD", data.Diff.TotalCount)
	}
}
