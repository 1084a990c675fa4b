package proposal

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/xuri/excelize/v2"

	"github.com/koonti/koonti/internal/content"
)

// rowsGround has a collection with a place of every kind.
func rowsGround(t testing.TB) *ground {
	return newGround(t, map[string]string{
		"schema/model.json": `{"languages": ["fi", "sv"], "collections": [
  {"name": "things", "type": "Thing", "schema": "schema/thing.json", "path": "things/{id}.json", "title": "/name",
   "localized": ["/name", "/aims/*"], "references": {"/kin/*": {"collection": "things"}, "/town": {"collection": "towns"}}},
  {"name": "towns", "type": "Town", "schema": "schema/town.json", "path": "towns/{id}.json", "id": "/code"},
  {"name": "notes", "type": "Note", "schema": "schema/note.json", "path": "notes/*/{id}.json"},
  {"name": "plain", "type": "Plain", "schema": "schema/plain.json", "path": "plain/{id}.json"}]}`,
		"schema/thing.json": `{"type": "object", "properties": {
  "name": {"type": "object", "properties": {"fi": {"type": "string"}, "sv": {"type": "string"}}},
  "aims": {"type": "array", "items": {"type": "object", "properties": {"fi": {"type": "string"}}}},
  "count": {"type": "integer"}, "big": {"type": "integer", "format": "int64"}, "share": {"type": "number"}, "open": {"type": "boolean"},
  "state": {"type": "string", "enum": ["in-use", "gone"]}, "day": {"type": "string", "format": "date"}, "moment": {"type": "string", "format": "date-time"},
  "year": {"type": "string"}, "site": {"type": "string", "format": "uri"}, "kin": {"type": "array", "items": {"type": "string"}}, "sizes": {"type": "array", "items": {"type": "number"}},
  "town": {"type": "integer"}, "parts": {"type": "array", "items": {"type": "object", "properties": {"what": {"type": "string"}, "n": {"type": "integer"}}}},
  "any": {}, "place": {"type": "object", "properties": {"a.b": {"type": "string"}, "x": {"type": "number"}}}}}`,
		"schema/plain.json": `{"type": "array", "items": {"type": "integer"}}`,
		"things/old.json":   `{"name": {"fi": "Vanha", "sv": "Gammal"}, "parts": [{"what": "a", "n": 1}, {"what": "b", "n": 2}]}`,
		"things/bad.json":   `{`, "things/Odd.json": `{}`, "plain/p.json": `[1]`,
		"themes/a.json": "", "themes/b.json": "", "projects/x.json": "", "projects/hand.json": "", "files/x.pdf": "", "files/spare.pdf": "",
	})
}

