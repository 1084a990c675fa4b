package check

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"runtime"

	"github.com/santhosh-tekuri/jsonschema/v5"

	"github.com/koonti/koonti/internal/content"
)

// Schema is a JSON Schema that compiles, with all that it refers to. It is
// immutable and safe for concurrent use.
type Schema struct {
	// Path is the schema file, from the root of the repository.
	Path string
	// Documents are the file at Path and every file that it refers to, each "$ref"
	// resolved: it begins at the root of the repository ("/a/b.json#/$defs/x").
	Documents content.Schemas
	// Key is equal for two schemas exactly when the files they are made of are.
	Key string

	files      []string
	url        string
	resources  map[string]string
	maxProgram int64 // instructions of the largest pattern
	index      index
	root       *jsonschema.Schema
	// free are compilations that nobody uses just now: one judges one value at a
	// time, as it counts its steps.
	free chan *compiled
}

// Files returns the paths of Documents, sorted; none for nil.
func (s *Schema) Files() []string {
	if s == nil {
		return nil
	}
	return s.files
}

// CompileSchema reads the schema at path and every file of the repository that it
// refers to, and compiles them. A nil Schema cannot be used, and the problems say
// why, each with its place in the schema; beside a Schema they are lint. It never
// reads but through read, calls read once per path, in the same order for the same
// files, and blocks as long as read does.
func CompileSchema(path string, read Read) (*Schema, []content.Problem) {
	c := gather(path, read)
	if !c.full {
		c.endless()
		c.examine()
	}
	if len(c.problems) > 0 {
		return nil, c.found(append(c.problems, c.lint...))
	}
	s, err := c.compile(path)
	if err != nil {
		return nil, c.found(append(c.lint, c.refused(path, err)))
	}
	return s, c.found(c.lint)
}

// found returns the problems as they are reported: at most MaxProblems per file.
func (c *closure) found(problems []content.Problem) []content.Problem {
	byPath := map[string][]content.Problem{}
	for _, p := range problems {
		byPath[p.Path] = append(byPath[p.Path], p)
	}
	var all []content.Problem
	for path, list := range byPath {
		f := subject{path: path}
		all = append(all, f.capped(list)...)
	}
	return content.SortProblems(all)
}

// compile makes the Schema. An error means a fault that examine did not foresee.
func (c *closure) compile(path string) (*Schema, error) {
	s := &Schema{
		Path: path, Documents: content.Schemas{}, url: fileURL(path),
		free: make(chan *compiled, runtime.GOMAXPROCS(0)),
	}
	hash := sha256.New()
	fmt.Fprintf(hash, "%d %s\n", len(path), path)
	for _, f := range c.sortedFiles() {
		root := c.resolved(f.root)
		s.Documents[f.path] = &root
		s.files = append(s.files, f.path)
		fmt.Fprintf(hash, "%d %s %d %s\n", len(f.path), f.path, len(f.source), f.source)
	}
	s.Key = hex.EncodeToString(hash.Sum(nil)[:16])
	s.maxProgram = c.largestPattern()
	var err error
	if s.resources, err = c.texts(); err != nil {
		return nil, err
	}
	first, err := compile(s.url, s.resources)
	if err != nil {
		return nil, err
	}
	s.root, s.index = first.schema, indexOf(first.schema)
	s.free <- first
	return s, nil
}

// refused is the problem of a schema that the library does not compile.
func (c *closure) refused(path string, err error) content.Problem {
	var e *jsonschema.SchemaError
	if errors.As(err, &e) {
		err = e.Err
	}
	return subject{path: path}.problem("schema-file/invalid", spot{}, "", args{"detail": quoted(err.Error())})
}

// errNoRoom says that a record's text is too long for the schema's patterns.
var errNoRoom = fmt.Errorf("strings too long for the patterns: %w", errBudget)

// validate judges root as (*compiled).validate does.
func (s *Schema) validate(root *content.Value) error {
	values, longest := measure(root)
	if int64(longest)*s.maxProgram > maxPatternWork {
		return errNoRoom
	}
	c, err := s.take()
	if err != nil {
		return err
	}
	defer s.give(c)
	return c.validate(root.Interface(), stepsFor(values))
}

func (s *Schema) take() (*compiled, error) {
	select {
	case c := <-s.free:
		return c, nil
	default:
		return compile(s.url, s.resources)
	}
}

func (s *Schema) give(c *compiled) {
	select {
	case s.free <- c:
	default:
	}
}

// measure counts the values of v and finds its longest string, names included.
func measure(v *content.Value) (values, longest int) {
	values, longest = 1, len(v.Name)
	if v.Kind == content.String {
		longest = max(longest, len(v.Text))
	}
	for i := range v.Kids {
		n, l := measure(&v.Kids[i])
		values, longest = values+n, max(longest, l)
	}
	return values, longest
}
