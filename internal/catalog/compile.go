package catalog

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"sync"

	lru "github.com/hashicorp/golang-lru/v2"

	"github.com/koonti/koonti/internal/check"
	"github.com/koonti/koonti/internal/content"
	"github.com/koonti/koonti/internal/gitrepo"
)

// compiled is a model with its schemas, ready to check records.
type compiled struct {
	checker *check.Checker
	schemas map[content.CollectionName]*check.Schema
	// problems of the model, schema and owners files as they are now; stale says that an
	// older model or schema is in use.
	problems []content.Problem
	stale    bool
	// wanted counts the collections, each of which should have a schema.
	wanted int
	// keys say what a verdict on a record of a collection depends on, beside the blob
	// and the path.
	keys map[content.CollectionName]string
}

func (c *compiled) model() *content.Model { return c.checker.Model() }

// whole reports whether every collection has a schema.
func (c *compiled) whole() bool { return len(c.schemas) == c.wanted }

// setKeys is called once the checker is known.
func (c *compiled) setKeys() {
	c.keys = map[content.CollectionName]string{}
	for _, collection := range c.model().Collections {
		key := string(collection.Name)
		if schema := c.schemas[collection.Name]; schema != nil {
			key += " " + schema.Key
		}
		if collection.IDAt != nil {
			key += " " + string(*collection.IDAt)
		}
		c.keys[collection.Name] = key
	}
}

// ModelUnusableError says that no version of the model can be used.
type ModelUnusableError struct{ Problems []content.Problem }

func (e *ModelUnusableError) Error() string {
	if len(e.Problems) == 0 {
		return "the model cannot be used"
	}
	p := e.Problems[0]
	return fmt.Sprintf("the model cannot be used: %s:%d:%d: %s", p.Path, p.Line, p.Column, p.Message("en"))
}

// Unwrap makes the error an ErrInvalid.
func (e *ModelUnusableError) Unwrap() error { return content.ErrInvalid }

// compiler turns model and schema files into compiled models, each version once.
type compiler struct {
	repo    *gitrepo.Repo
	outside *OutsideModel

	mu       sync.Mutex // guards all below; compiling is not safe for concurrent use
	schemas  *lru.Cache[string, []*schemaVersion]
	checkers *lru.Cache[string, *checkerVersion]
	line     line
}

// schemaVersion is what a schema compiled to, given the blobs of its files.
type schemaVersion struct {
	blobs    map[string]content.Hash // "" for a file that was not there
	schema   *check.Schema           // nil: it does not compile
	problems []content.Problem
}

type checkerVersion struct {
	checker  *check.Checker
	problems []content.Problem
}

// Versions of one schema, and of models, that are remembered.
const (
	schemaVersions  = 64
	checkerVersions = 64
)

func newCompiler(repo *gitrepo.Repo, outside *OutsideModel) *compiler {
	c := &compiler{repo: repo, outside: outside, line: line{repo: repo, folders: map[string][]gitrepo.Hash{}}}
	c.schemas, _ = lru.New[string, []*schemaVersion](schemaVersions)
	c.checkers, _ = lru.New[string, *checkerVersion](checkerVersions)
	return c
}

// served compiles the model of tree; what does not compile is replaced by the
// newest version on the first-parent line of from that does. A model whose schemas
// cannot all be had compiles no more than one that is no JSON, unless no older model
// is better.
func (c *compiler) served(ctx context.Context, tree tree, from gitrepo.Hash) (*compiled, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	source, err := c.source(ctx, tree)
	missing := errors.Is(err, content.ErrNotFound)
	if err != nil && !missing {
		return nil, err
	}
	var out *compiled
	problems := []content.Problem{check.ModelMissing(DefaultModel)}
	if !missing {
		if out, problems, err = c.withSchemas(ctx, tree, from, source); err != nil {
			return nil, err
		}
	}
	if out == nil || !out.whole() {
		older, oldSource, err := c.olderModel(ctx, tree, from)
		if err != nil {
			return nil, err
		}
		if older != nil {
			out, source = older, oldSource
			out.problems, out.stale = problems, true
		}
	}
	switch {
	case out != nil:
		return out, c.finish(ctx, tree, source, out)
	case missing:
		return nil, fmt.Errorf("there is no %s; name a model with --model, or make one: 'koonti init DIR' shows in a new folder what it looks like: %w", DefaultModel, content.ErrNotFound)
	}
	return nil, &ModelUnusableError{problems}
}

// withSchemas reads a model and compiles its schemas, each from tree or, where it
// does not compile there, from the newest commit where it does. It is nil where the
// model itself cannot be used; the problems are those of model and schemas as they
// are in tree.
func (c *compiler) withSchemas(ctx context.Context, tree tree, from gitrepo.Hash, source string) (*compiled, []content.Problem, error) {
	model, problems := check.ReadModel(c.path(), source)
	if model == nil {
		return nil, problems, nil
	}
	out := &compiled{schemas: map[content.CollectionName]*check.Schema{}, wanted: len(model.Collections)}
	for _, collection := range model.Collections {
		version, err := c.schema(ctx, tree, collection.Schema)
		if err != nil {
			return nil, nil, err
		}
		problems = append(problems, version.problems...)
		if version.schema == nil {
			out.stale = true
			if version, err = c.olderSchema(ctx, from, collection.Schema); err != nil {
				return nil, nil, err
			}
		}
		if version != nil {
			out.schemas[collection.Name] = version.schema
		}
	}
	out.problems = problems
	return out, problems, nil
}

