package check

import (
	_ "embed" // the schema of model files
	"errors"
	"path"
	"strings"
	"sync"

	"golang.org/x/text/language"

	"github.com/koonti/koonti/internal/content"
)

//go:embed model.schema.json
var modelSchema string

// ModelSchema returns the JSON Schema (2020-12) of model files. The caller owns it.
func ModelSchema() []byte { return []byte(modelSchema) }

// modelSchemaName is where problems say that the model's own schema stands.
const modelSchemaName = "model.schema.json"

// compiledModelSchema is made once; what it returns is immutable.
var compiledModelSchema = sync.OnceValue(func() *Schema {
	s, _ := CompileSchema(modelSchemaName, func(string) (string, error) { return modelSchema, nil })
	return s
})

// ReadModel reads a model file: strict JSON, the schema of model files, and what
// that cannot say. The model is nil where it cannot be used; there may be problems
// beside a model, too. Each call returns a model of its own, its shapes not derived.
func ReadModel(path string, source string) (*content.Model, []content.Problem) {
	f := subject{path: path, source: source}
	root, problems := f.parse()
	if root == nil {
		return nil, problems
	}
	schema := compiledModelSchema()
	if err := schema.validate(root); err != nil {
		x := explainer{subject: f, root: root, schema: schema.root, index: schema.index, documents: schema.Documents}
		return nil, x.explain(err)
	}
	r := modelReader{f, root, nil}
	r.collections()
	if len(r.problems) > 0 {
		return nil, f.capped(r.problems)
	}
	m, err := content.DecodeModel(path, root)
	if err != nil {
		return nil, []content.Problem{f.undecoded(root, err)}
	}
	m.Document = &content.Document{Source: source, Root: root}
	r.languages()
	return m, f.capped(r.problems)
}

// undecoded is the problem of a model that its schema lets pass and that still
// cannot be decoded.
func (f subject) undecoded(root *content.Value, err error) content.Problem {
	at := content.Pointer("")
	var e *content.ModelError
	if errors.As(err, &e) {
		at, err = e.Pointer, e.Err
	}
	at, v := root.Nearest(at)
	return f.problem("model/invalid", valueSpot(at, v), "", args{"detail": quoted(err.Error())})
}

// modelReader finds what the schema of model files cannot say.
type modelReader struct {
	subject
	root     *content.Value
	problems []content.Problem
}

func (r *modelReader) note(rule string, at content.Pointer, a args) {
	r.problems = append(r.problems, r.problem(rule, valueSpot(at, r.root.At(at)), "", a))
}

func (r *modelReader) collections() {
	list := r.root.Member("collections")
	var names []string
	for i := range list.Kids {
		names = append(names, list.Kids[i].Member("name").Str())
	}
	known := newLexicon(names)
	seen := map[string]bool{}
	for i := range list.Kids {
		at := content.Pointer("/collections").Item(i)
		if seen[names[i]] {
			r.note("model/duplicate-collection", at.Child("name"), args{"collection": quoted(names[i])})
		}
		seen[names[i]] = true
		r.paths(at, &list.Kids[i])
		r.targets(at, &list.Kids[i], known)
	}
}

func (r *modelReader) paths(at content.Pointer, collection *content.Value) {
	if p := collection.Member("path").Str(); p != "" {
		if _, err := content.ParsePathPattern(p); err != nil {
			r.note("model/path", at.Child("path"), args{"path": quoted(p), "id": same("{id}")})
		}
	}
	if s := collection.Member("schema").Str(); !inRepository(s) {
		r.note("model/outside", at.Child("schema"), args{"path": quoted(s)})
	}
	files := collection.Member("files")
	for _, name := range memberNames(files) {
		if folder := strings.TrimSuffix(files.Member(name).Str(), "/"); !inRepository(folder) {
			r.note("model/outside", at.Child("files").Child(name), args{"path": quoted(folder)})
		}
	}
}

// inRepository reports whether p is a path from the root of the repository.
func inRepository(p string) bool {
	return p != "" && path.Clean(p) == p && p != "." && p != ".." && !strings.HasPrefix(p, "/") && !strings.HasPrefix(p, "../")
}

func (r *modelReader) targets(at content.Pointer, collection *content.Value, known *lexicon) {
	references := collection.Member("references")
	for _, place := range memberNames(references) {
		target := references.Member(place).Member("collection").Str()
		found := false
		for _, name := range known.words {
			found = found || name == target
		}
		if !found {
			r.note("model/unknown-collection", at.Child("references").Child(place).Child("collection"),
				args{"collection": quoted(target), "hint": known.hint(target)})
		}
	}
}

// languages finds language tags that nobody knows; they are used all the same.
func (r *modelReader) languages() {
	list := r.root.Member("languages")
	if list == nil {
		return
	}
	for i := range list.Kids {
		if _, err := language.Parse(list.Kids[i].Str()); err != nil {
			r.note("model/language", content.Pointer("/languages").Item(i), args{"language": quoted(list.Kids[i].Str())})
		}
	}
}
