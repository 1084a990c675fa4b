package check

import (
	_ "embed" // the schema of owners files
	"errors"
	"slices"
	"sync"

	"github.com/santhosh-tekuri/jsonschema/v5"

	"github.com/koonti/koonti/internal/content"
)

//go:embed owners.schema.json
var ownersSchema string

// OwnersSchema returns the JSON Schema (2020-12) of owners files. The caller owns it.
func OwnersSchema() []byte { return []byte(ownersSchema) }

// ownersSchemaName is where problems say that the schema of owners files stands.
const ownersSchemaName = "owners.schema.json"

// compiledOwnersSchema is made once; what it returns is immutable.
var compiledOwnersSchema = sync.OnceValue(func() *Schema {
	s, _ := CompileSchema(ownersSchemaName, func(string) (string, error) { return ownersSchema, nil })
	return s
})

// ReadOwners reads an owners file as far as that goes without a model: strict JSON, the
// schema of owners files, and what that cannot say. The owners are nil where there is a
// problem. Checker.Owners says the rest.
func ReadOwners(path, source string) (*content.Owners, []content.Problem) {
	f := subject{path: path, source: source}
	root, problems := f.parse()
	if root == nil {
		return nil, problems
	}
	schema := compiledOwnersSchema()
	if err := schema.validate(root); err != nil {
		x := explainer{subject: f, root: root, schema: schema.root, index: schema.index, documents: schema.Documents}
		return nil, x.explain(err)
	}
	r := ownersReader{f, root, nil}
	r.entries()
	if len(r.problems) > 0 {
		return nil, f.capped(r.problems)
	}
	o, err := content.DecodeOwners(path, root)
	if err != nil {
		return nil, []content.Problem{r.undecoded(err)}
	}
	o.Document = &content.Document{Source: source, Root: root}
	return o, nil
}

// ownersReader finds what the schema of owners files cannot say.
type ownersReader struct {
	subject
	root     *content.Value
	problems []content.Problem
}

func (r *ownersReader) note(rule string, at content.Pointer, a args) {
	r.problems = append(r.problems, r.problem(rule, valueSpot(at, r.root.At(at)), "", a))
}

func (r *ownersReader) entries() {
	list := r.root.Member("owners")
	for i := range list.Kids {
		entry, at := &list.Kids[i], content.Pointer("/owners").Item(i)
		files := entry.Member("files")
		if files != nil && entry.Member("collection") != nil {
			r.note("owners/both", at.Child("files"), nil)
			continue
		}
		if files != nil {
			if _, err := content.ParseFilePattern(files.Str()); err != nil {
				r.note("owners/files", at.Child("files"), args{"files": quoted(files.Str())})
			}
		}
		people := len(entry.Member("people").Kids)
		if most, ok := entry.Member("approvals").Float(); ok && int(most) > people {
			r.note("owners/approvals", at.Child("approvals"), args{"approvals": number(int(most)), "people": number(people)})
		}
	}
}

// undecoded is the problem of a file that its schema lets pass and that still cannot be
// decoded.
func (r *ownersReader) undecoded(err error) content.Problem {
	at := content.Pointer("")
	var e *content.OwnersError
	if errors.As(err, &e) {
		at, err = e.Pointer, e.Err
	}
	at, v := r.root.Nearest(at)
	return r.problem("owners/invalid", valueSpot(at, v), "", args{"detail": quoted(err.Error())})
}

// Owners holds owners, which ReadOwners read, against the model: collections that are
// not there, places that their schemas do not have, entries that never count. With a
// problem of either they are not to be relied on (see catalog.OwnersAt).
func (c *Checker) Owners(o *content.Owners) []content.Problem {
	var names []string
	for _, collection := range c.model.Collections {
		names = append(names, string(collection.Name))
	}
	r := ownersReader{subject{path: o.Path, source: o.Document.Source}, o.Document.Root, nil}
	for i, e := range o.Entries {
		at := content.Pointer("/owners").Item(i)
		if e.Files == "" && !slices.Contains(names, string(e.Collection)) {
			r.note("owners/unknown-collection", at.Child("collection"),
				args{"collection": quoted(string(e.Collection)), "hint": hint(string(e.Collection), names)})
			continue
		}
		if s := c.schemas[e.Collection]; s != nil {
			if level, hint, lacking := find([]*jsonschema.Schema{s.root}, e.Field); lacking {
				r.problems = append(r.problems, r.problem("owners/unknown-place", valueSpot(at.Child("field"), r.root.At(at.Child("field"))), placeOf(level),
					args{"place": quoted(string(e.Field)), "collection": quoted(string(e.Collection)), "hint": hint}))
				continue
			}
		}
		if j, shadowed := o.Shadow(i); shadowed {
			r.note("owners/no-effect", at, args{"number": number(i + 1), "later": number(j + 1)})
		}
	}
	return r.capped(r.problems)
}