// at compiles the model that the tree itself has, for its own problems; nil where
// it has none that can be used. Schemas that do not compile are taken from served.
func (c *compiler) at(ctx context.Context, tree tree, served *compiled) (*compiled, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	source, err := c.source(ctx, tree)
	if errors.Is(err, content.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	model, problems := check.ReadModel(c.path(), source)
	if model == nil {
		return nil, nil
	}
	out := &compiled{schemas: map[content.CollectionName]*check.Schema{}, problems: problems}
	for _, collection := range model.Collections {
		version, err := c.schema(ctx, tree, collection.Schema)
		if err != nil {
			return nil, err
		}
		out.problems = append(out.problems, version.problems...)
		out.schemas[collection.Name] = version.schema
		if version.schema == nil {
			out.schemas[collection.Name] = served.schemas[collection.Name]
		}
	}
	return out, c.finish(ctx, tree, source, out)
}

// finish makes the checker, or finds the one made of the same model and schemas, and
// holds the owners of tree against it.
func (c *compiler) finish(ctx context.Context, tree tree, source string, out *compiled) error {
	hash := sha256.New()
	fmt.Fprintf(hash, "%d %s", len(source), source)
	for _, name := range slices.Sorted(maps.Keys(out.schemas)) {
		if schema := out.schemas[name]; schema != nil {
			fmt.Fprintf(hash, "\n%s %s", name, schema.Key)
		}
	}
	key := hex.EncodeToString(hash.Sum(nil)[:16])
	version, ok := c.checkers.Get(key)
	if !ok {
		model, _ := check.ReadModel(c.path(), source)
		if model == nil {
			return fmt.Errorf("read the model again: %w", content.ErrInvalid)
		}
		model.Key = key
		version = &checkerVersion{}
		version.checker, version.problems = check.NewChecker(model, out.schemas)
		c.checkers.Add(key, version)
	}
	out.checker = version.checker
	out.setKeys()
	_, owners, err := readOwners(ctx, tree, out.checker)
	out.problems = append(append(out.problems, version.problems...), owners...)
	return err
}

func (c *compiler) path() string {
	if c.outside != nil {
		return c.outside.Name
	}
	return DefaultModel
}

func (c *compiler) source(ctx context.Context, tree tree) (string, error) {
	if c.outside != nil {
		return c.outside.Source, nil
	}
	blob, err := tree.blob(ctx, DefaultModel)
	if err != nil {
		return "", err
	}
	return tree.read(ctx, DefaultModel, blob)
}

// olderModel returns the newest model on the first-parent line of from that can be
// used with all its schemas; nil where there is none.
func (c *compiler) olderModel(ctx context.Context, now tree, from gitrepo.Hash) (found *compiled, source string, err error) {
	if c.outside != nil {
		return nil, "", nil
	}
	var last content.Hash
	model := []string{DefaultModel}
	err = c.line.visit(ctx, from, func() []string { return model }, func(tree *commitTree) (bool, error) {
		blob, err := tree.blob(ctx, DefaultModel)
		if errors.Is(err, content.ErrNotFound) || err == nil && blob == last {
			return false, nil
		}
		if err != nil {
			return false, err
		}
		last = blob
		if source, err = tree.read(ctx, DefaultModel, blob); err != nil {
			return false, err
		}
		out, _, err := c.withSchemas(ctx, now, from, source)
		if err == nil && out != nil && out.whole() {
			found = out
		}
		return found != nil, err
	})
	return found, source, err
}

// olderSchema returns the newest version of a schema on the first-parent line of
// from that compiles; nil where there is none.
func (c *compiler) olderSchema(ctx context.Context, from gitrepo.Hash, path string) (found *schemaVersion, err error) {
	files := []string{path}
	err = c.line.visit(ctx, from, func() []string { return files }, func(tree *commitTree) (bool, error) {
		version, err := c.schema(ctx, tree, path)
		if err != nil {
			return false, err
		}
		if files = slices.Sorted(maps.Keys(version.blobs)); version.schema != nil {
			found = version
		}
		return found != nil, nil
	})
	return found, err
}

// schema compiles the schema at path, or finds what the same files compiled to.
func (c *compiler) schema(ctx context.Context, tree tree, path string) (*schemaVersion, error) {
	versions, _ := c.schemas.Get(path)
	for _, v := range versions {
		if same, err := v.matches(ctx, tree); same || err != nil {
			return v, err
		}
	}
	v := &schemaVersion{blobs: map[string]content.Hash{}}
	var failure error
	v.schema, v.problems = check.CompileSchema(path, func(name string) (string, error) {
		blob, err := tree.blob(ctx, name)
		if errors.Is(err, content.ErrNotFound) {
			v.blobs[name] = ""
			return "", err
		}
		if err == nil {
			v.blobs[name] = blob
			var text string
			if text, err = tree.read(ctx, name, blob); err == nil {
				return text, nil
			}
		}
		failure = err
		return "", err
	})
	if failure != nil {
		return nil, fmt.Errorf("read schema %s: %w", path, failure)
	}
	if len(versions) >= schemaVersions {
		versions = versions[1:]
	}
	c.schemas.Add(path, append(slices.Clone(versions), v))
	return v, nil
}

func (v *schemaVersion) matches(ctx context.Context, tree tree) (bool, error) {
	for path, blob := range v.blobs {
		now, err := tree.blob(ctx, path)
		if err != nil && !errors.Is(err, content.ErrNotFound) {
			return false, err
		}
		if now != blob {
			return false, nil
		}
	}
	return true, nil
}

// digest hashes lines of text into a short key.
func digest(write func(io.Writer)) string {
	hash := sha256.New()
	buffered := bufio.NewWriterSize(hash, 16<<10)
	write(buffered)
	buffered.Flush()
	return hex.EncodeToString(hash.Sum(nil)[:16])
}
