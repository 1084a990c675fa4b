package cli

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/koonti/koonti/"

// allowed says which packages of ours each package may import (CONTRIBUTING.md, the
// map). A package that is not here has no place yet.
var allowed = map[string][]string{
	"cmd/koonti":         {"internal/cli"},
	"graphql":            {"internal/content"},
	"internal/content":   {},
	"internal/gitrepo":   {},
	"internal/check":     {"internal/content"},
	"internal/catalog":   {"internal/content", "internal/check", "internal/gitrepo"},
	"internal/search":    {"internal/content"},
	"internal/history":   {"internal/content", "internal/gitrepo"},
	"internal/signature": {"internal/content"},
	"internal/access":    {"internal/content"},
	"internal/proposal":  {"internal/content", "internal/gitrepo"},
	"internal/server":    {"internal/content", "internal/access", "internal/catalog", "graphql"},

	"internal/forge/local":     {"internal/content", "internal/gitrepo", "internal/proposal"},
	"internal/forge/forgetest": {"internal/content", "internal/gitrepo", "internal/proposal"},
	"internal/forge/gitea":     {"internal/content", "internal/gitrepo", "internal/proposal"},

	"internal/forge/gitea/giteatest": {},

	"internal/cli": {
		"internal/content", "internal/check", "internal/gitrepo", "internal/catalog", "internal/search", "internal/history", "internal/signature", "internal/access",
		"internal/proposal", "internal/forge/local", "internal/forge/gitea", "internal/server", "graphql",
	},
}

// alone says which package alone may import a library.
var alone = map[string]string{
	"github.com/go-git/":                    "internal/gitrepo",
	"github.com/graphql-go/":                "graphql",
	"github.com/santhosh-tekuri/jsonschema": "internal/check",
	"github.com/blevesearch/":               "internal/search",
	"github.com/fsnotify/":                  "internal/catalog",
	"modernc.org/sqlite":                    "internal/history",
	"github.com/ProtonMail/":                "internal/signature",
}

func TestImports(t *testing.T) {
	root := filepath.Join("..", "..")
	seen := map[string]bool{}
	err := filepath.WalkDir(root, func(file string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() && strings.HasPrefix(d.Name(), ".") && file != root {
			return errOr(err, fs.SkipDir)
		}
		if d.IsDir() || !strings.HasSuffix(file, ".go") || strings.HasSuffix(file, "_test.go") {
			return nil // tests set up the real things that their package is given
		}
		name, err := filepath.Rel(root, file)
		if err != nil {
			return err
		}
		pkg := path.Dir(filepath.ToSlash(name))
		seen[pkg] = true
		source, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		for _, spec := range source.Imports {
			imported, _ := strconv.Unquote(spec.Path.Value)
			if complaint := wrongImport(pkg, imported); complaint != "" {
				t.Errorf("%s: %s", name, complaint)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for pkg := range allowed {
		if !seen[pkg] {
			t.Errorf("there is no package %s: the table is out of date", pkg)
		}
	}
}

func errOr(err, otherwise error) error {
	if err != nil {
		return err
	}
	return otherwise
}

func wrongImport(pkg, imported string) string {
	list, known := allowed[pkg]
	if !known {
		return pkg + " is not on the map"
	}
	if ours, ok := strings.CutPrefix(imported, module); ok && !slices.Contains(list, ours) {
		return pkg + " must not import " + ours
	}
	for prefix, owner := range alone {
		if strings.HasPrefix(imported, prefix) && pkg != owner {
			return imported + " is for " + owner + " alone"
		}
	}
	return ""
}

// The top level of the project is agreed; anything else is a mistake.
func TestTopLevel(t *testing.T) {
	agreed := []string{"cmd", "schema", "records", "internal", "graphql", "go.mod", "go.sum", "Makefile", "README.md",
		"LICENSE", "CONTRIBUTING.md", "CHANGELOG.md", "bin"}
	entries, err := os.ReadDir(filepath.Join("..", ".."))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), ".") && !slices.Contains(agreed, e.Name()) {
			t.Errorf("%s is outside the agreed top level", e.Name())
		}
	}
}
