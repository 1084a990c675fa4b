package check

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"
)

// Each file of testdata is a repository and what is said of it, in all languages.
// A file "things/x.json" is a record of the model in thingsModel, unless there is a
// model.json.
func TestGolden(t *testing.T) {
	for name, archive := range archives(t) {
		t.Run(name, func(t *testing.T) {
			files, want := unpack(archive)
			got := listing(examineTree(files).problems)
			if *update {
				rewrite(t, filepath.Join("testdata", name), archive, got)
				return
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("problems differ (-want +got):\n%s", diff)
			}
		})
	}
}

const goldenName = "problems"

func archives(t *testing.T) map[string]*txtar.Archive { return archivesOf(t) }

func archivesOf(t testing.TB) map[string]*txtar.Archive {
	t.Helper()
	names, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(names) == 0 {
		t.Fatalf("no golden files: %v", err)
	}
	all := map[string]*txtar.Archive{}
	for _, name := range names {
		archive, err := txtar.ParseFile(name)
		if err != nil {
			t.Fatal(err)
		}
		all[filepath.Base(name)] = archive
	}
	return all
}

// unpack returns the files of an archive without the newline that txtar wants at
// their end, and the problems.
func unpack(archive *txtar.Archive) (files tree, want string) {
	files = tree{}
	for _, f := range archive.Files {
		if f.Name == goldenName {
			want = string(f.Data)
			continue
		}
		files[f.Name] = strings.TrimSuffix(string(f.Data), "\n")
	}
	return files, want
}

func rewrite(t *testing.T, name string, archive *txtar.Archive, problems string) {
	t.Helper()
	kept := archive.Files[:0:0]
	for _, f := range archive.Files {
		if f.Name != goldenName {
			kept = append(kept, f)
		}
	}
	archive.Files = append(kept, txtar.File{Name: goldenName, Data: []byte(problems)})
	if err := os.WriteFile(name, txtar.Format(archive), 0o644); err != nil {
		t.Fatal(err)
	}
}
