package proposal

import (
	"encoding/json"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"

	jsonpatch "github.com/evanphx/json-patch/v5"

	"github.com/koonti/koonti/internal/content"
)

// patched applies a patch to a document as applyEdits does.
func patched(document, patch string) (*content.Value, string) {
	v, err := content.Parse(document)
	if err != nil {
		return nil, err.Error()
	}
	operations, complaint := parsePatch(patch)
	if complaint != "" {
		return nil, complaint
	}
	p := patching{doc: v, size: len(v.AppendJSON(nil)), work: maxPatchBytes}
	for _, o := range operations {
		if complaint := p.apply(o); complaint != "" {
			return nil, complaint
		}
	}
	return p.doc, ""
}

func TestPatches(t *testing.T) {
	tests := []struct{ name, document, patch, want string }{
		{"add a member, behind", `{"b":1}`, `[{"op":"add","path":"/a","value":2}]`, `{"b":1,"a":2}`},
		{"add what is there", `{"b":1,"c":2}`, `[{"op":"add","path":"/b","value":null}]`, `{"b":null,"c":2}`},
		{"add items", `{"l":[1,2]}`, `[{"op":"add","path":"/l/0","value":0},{"op":"add","path":"/l/-","value":9},{"op":"add","path":"/l/4","value":10}]`, `{"l":[0,1,2,9,10]}`},
		{"beside nulls", `{"l":[null,1,null],"n":null}`, `[{"op":"test","path":"/l","value":[null,1.0,null]},{"op":"remove","path":"/l/1"},{"op":"replace","path":"/n","value":null},{"op":"test","path":"/n","value":null}]`,
			`{"l":[null,null],"n":null}`},
		{"numbers and text keep their form", `{"a":1.50,"b":"<ä\u2028>","c":{"x":1e2}}`, `[{"op":"move","from":"/c/x","path":"/y"},{"op":"replace","path":"/a","value":2.00}]`, `{"a":2.00,"b":"<ä` + "\u2028" + `>","c":{},"y":1e2}`},
		{"numbers are compared by value", `{"a":1.50}`, `[{"op":"test","path":"/a","value":15e-1}]`, `{"a":1.50}`},
		{"copies are apart", `{"a":{"x":1}}`, `[{"op":"copy","from":"/a","path":"/b"},{"op":"replace","path":"/b/x","value":2}]`, `{"a":{"x":1},"b":{"x":2}}`},
		{"move onto itself", `{"a":1}`, `[{"op":"move","from":"/a","path":"/a"}]`, `{"a":1}`},
		{"move within a list", `[1,2,3]`, `[{"op":"move","from":"/0","path":"/2"}]`, `[2,3,1]`},
		{"names like indexes, and escaped ones", `{"01":1,"+1":2,"-":3,"a/b":4,"~":5}`,
			`[{"op":"remove","path":"/01"},{"op":"replace","path":"/+1","value":0},{"op":"remove","path":"/-"},{"op":"replace","path":"/a~1b","value":0},{"op":"replace","path":"/~0","value":0}]`, `{"+1":0,"a/b":0,"~":0}`},
		{"names that are empty", `{"":{"":1},"a":2}`, `[{"op":"add","path":"//b","value":3},{"op":"move","from":"//","path":"/c"},{"op":"copy","from":"/","path":"/d"}]`, `{"":{"b":3},"a":2,"c":1,"d":{"b":3}}`},
		{"the whole record", `{"a":{"b":1}}`, `[{"op":"move","from":"/a","path":""},{"op":"test","path":"","value":{"b":1}},{"op":"replace","path":"","value":7},{"op":"test","path":"","value":7.0}]`, `7`},
		{"members that mean nothing are passed over", `{}`, `[{"op":"add","path":"/a","value":1,"why":"x"}]`, `{"a":1}`},
		{"nothing to do", `{}`, `[]`, `{}`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, complaint := patched(test.document, test.patch)
			if complaint != "" {
				t.Fatal(complaint)
			}
			if text := string(got.AppendJSON(nil)); text != test.want {
				t.Errorf("got %s\nwant %s", text, test.want)
			}
		})
	}
}

