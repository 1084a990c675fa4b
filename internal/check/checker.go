package check

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"

	"github.com/koonti/koonti/internal/content"
)

// Checker checks records against a model and its schemas. It is immutable and
// safe for concurrent use.
type Checker struct {
	model   *content.Model
	schemas map[content.CollectionName]*Schema
}

// NewChecker derives the shapes of m (content.DeriveShapes) and holds the model
// against them: the problems are lint, and the Checker can always be used. From
// then on m must not be changed. schemas may lack a collection or have nil for one:
// none of its records is valid then. Where m has no Key it gets one, of its file
// and the schemas.
func NewChecker(m *content.Model, schemas map[content.CollectionName]*Schema) (*Checker, []content.Problem) {
	documents := make(map[content.CollectionName]content.Schemas, len(schemas))
	for name, s := range schemas {
		if s != nil {
			documents[name] = s.Documents
		}
	}
	clashes := content.DeriveShapes(m, documents)
	if m.Key == "" {
		m.Key = modelKey(m, schemas)
	}
	c := &Checker{model: m, schemas: schemas}
	return c, c.lint(clashes)
}

func modelKey(m *content.Model, schemas map[content.CollectionName]*Schema) string {
	hash := sha256.New()
	if m.Document != nil {
		fmt.Fprintf(hash, "%d %s", len(m.Document.Source), m.Document.Source)
	}
	for _, c := range m.Collections {
		if s := schemas[c.Name]; s != nil {
			fmt.Fprintf(hash, "\n%s %s", c.Name, s.Key)
		}
	}
	return hex.EncodeToString(hash.Sum(nil)[:16])
}

// Model returns the model, with its shapes derived.
func (c *Checker) Model() *content.Model { return c.model }

// Document checks the bytes of one record: strict JSON, the schema, the property
// that must equal the id. The record is valid exactly when there is no problem.
// root is nil exactly when source is no strict JSON. The problems are sorted, and
// at most MaxProblems; they depend on the arguments, the schema's Key and the
// model's "id" alone.
func (c *Checker) Document(ref content.Ref, path, source string) (root *content.Value, problems []content.Problem) {
	f := subject{ref, path, source}
	if root, problems = f.parse(); root == nil {
		return nil, problems
	}
	s := c.schemas[ref.Collection]
	if s == nil {
		return root, []content.Problem{f.problem("record/no-schema", valueSpot("", root), "",
			args{"collection": quoted(string(ref.Collection))})}
	}
	if err := s.validate(root); err != nil {
		x := explainer{subject: f, root: root, schema: s.root, index: s.index, documents: s.Documents}
		problems = x.explain(err)
	}
	if p, differs := c.idDiffers(f, root); differs {
		problems = f.capped(append(problems, p))
	}
	return root, problems
}

// idDiffers holds the property that must equal the id, where the model names one
// and the record has it, against the id.
func (c *Checker) idDiffers(f subject, root *content.Value) (content.Problem, bool) {
	collection := c.model.Collection(f.ref.Collection)
	if collection == nil || collection.IDAt == nil {
		return content.Problem{}, false
	}
	v := root.At(*collection.IDAt)
	if id, _ := v.RefID(); v.IsNull() || id == f.ref.ID {
		return content.Problem{}, false
	}
	return f.problem("id/differs", valueSpot(*collection.IDAt, v), "",
		args{"value": same(shown(v)), "id": quoted(string(f.ref.ID)), "path": quoted(f.path)}), true
}