func (g *ground) read(t testing.TB, collection string, format RowFormat, table string) *Rows {
	t.Helper()
	base := g.head()
	rows, err := ReadRows(context.Background(), format, strings.NewReader(table), base.Model.Collection(content.CollectionName(collection)), base.Model, base)
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

// written is what rows come to: the edits, a line each.
func written(rows *Rows) string {
	var b strings.Builder
	for _, e := range rows.Edits {
		fmt.Fprintf(&b, "%d %s %s %s%s\n", rows.Numbers[e.Ref], e.Kind, e.Ref, e.Document, e.Patch)
	}
	for _, p := range rows.Problems {
		fmt.Fprintf(&b, "%d [%s] %s\n", p.Row, p.Column, p.Message("en"))
	}
	return b.String()
}

func TestRowsOfCSV(t *testing.T) {
	csv := RowFormat{Kind: RowsCSV}
	tests := []struct{ name, collection, table, want string }{
		{"the title makes the id", "things", "name,name.sv\nÄlykäs Åbo – 2.0!,Smart\n", "2 PUT things/alykas-abo-2-0 {\"name\":{\"fi\":\"Älykäs Åbo – 2.0!\",\"sv\":\"Smart\"}}\n"},
		{"semicolons, a mark at the beginning, Windows lines, quotes", "things", "\uFEFFid;name\r\na;\"x;\"\"y\"\"\r\nz\"\r\n", "2 PUT things/a {\"name\":{\"fi\":\"x;\\\"y\\\"\\nz\"}}\n"},
		{"tabs", "things", "id\tyear\na\t2,5; 3\n", "2 PUT things/a {\"year\":\"2,5; 3\"}\n"},
		{"pointers and dots", "things", "/id,id,/name/sv,place.x,parts.0.what\n", "1 [/id] The column is not known. Known are id, name, aims, count, big, share, open, state, day, moment, year, site, kin, sizes, town, parts, any, place.\n"},
		{"a name with a dot in it, by its pointer", "things", "id,/place/a.b,place.x\na,1,\"2,5\"\n", "2 PUT things/a {\"place\":{\"a.b\":\"1\",\"x\":2.5}}\n"},
		{"every kind of cell", "things", "id,count,big,share,open,state,day,moment,site,kin,sizes,any,town\n" +
			"a,1 234,-9007199254740993,\"0,5\",Kyllä,IN_USE,1.2.2022,2022-02-01T10:00:00+02:00,https://x.fi,old|a,\"1\n2,5\",\"{\"\"q\"\":[1]}\",91\n" +
			"b,1.317E5,+5,1.50,nej,gone,2022-02-01,2022-02-01 10:00,x,old,3,text,091\n",
			"2 PUT things/a {\"count\":1234,\"big\":-9007199254740993,\"share\":0.5,\"open\":true,\"state\":\"in-use\",\"day\":\"2022-02-01\",\"moment\":\"2022-02-01T10:00:00+02:00\",\"site\":\"https://x.fi\",\"kin\":[\"old\",\"a\"],\"sizes\":[1,2.5],\"any\":{\"q\":[1]},\"town\":91}\n" +
				"3 [town] “091” is no number.\n"},
		{"cells that are not what they should be", "things", "id,count,share,open,state,day,moment,parts,place\na,1.5,x,maybe,lost,soon,later,{},[]\nb,\"1,234\",\"1,234\",,,31.2.2022,,,\n",
			"2 [count] “1.5” is no whole number.\n2 [share] “x” is no number.\n2 [open] “maybe” is neither yes nor no.\n2 [state] The value “lost” is not allowed. Allowed are in-use, gone.\n" +
				"2 [day] “soon” is no date. Write it as 2022-10-01 or 1.10.2022.\n2 [moment] “later” is no time. Write it as 2022-10-01T12:00:00Z.\n" +
				"2 [parts] “{}” is no JSON list. Give its parts in columns of their own, such as towns.0.name.\n2 [place] “[]” is no JSON object. Give its parts in columns of their own, with a dot between, such as name.fi.\n" +
				"3 [count] It is not clear whether the comma in “1,234” stands for thousands or decimals. Write it without thousands, and decimals with a point.\n" +
				"3 [share] It is not clear whether the comma in “1,234” stands for thousands or decimals. Write it without thousands, and decimals with a point.\n" +
				"3 [day] “31.2.2022” is no date. Write it as 2022-10-01 or 1.10.2022.\n"},
		{"items by their index, holes closed", "things", "id,parts.0.what,parts.0.n,parts.2.what,parts.2.n,aims\na,,,z,3,yksi|kaksi\n", "2 PUT things/a {\"parts\":[{\"what\":\"z\",\"n\":3}],\"aims\":[{\"fi\":\"yksi\"},{\"fi\":\"kaksi\"}]}\n"},
		{"objects and lists as JSON", "things", "id;parts;name\na;[{\"\"what\"\": 1}];\nb;\"[{\"\"what\"\": \"\"q\"\"}]\";x\n",
			"3 PUT things/b {\"parts\":[{\"what\":\"q\"}],\"name\":{\"fi\":\"x\"}}\n2 [] The row cannot be read: a quotation mark is missing, or there is one too many.\n"},
		{"a record that is there is patched where a cell says something", "things", "id,name,name.sv,count,parts.1.n,parts.5.what\nold,Vanha,Ny,,7,c\n",
			"2 PATCH things/old [{\"op\":\"replace\",\"path\":\"/name/sv\",\"value\":\"Ny\"},{\"op\":\"replace\",\"path\":\"/parts\",\"value\":[{\"what\":\"a\",\"n\":1},{\"what\":\"b\",\"n\":7},{\"what\":\"c\"}]}]\n"},
		{"what is there already is no edit", "things", "id,name\nold,Vanha\n", ""},
		{"empty rows count, as in a spreadsheet, and cells of two lines as one", "things", "\n\nid,name\n\n,\n\"a\",\"x\ny\"\nb,z\n", "6 PUT things/a {\"name\":{\"fi\":\"x\\ny\"}}\n7 PUT things/b {\"name\":{\"fi\":\"z\"}}\n"},
		{"ids that are taken, or too like others", "things", "id,name\n,Vanha\n,Uusi\n,uusi\nodd,x\nbad,x\n-x,x\na/b,x\n,!\n,\nc,1\nc,2\n,Old\n",
			"3 PUT things/uusi {\"name\":{\"fi\":\"Uusi\"}}\n4 PUT things/uusi-2 {\"name\":{\"fi\":\"uusi\"}}\n11 PUT things/c {\"name\":{\"fi\":\"1\"}}\n13 PUT things/old-2 {\"name\":{\"fi\":\"Old\"}}\n" +
				"2 [] There is a record “old” with the same title. If you mean it, write “old” in the column id; if not, give another id.\n" +
				"5 [] The id “odd” is too like “Odd”, which is there.\n6 [] The file things/bad.json cannot be read. Put it right first.\n" +
				"7 [] “-x” will not do for an id: use small letters a-z and digits, with . _ - between them\n8 [] “a/b” will not do for an id: use small letters a-z and digits, with . _ - between them\n" +
				"9 [] No id can be made of the title “!”. Give one in the column id.\n12 [] The id “c” is on row 11 already.\n"},
		{"columns that give the same", "things", "name,/name/fi,id,ID,count,name.de,parts.0,parts.0.what,parts.x.what\n",
			"1 [/name/fi] The column gives the same as the column “name”. Remove one of them.\n1 [ID] The column gives the same as the column “id”. Remove one of them.\n" +
				"1 [name.de] The language is not known. Known are fi, sv.\n1 [parts.0.what] The column gives the same as the column “parts.0”. Remove one of them.\n" +
				"1 [parts.x.what] The column is not known. Known are id, name, aims, count, big, share, open, state, day, moment, year, site, kin, sizes, town, parts, any, place.\n"},
		{"a cell beside the columns", "things", "id,name,\na,x,,\nb,y,,lost\n", "2 PUT things/a {\"name\":{\"fi\":\"x\"}}\n3 [] The value “lost” is in a column that has no name in the first row.\n"},
		{"an id that the record holds", "towns", "code,name\n92,Vantaa\n", "2 PUT towns/92 {\"code\":92,\"name\":\"Vantaa\"}\n"},
		{"an id that the record is to hold", "towns", "id,name\n92,Vantaa\nx,X\n", "2 PUT towns/92 {\"name\":\"Vantaa\",\"code\":92}\n3 [] “x” is no number.\n"},
		{"a folder that cannot be told", "notes", "id,text\nn,new\nm,x\n", "2 PATCH notes/n [{\"op\":\"replace\",\"path\":\"/text\",\"value\":\"new\"}]\n3 [] There is no record “m”, and a new one cannot be made: the model does not say in which folder.\n"},
		{"a record that is no object", "plain", "id,value\np,1|2\nq,\"[3]\"\n", "2 PATCH plain/p [{\"op\":\"replace\",\"path\":\"\",\"value\":[1,2]}]\n3 PUT plain/q [3]\n"},
		{"nothing but names", "things", "id,name\n", ""},
	}
	g := rowsGround(t)
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			rows := g.read(t, test.collection, csv, test.table)
			if diff := cmp.Diff(test.want, written(rows)); diff != "" {
				t.Error(diff)
			}
			for _, p := range rows.Problems {
				for _, lang := range content.MessageLanguages {
					if m := p.Messages[lang]; m == "" || strings.Contains(m, "%!") {
						t.Errorf("row %d says in %s: %q", p.Row, lang, m)
					}
				}
			}
			if _, err := g.apply(rows.Edits...); err != nil {
				t.Errorf("the edits do not apply: %v", err)
			}
		})
	}
}