func TestPatchesThatDoNotApply(t *testing.T) {
	document := `{"name": {"fi": "A"}, "list": [1, 2], "n": null}`
	tests := []struct {
		name, patch string
		words       []string
	}{
		{"no JSON", "[\n{]", []string{"the patch is no strict JSON", "line 2, column 2"}},
		{"no list", "{}", []string{"must be a list of operations"}},
		{"no object", "[1]", []string{"operation 0", "must be an object"}},
		{"no such op", `[{"op":"test","path":"/n","value":null},{"op":"melt","path":"/n"}]`, []string{"operation 1", `it is "melt"`}},
		{"no value", `[{"op":"add","path":"/a"}]`, []string{"add needs the member value"}},
		{"no from", `[{"op":"move","path":"/a"}]`, []string{"move needs the member from"}},
		{"no path", `[{"op":"remove"}]`, []string{"needs the member path"}},
		{"no pointer", `[{"op":"remove","path":"name"}]`, []string{`must be empty or begin with '/'`}},
		{"a path that is no text", `[{"op":"remove","path":1}]`, []string{"path must be a JSON Pointer"}},
		{"a test that fails", `[{"op":"test","path":"/name/fi","value":"B"}]`, []string{"operation 0 (test /name/fi) does not apply", `it is "A" there, not "B"`}},
		{"a test for null of what is not there", `[{"op":"test","path":"/zz","value":null}]`, []string{"nothing at /zz", "the whole record has name, list, n"}},
		{"remove what is not there", `[{"op":"remove","path":"/name/sv"}]`, []string{"nothing at /name/sv", "/name has fi"}},
		{"replace what is not there", `[{"op":"replace","path":"/list/2","value":1}]`, []string{"nothing at /list/2", "/list is a list of 2"}},
		{"an item before the first", `[{"op":"remove","path":"/list/-1"}]`, []string{"nothing at /list/-1"}},
		{"an index with a zero before it", `[{"op":"replace","path":"/list/01","value":1}]`, []string{"nothing at /list/01"}},
		{"an index with a sign", `[{"op":"add","path":"/list/+1","value":1}]`, []string{"can be added at 0 to 2"}},
		{"behind the end", `[{"op":"add","path":"/list/3","value":1}]`, []string{"can be added at 0 to 2"}},
		{"into a text", `[{"op":"add","path":"/name/fi/x","value":1}]`, []string{`/name/fi is "A"`}},
		{"into nothing", `[{"op":"add","path":"/a/b","value":1}]`, []string{"nothing at /a"}},
		{"into null", `[{"op":"add","path":"/n/b","value":1}]`, []string{"/n is null"}},
		{"from what is not there", `[{"op":"copy","from":"/zz","path":"/a"}]`, []string{"copy /zz to /a", "nothing at /zz"}},
		{"into itself", `[{"op":"move","from":"/name","path":"/name/fi"}]`, []string{"cannot be moved into itself"}},
		{"remove all", `[{"op":"remove","path":""}]`, []string{"delete it"}},
		{"too many", "[" + strings.TrimSuffix(strings.Repeat(`{"op":"test","path":"/n","value":null},`, maxOperations+1), ",") + "]", []string{"1001 operations"}},
		{"copies that double", "[" + strings.TrimSuffix(strings.Repeat(`{"op":"copy","from":"","path":"/a"},`, 900), ",") + "]", []string{"does not apply"}},
		{"copies that add up", `[{"op":"add","path":"/big","value":"` + strings.Repeat("x", 100<<10) + `"},` +
			strings.TrimSuffix(strings.Repeat(`{"op":"copy","from":"/big","path":"/list/-"},`, 20), ",") + "]", []string{"larger than 1024 KiB"}},
		{"copies that nest", "[" + strings.TrimSuffix(strings.Repeat(`{"op":"move","from":"/list","path":"/name/list"},{"op":"move","from":"/name","path":"/list"},{"op":"add","path":"/name","value":{}},`, 70), ",") + "]", []string{"nested deeper than 64"}},
	}
	g := newGround(t, nil)
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := g.apply(putEdit("projects/p", document), patchEdit("projects/p", test.patch))
			editRefused(t, err, content.RefusedEdit, append(test.words, "edit 2 (patch projects/p)")...)
		})
	}
}

func TestPatchesAreBoundedTogether(t *testing.T) {
	p := patching{doc: parsedValue(t, `{"a": {"b": 1}}`), work: 200}
	add := operation{op: "add", path: "/a/b", value: parsedValue(t, "2")}
	if complaint := p.apply(add); complaint != "" {
		t.Fatal(complaint)
	}
	for range 5 {
		if complaint := p.apply(add); complaint != "" {
			if !strings.Contains(complaint, "too much work") {
				t.Error(complaint)
			}
			return
		}
	}
	t.Error("there was no end")
}

