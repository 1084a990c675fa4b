package graphql

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/graphql-go/graphql/language/ast"
	"github.com/graphql-go/graphql/language/parser"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/koonti/koonti/internal/content"
)

// Each file of testdata/evolve is two type systems and what changed between them. What
// graphql-inspector says of the same files is held against it in graphql/ecosystem.
func TestWhatChangesBetweenTwoTypeSystems(t *testing.T) {
	names, err := filepath.Glob("testdata/evolve/*.txtar")
	if err != nil || len(names) == 0 {
		t.Fatalf("no golden files: %v", err)
	}
	for _, name := range names {
		t.Run(filepath.Base(name), func(t *testing.T) {
			archive, err := txtar.ParseFile(name)
			if err != nil {
				t.Fatal(err)
			}
			files := map[string]string{}
			for _, f := range archive.Files {
				files[f.Name] = string(f.Data)
			}
			got := changeLines(compareSystems(parseSDL(t, files["before.graphql"]), parseSDL(t, files["after.graphql"])))
			if *update {
				archive.Files = append(archive.Files[:2:2], txtar.File{Name: "changes", Data: []byte(got)})
				if err := os.WriteFile(name, txtar.Format(archive), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if diff := cmp.Diff(files["changes"], got); diff != "" {
				t.Errorf("changes differ (-want +got):\n%s", diff)
			}
		})
	}
}

func changeLines(changes []content.APIChange) string {
	var b strings.Builder
	for _, c := range changes {
		fmt.Fprintf(&b, "%s %s %s\n", c.Severity, c.Coordinate, c.Message)
	}
	return b.String()
}

// sdlReader makes a type system of SDL: what no model brings is compared as well.
type sdlReader struct {
	*system
	t *testing.T
}

func parseSDL(t *testing.T, text string) *system {
	t.Helper()
	document, err := parser.Parse(parser.ParseParams{Source: text})
	if err != nil {
		t.Fatal(err)
	}
	r := sdlReader{&system{byName: map[string]*typeDef{}}, t}
	for _, name := range []string{"ID", "String", "Int", "Float", "Boolean"} {
		r.typ(name)
	}
	for _, d := range document.Definitions {
		r.define(d)
	}
	return r.system
}

// typ is the type called name, perhaps not defined yet.
func (r sdlReader) typ(name string) *typeDef {
	if r.byName[name] == nil {
		r.byName[name] = &typeDef{name: name}
		r.types = append(r.types, r.byName[name])
	}
	return r.byName[name]
}

func (r sdlReader) define(node ast.Node) {
	switch d := node.(type) {
	case *ast.ScalarDefinition:
		t := r.typ(d.Name.Value)
		t.kind = scalarKind
		for _, directive := range d.Directives {
			t.specifiedBy = directive.Arguments[0].Value.GetValue().(string)
		}
	case *ast.ObjectDefinition:
		t := r.typ(d.Name.Value)
		t.kind, t.fields = objectKind, r.fields(d.Fields)
		for _, face := range d.Interfaces {
			t.interfaces = append(t.interfaces, r.typ(face.Name.Value))
		}
	case *ast.InterfaceDefinition:
		t := r.typ(d.Name.Value)
		t.kind, t.fields = interfaceKind, r.fields(d.Fields)
	case *ast.EnumDefinition:
		t := r.typ(d.Name.Value)
		t.kind = enumKind
		for _, v := range d.Values {
			t.values = append(t.values, enumValue{name: v.Name.Value})
		}
	case *ast.InputObjectDefinition:
		t := r.typ(d.Name.Value)
		t.kind, t.inputs = inputKind, r.inputs(d.Fields)
	default:
		r.t.Fatalf("%T is not read", node)
	}
}

func (r sdlReader) fields(nodes []*ast.FieldDefinition) []*fieldDef {
	var list []*fieldDef
	for _, n := range nodes {
		list = append(list, &fieldDef{name: n.Name.Value, typ: r.ref(n.Type), args: r.inputs(n.Arguments)})
	}
	return list
}

func (r sdlReader) inputs(nodes []*ast.InputValueDefinition) []*inputDef {
	var list []*inputDef
	for _, n := range nodes {
		in := &inputDef{name: n.Name.Value, typ: r.ref(n.Type)}
		switch v := n.DefaultValue.(type) {
		case nil:
		case *ast.StringValue:
			in.initial = fmt.Sprintf("%q", v.Value)
		case *ast.ListValue:
			in.initial = "[]"
		default:
			in.initial = fmt.Sprint(v.GetValue())
		}
		list = append(list, in)
	}
	return list
}

func (r sdlReader) ref(node ast.Type) typeRef {
	switch n := node.(type) {
	case *ast.NonNull:
		return nonNull(r.ref(n.Type))
	case *ast.List:
		return listOf(r.ref(n.Type))
	case *ast.Named:
		return of(r.typ(n.Name.Value))
	}
	r.t.Fatalf("%T is no type", node)
	return typeRef{}
}

func TestCompareSaysWhichModelHasNoTypes(t *testing.T) {
	good, bad := &content.Model{Path: "good.json"}, &content.Model{Path: "bad.json"}
	bad.Collections = []*content.Collection{{Name: "a", Type: "Query", Root: &content.Shape{Kind: content.ShapeObject, Type: "Query"}}}
	for _, pair := range [][2]*content.Model{{good, bad}, {bad, good}} {
		if _, err := Compare(pair[0], pair[1]); err == nil || !strings.Contains(err.Error(), "bad.json") {
			t.Errorf("Compare: %v, want bad.json named", err)
		}
	}
	if changes, err := Compare(good, good); err != nil || len(changes) > 0 {
		t.Errorf("Compare of a model with itself: %v, %v", changes, err)
	}
}