func TestColumnsOfPlaces(t *testing.T) {
	g := rowsGround(t)
	rows := g.read(t, "things", RowFormat{Kind: RowsCSV}, "id,name,name.sv,,parts.0.what,/place\na,x,y,,z,{}\n")
	for at, want := range map[content.Pointer]string{
		"/name/fi": "name", "/name/sv": "name.sv", "/name": "", "/parts/0/what": "parts.0.what", "/parts/0": "", "/place/x": "/place", "/id": "", "": "",
	} {
		if got := rows.Column(at); got != want {
			t.Errorf("%q is given by %q, want %q", at, got, want)
		}
	}
	if got := g.read(t, "things", RowFormat{Kind: RowsNDJSON}, `{"id": "a"}`).Column("/name"); got != "" {
		t.Errorf("NDJSON has a column %q", got)
	}
}

func TestRowsOfNDJSON(t *testing.T) {
	g := rowsGround(t)
	table := "\uFEFF" + `{"id": "a", "name": {"fi": "A"}, "kin": ["old"], "count": null, "odd": 1.50}` + "\r\n\n" + `{"id": "old", "name": {"sv": "Ny"}, "parts": [{"what": "c"}]}` + "\n" +
		`{"name": {"sv": "Bara"}}` + "\n[1]\n{\"id\": \"b\", \"name\":}\n{\"id\": \"old\"}\n"
	want := `1 PUT things/a {"name":{"fi":"A"},"kin":["old"],"odd":1.50}
3 PATCH things/old [{"op":"replace","path":"/name/sv","value":"Ny"},{"op":"replace","path":"/parts","value":[{"what":"c"}]}]
4 PUT things/bara {"name":{"sv":"Bara"}}
5 [] The line must be a JSON object: { … }.
6 [] The line is no valid JSON: the mistake is at character 20.
7 [] The id “old” is on row 3 already.
`
	if diff := cmp.Diff(want, written(g.read(t, "things", RowFormat{Kind: RowsNDJSON}, table))); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff("1 PUT towns/92 {\"code\":92}\n", written(g.read(t, "towns", RowFormat{Kind: RowsNDJSON}, `{"id": 92}`))); diff != "" {
		t.Error(diff)
	}
}