// randomJSON is a document of names and values that get in each other's way.
func randomJSON(random *rand.Rand, depth int) string {
	names := []string{"a", "b", "", "0", "a/b", "~", "ä"}
	kind := random.IntN(9)
	if depth == 0 {
		kind = 7 + random.IntN(2)
	}
	var kids []string
	for i := range random.IntN(4) {
		switch {
		case depth > 3:
		case kind >= 6:
			kids = append(kids, strconv.Quote(names[(i+random.IntN(2)*3)%len(names)])+":"+randomJSON(random, depth+1))
		case kind >= 3:
			kids = append(kids, randomJSON(random, depth+1))
		}
	}
	seen := map[string]bool{}
	unique := kids[:0]
	for _, k := range kids {
		if n, _, _ := strings.Cut(k, ":"); kind < 6 || !seen[n] {
			seen[n] = true
			unique = append(unique, k)
		}
	}
	switch {
	case kind >= 6:
		return "{" + strings.Join(unique, ",") + "}"
	case kind >= 3:
		return "[" + strings.Join(unique, ",") + "]"
	}
	return []string{"1.50", "null", `"t"`}[kind]
}

// A patch made of the difference of two documents comes to the second.
func TestPatchOfADifferenceIsThePut(t *testing.T) {
	g := newGround(t, nil)
	random := rand.New(rand.NewPCG(1, 2))
	for range 400 {
		before, after := randomJSON(random, 0), randomJSON(random, 0)
		patch := differencePatch(parsedValue(t, before), parsedValue(t, after))
		byPatch, err := g.apply(putEdit("projects/p", before), patchEdit("projects/p", patch))
		if err != nil {
			t.Fatalf("%s\n%s\n%s: %v", before, after, patch, err)
		}
		byPut, err := g.apply(putEdit("projects/p", before), putEdit("projects/p", after))
		if err != nil {
			t.Fatal(err)
		}
		got, want := parsedValue(t, byPatch["projects/p.json"]), parsedValue(t, byPut["projects/p.json"])
		if !got.Equal(want) || !got.Equal(parsedValue(t, after)) {
			t.Fatalf("%s\n%s\n%s: got %s", before, after, patch, got.AppendJSON(nil))
		}
	}
}

func parsedValue(t testing.TB, source string) *content.Value {
	t.Helper()
	v, err := content.Parse(source)
	if err != nil {
		t.Fatalf("%s: %v", source, err)
	}
	return v
}

// FuzzPatch: no patch ends the process or takes long, none changes the document that it
// is given, and what applies is what the library makes of the whole, where the library
// is known to be right.
func FuzzPatch(f *testing.F) {
	f.Add(`{"a":[null,1],"b":{"c":"x"}}`, `[{"op":"test","path":"/a","value":[null,1]},{"op":"move","from":"/b/c","path":"/a/0"}]`)
	f.Add(`{"":{"":1}}`, `[{"op":"copy","from":"/","path":"//x"},{"op":"remove","path":"//"}]`)
	f.Add(`[1,2]`, `[{"op":"add","path":"/-","value":{}},{"op":"replace","path":"","value":[]}]`)
	f.Add(`{"a":1}`, `[{"op":"add","path":"/b","value":{"x":[]}},{"op":"add","path":"/b/x/0","value":1.0},{"op":"copy","from":"/b","path":"/b/y"}]`)
	f.Fuzz(func(t *testing.T, document, patch string) {
		if len(document)+len(patch) > 10_000 {
			return
		}
		got, complaint := patched(document, patch)
		if complaint != "" || got == nil {
			return
		}
		text := string(got.AppendJSON(nil))
		if back, err := content.Parse(text); err == nil && !back.Equal(got) {
			t.Fatalf("%s is not what it says", text)
		}
		if !plainPatch(document, patch) {
			return
		}
		decoded, err := jsonpatch.DecodePatch([]byte(patch))
		if err != nil {
			t.Fatalf("the library does not take %s: %v", patch, err)
		}
		want, err := decoded.ApplyWithOptions([]byte(document), &jsonpatch.ApplyOptions{})
		if err != nil {
			t.Fatalf("the library refuses %s on %s: %v", patch, document, err)
		}
		if v, err := content.Parse(string(want)); err != nil || !v.Equal(got) {
			t.Fatalf("%s on %s\n got %s\nwant %s", patch, document, text, want)
		}
	})
}

// plainPatch reports whether a patch keeps to what the library does as RFC 6902 says.
func plainPatch(document, patch string) bool {
	if strings.Contains(document+patch, "null") || strings.ContainsAny(document[:1], " \t\r\n") || document[0] != '{' && document[0] != '[' {
		return false
	}
	var operations []struct{ Op, Path, From string }
	if json.Unmarshal([]byte(patch), &operations) != nil {
		return false
	}
	for _, o := range operations {
		if o.Op == "test" || o.Path == "" || o.Op != "add" && o.Op != "remove" && o.Op != "replace" && o.From == "" ||
			strings.Contains(o.Path+o.From+"/", "//") {
			return false
		}
	}
	return true
}