func TestRowsOfAWorkbook(t *testing.T) {
	book := excelize.NewFile()
	defer book.Close()
	if _, err := book.NewSheet("Toinen"); err != nil {
		t.Fatal(err)
	}
	set := func(sheet, at string, v any, format string) {
		t.Helper()
		if err := book.SetCellValue(sheet, at, v); err != nil {
			t.Fatal(err)
		}
		if format == "" {
			return
		}
		style, err := book.NewStyle(&excelize.Style{CustomNumFmt: &format})
		if err == nil {
			err = book.SetCellStyle(sheet, at, at, style)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	for i, header := range []string{"id", "name", "count", "share", "open", "day", "year", "moment", "sizes", "kin"} {
		set("Sheet1", string(rune('A'+i))+"2", header, "")
	}
	noon := time.Date(2022, 2, 1, 12, 30, 0, 0, time.UTC)
	day := time.Date(2022, 2, 1, 0, 0, 0, 0, time.UTC)
	set("Sheet1", "A3", 91, "000")
	set("Sheet1", "B3", " Nimi ", "")
	set("Sheet1", "C3", 131700.0, "# ##0")
	set("Sheet1", "D3", 0.1, "0 %")
	set("Sheet1", "E3", true, "")
	set("Sheet1", "F3", day, "d.m.yyyy")
	set("Sheet1", "G3", day, "yyyy-mm-dd")
	set("Sheet1", "H3", noon, "d.m.yyyy hh:mm")
	set("Sheet1", "I3", 2.5, "")
	set("Sheet1", "J3", "old|a", "")
	set("Sheet1", "A6", "b", "")
	set("Sheet1", "D6", 44593, "")
	set("Sheet1", "F6", 44593, "")
	set("Sheet1", "A7", "c", "")
	set("Sheet1", "G7", 2022, "")
	set("Sheet1", "F7", day, "d mmmm yyyy")
	if err := book.SetCellFormula("Sheet1", "C7", "1+1"); err != nil {
		t.Fatal(err)
	}
	set("Toinen", "A1", "id", "")
	set("Toinen", "B1", "count", "")
	set("Toinen", "A2", "d", "")
	set("Toinen", "B2", "#N/A", "")
	var data bytes.Buffer
	if err := book.Write(&data); err != nil {
		t.Fatal(err)
	}
	g := rowsGround(t)
	want := `3 PUT things/091 {"name":{"fi":"Nimi"},"count":131700,"share":0.1,"open":true,"day":"2022-02-01","year":"2022-02-01","moment":"2022-02-01T12:30:00Z","sizes":[2.5],"kin":["old","a"]}
7 PUT things/c {"day":"2022-02-01","year":"2022"}
6 [day] “44593” is no date. Write it as 2022-10-01 or 1.10.2022.
`
	if diff := cmp.Diff(want, written(g.read(t, "things", RowFormat{Kind: RowsXLSX}, data.String()))); diff != "" {
		t.Error(diff)
	}
	want = "2 [count] The formula of the cell failed: #N/A.\n"
	if diff := cmp.Diff(want, written(g.read(t, "things", RowFormat{Kind: RowsXLSX, Sheet: "Toinen"}, data.String()))); diff != "" {
		t.Error(diff)
	}
	base := g.head()
	_, err := ReadRows(context.Background(), RowFormat{Kind: RowsXLSX, Sheet: "Kolmas"}, &data, base.Model.Collection("things"), base.Model, base)
	if !errors.Is(err, content.ErrInvalid) || !strings.Contains(err.Error(), "Sheet1, Toinen") {
		t.Errorf("got %v", err)
	}
}

func TestNobodyReadsMoreProblems(t *testing.T) {
	g := rowsGround(t)
	base := g.head()
	table := "id\n" + strings.Repeat("a"+strings.Repeat(",x", 100)+"\n", 1000)
	rows, err := ReadRows(context.Background(), RowFormat{Kind: RowsCSV}, strings.NewReader(table), base.Model.Collection("things"), base.Model, base)
	if err != nil || len(rows.Problems) != maxRowProblems || len(rows.Edits) > 0 {
		t.Errorf("%d problems and %d edits, %v; want %d and none", len(rows.Problems), len(rows.Edits), err, maxRowProblems)
	}
}

func TestTablesThatAreNone(t *testing.T) {
	g := rowsGround(t)
	base := g.head()
	many := "id\n" + strings.Repeat("x\n", maxTableRows+1)
	tests := []struct {
		name, table string
		kind        RowKind
		is          error
		word        string
	}{
		{"no such kind", "", "ods", content.ErrInvalid, "csv, xlsx or ndjson"},
		{"nothing", " \n", RowsCSV, content.ErrInvalid, "must name the columns"},
		{"another encoding", "id;name\na;\xe4iti\n", RowsCSV, content.ErrInvalid, "CSV UTF-8"},
		{"no workbook", "id;name", RowsXLSX, content.ErrInvalid, "save it as .xlsx"},
		{"too many rows", many, RowsCSV, content.ErrTooLarge, "5000 rows"},
		{"too many rows that cannot be read", "id\n" + strings.Repeat("a\"b\n", maxTableRows+1), RowsCSV, content.ErrTooLarge, "5000 rows"},
		{"too many lines", strings.Repeat("{}\n", maxTableRows+1), RowsNDJSON, content.ErrTooLarge, "5000 rows"},
		{"too large", strings.Repeat("x", maxTableBytes+1), RowsCSV, content.ErrTooLarge, "32 MiB"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := ReadRows(context.Background(), RowFormat{Kind: test.kind}, strings.NewReader(test.table), base.Model.Collection("things"), base.Model, base)
			if !errors.Is(err, test.is) || !strings.Contains(err.Error(), test.word) {
				t.Errorf("got %v", err)
			}
		})
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	for _, kind := range []RowKind{RowsCSV, RowsNDJSON} {
		if _, err := ReadRows(ctx, RowFormat{Kind: kind}, strings.NewReader("{}"), base.Model.Collection("things"), base.Model, base); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: got %v", kind, err)
		}
	}
	rows := g.read(t, "things", RowFormat{Kind: RowsCSV}, strings.Repeat("x,", maxColumns)+"x\na\n")
	if got := written(rows); got != "1 [] There are too many columns: at most 500.\n" {
		t.Errorf("got %s", got)
	}
}

// repositoryGround has the content of this repository.
func repositoryGround(t testing.TB) *ground {
	t.Helper()
	files := map[string]string{}
	for name := range groundFiles {
		files[name] = ""
	}
	root := filepath.Join("..", "..")
	for _, folder := range []string{"schema", "records"} {
		err := filepath.WalkDir(filepath.Join(root, folder), func(file string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			data, err := os.ReadFile(file)
			name, _ := filepath.Rel(root, file)
			files[filepath.ToSlash(name)] = string(data)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return newGround(t, files)
}

// Ten projects that are not among the forty come in from a spreadsheet, without a
// problem of content that was not there before.
func TestTenProjectsFromASpreadsheet(t *testing.T) {
	table, err := os.ReadFile(filepath.Join("testdata", "projects.csv"))
	if err != nil {
		t.Fatal(err)
	}
	g := repositoryGround(t)
	before := len(g.head().Problems)
	rows := g.read(t, "projects", RowFormat{Kind: RowsCSV}, string(table))
	if len(rows.Problems) > 0 || len(rows.Edits) != 10 {
		t.Fatalf("got %s", written(rows))
	}
	files, err := g.apply(rows.Edits...)
	if err != nil {
		t.Fatal(err)
	}
	g.commit(files)
	view := g.head()
	for _, p := range view.Problems[:max(0, len(view.Problems)-before)] {
		t.Errorf("%s: %s", p.Path, p.Message("en"))
	}
	if n := view.Snapshot.Set("projects").Len(); n != 50 {
		t.Errorf("there are %d projects", n)
	}
	r := view.Snapshot.Record(editRef("projects/lampio"))
	if r.Root.Member("grantEur").Text != "850000" || r.Root.At("/participants/1/role").Text != "partner" || r.Root.At("/sources/1/fields/3").Text != "/totalBudgetEur" {
		t.Errorf("got %s", r.Source)
	}
	if again := g.read(t, "projects", RowFormat{Kind: RowsCSV}, string(table)); len(again.Edits)+len(again.Problems) > 0 {
		t.Errorf("importing again changes %s", written(again))
	}
}

func TestSlugs(t *testing.T) {
	for title, want := range map[string]string{
		"Lämpiö": "lampio", "Åbo & Ǻ ø Straße": "abo-a-o-strasse", "  DIGI – tek 3.0  ": "digi-tek-3-0", "数": "", "ﬁksu ½": "fiksu-1-2",
		strings.Repeat("pitkä ", 20): strings.TrimSuffix(strings.Repeat("pitka-", 13), "-"),
	} {
		if got := slugOf(title); got != want {
			t.Errorf("%s: got %q, want %q", title, got, want)
		}
	}
}

// FuzzRows: no table ends the process, and the edits of any apply but for what is to be
// checked in the whole.
func FuzzRows(f *testing.F) {
	g := rowsGround(f)
	base := g.head()
	f.Add(0, "id,name,parts.1.n\nold,x,7\n,Y,\n")
	f.Add(0, "name.sv;/place/x;kin\nÄ;\"2,5\";a|b\n")
	f.Add(0, "count\tday\n1 000\t1.2.2022\n")
	f.Add(1, "{\"id\":\"a\",\"name\":{\"fi\":\"x\"}}\n{\"parts\":[{}],\"id\":\"old\"}\n")
	f.Add(2, "PK\x03\x04")
	kinds := []RowKind{RowsCSV, RowsNDJSON, RowsXLSX}
	collections := base.Model.Collections
	f.Fuzz(func(t *testing.T, n int, table string) {
		if len(table) > 10_000 {
			return
		}
		n &= 0xff
		rows, err := ReadRows(context.Background(), RowFormat{Kind: kinds[n%3]}, strings.NewReader(table), collections[n/3%len(collections)], base.Model, base)
		if err != nil {
			if !errors.Is(err, content.ErrInvalid) && !errors.Is(err, content.ErrTooLarge) {
				t.Fatal(err)
			}
			return
		}
		_, err = applyEdits(context.Background(), g, base, rows.Edits)
		var refusal *content.Refusal
		if errors.As(err, &refusal) {
			t.Fatalf("%q: %v", table, err)
		}
	})
}
