package proposal

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"github.com/koonti/koonti/internal/content"
)

// RowKind is a way of writing tables.
type RowKind string

// The ways of writing tables.
const (
	// RowsCSV is CSV (RFC 4180) in UTF-8, separated by commas, semicolons or tabs, as the
	// first row shows.
	RowsCSV RowKind = "csv"
	// RowsXLSX is a workbook of Excel or LibreOffice.
	RowsXLSX RowKind = "xlsx"
	// RowsNDJSON is a JSON object a line: the record, and id.
	RowsNDJSON RowKind = "ndjson"
)

// RowFormat says how a table is written.
type RowFormat struct {
	Kind RowKind
	// Sheet names the sheet of a workbook; "" is the first.
	Sheet string
}

// Limits of one table.
const (
	maxTableBytes = 32 << 20
	maxTableRows  = content.MaxEdits
	maxColumns    = 500
	// maxRowProblems is how many problems are told; nobody reads more.
	maxRowProblems = 10_000
)

// Rows is what a table came to.
type Rows struct {
	// Edits make the records of the rows, in their order. A record that is there is
	// patched at the places given; a row that changes nothing, and one with a problem,
	// has no edit.
	Edits []content.Edit
	// Problems are sorted by row, the first 10,000; one of the header, row 1 of most, leaves
	// out all rows.
	Problems []RowProblem
	// Numbers are the rows that the edits come from, so that what is found wrong with a
	// record can be told at its row.
	Numbers map[content.Ref]int

	columns []column
}

// Column is the name of the column that gives a place of a record, or gives what it lies in;
// "" where none does, as in NDJSON.
func (r *Rows) Column(at content.Pointer) string {
	for _, col := range r.columns {
		if col.name != "" && !col.id && col.at().Covers(at) {
			return col.name
		}
	}
	return ""
}

// RowProblem says why a row cannot be read.
type RowProblem struct {
	// Row is the number that a spreadsheet shows, or the line of an NDJSON file.
	Row int
	// Column is its name in the header; "" where the row as a whole is meant.
	Column string
	// Messages say it for people, by language: fi, sv and en.
	Messages map[content.Language]string
}

// Message returns the text in lang, or in English where lang is not spoken.
func (p RowProblem) Message(lang content.Language) string {
	return content.Problem{Messages: p.Messages}.Message(lang)
}

// ReadRows turns a table into edits of the records of a collection, on base.
//
// The first row that is not empty names the columns: by a property ("name"), by a path
// with dots ("name.sv", "participants.0.municipality") or by a JSON Pointer ("/name/sv").
// A localized property without a language is in the model's first. The column "id" says
// which record is meant; without it, or where it is empty, the id is what the model says
// that the record holds it in, else it is made of the title and new.
//
// A cell becomes what the schema asks for. Numbers may have a decimal comma, and spaces
// between thousands; dates may be written 2022-10-01, 1.10.2022 or as spreadsheets keep
// them; true and false by those words, 1 and 0, or yes and no in the languages of
// messages; enums by their value or their name in GraphQL; lists of such with "|" or line
// breaks between; an object, or a list of objects, as JSON. An empty cell says nothing: a
// record that is there keeps what it has.
//
// The error wraps content.ErrInvalid where this is no table at all, content.ErrTooLarge
// where it is over a limit; any other is a failure to read, or the end of ctx.
func ReadRows(ctx context.Context, format RowFormat, r io.Reader, collection *content.Collection, model *content.Model, base *content.View) (*Rows, error) {
	im := &importer{
		collection: collection, model: model, base: base, unreadable: unreadable(base),
		out: &Rows{Numbers: map[content.Ref]int{}}, taken: map[content.ID]int{},
	}
	im.ids = foldedIDs(base, im.unreadable)
	data, err := io.ReadAll(io.LimitReader(r, maxTableBytes+1))
	if err != nil {
		return nil, fmt.Errorf("read the table: %w", err)
	}
	if len(data) > maxTableBytes {
		return nil, fmt.Errorf("the table is larger than %d MiB: %w", maxTableBytes>>20, content.ErrTooLarge)
	}
	switch format.Kind {
	case RowsCSV:
		err = im.table(ctx, csvRows(string(data)))
	case RowsXLSX:
		err = im.table(ctx, xlsxRows(data, format.Sheet))
	case RowsNDJSON:
		err = im.lines(ctx, string(data))
	default:
		err = fmt.Errorf("a table is csv, xlsx or ndjson, not %s: %w", plainName(string(format.Kind)), content.ErrInvalid)
	}
	if err != nil {
		return nil, err
	}
	im.out.columns = im.columns
	slices.SortStableFunc(im.out.Problems, func(a, b RowProblem) int { return cmp.Compare(a.Row, b.Row) })
	return im.out, nil
}

// importer is one run of ReadRows.
type importer struct {
	collection *content.Collection
	model      *content.Model
	base       *content.View
	unreadable map[content.Ref]string
	ids        folded
	columns    []column
	out        *Rows
	byTitle    map[string]content.ID // made when it is asked for
	// taken says which row has an id; rows counts those that are not empty.
	taken map[content.ID]int
	rows  int
}

func (im *importer) note(row int, column string, p *rowFault) {
	if len(im.out.Problems) < maxRowProblems {
		im.out.Problems = append(im.out.Problems, RowProblem{row, column, p.messages()})
	}
}

// table reads the rows of a spreadsheet.
func (im *importer) table(ctx context.Context, rows tableRows) error {
	for row, err := range rows {
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return err
		}
		switch {
		case row.broken:
			if err := im.counted(); err != nil { // each is told of
				return err
			}
			im.note(row.number, "", fault("row/broken"))
		case row.empty():
		case im.columns == nil:
			if !im.header(row) {
				return nil
			}
		default:
			if err := im.counted(); err != nil {
				return err
			}
			im.row(row)
		}
	}
	if im.columns == nil && len(im.out.Problems) == 0 {
		return fmt.Errorf("the table is empty: its first row must name the columns: %w", content.ErrInvalid)
	}
	return nil
}

func (im *importer) counted() error {
	if im.rows++; im.rows > maxTableRows {
		return fmt.Errorf("the table has more than %d rows; import it in parts: %w", maxTableRows, content.ErrTooLarge)
	}
	return nil
}

// header reads the names of the columns and reports whether all are known.
func (im *importer) header(row tableRow) bool {
	if len(row.cells) > maxColumns {
		im.note(row.number, "", fault("column/many", maxColumns))
		return false
	}
	right := true
	for _, c := range row.cells {
		col, p := im.columnOf(strings.TrimSpace(c.text))
		for _, other := range im.columns {
			if p == nil && col.clashes(other) {
				p = fault("column/twice", other.name)
			}
		}
		if p != nil {
			im.note(row.number, col.name, p)
			right = false
		}
		im.columns = append(im.columns, col)
	}
	return right
}

// row reads one row.
func (im *importer) row(row tableRow) {
	var root given
	id, right := "", true
	for i, c := range row.cells {
		if c.empty() {
			continue
		}
		if i >= len(im.columns) || im.columns[i].name == "" {
			im.note(row.number, "", fault("column/nameless", clipped(c.text)))
			right = false
			continue
		}
		col := im.columns[i]
		if col.id {
			id = c.plain()
			continue
		}
		v, p := im.cellValue(col.shape, c)
		if p != nil {
			im.note(row.number, col.name, p)
			right = false
			continue
		}
		root.put(col.tokens, v)
	}
	if right {
		im.record(row.number, id, &root)
	}
}

// lines reads the records of an NDJSON file.
func (im *importer) lines(ctx context.Context, text string) error {
	text = strings.TrimPrefix(text, "\uFEFF")
	number := 0
	for line := range strings.SplitSeq(text, "\n") {
		number++
		if err := ctx.Err(); err != nil {
			return err
		}
		if strings.TrimSpace(line) == "" {
			continue
		}
		if err := im.counted(); err != nil {
			return err
		}
		im.line(number, line)
	}
	return nil
}

func (im *importer) line(number int, line string) {
	v, err := content.Parse(line)
	if err != nil {
		im.note(number, "", fault("row/json", faultColumn(line, err)))
		return
	}
	if v.Kind != content.Object {
		im.note(number, "", fault("row/object"))
		return
	}
	id, _ := v.Member("id").RefID()
	var root given
	for i := range v.Kids {
		if kid := &v.Kids[i]; kid.Name != "id" || im.collection.Root.Field("id") != nil {
			root.merge([]string{kid.Name}, kid)
		}
	}
	im.record(number, string(id), &root)
}

// record makes the edit of one row.
func (im *importer) record(number int, id string, root *given) {
	ref, r, p := im.which(content.ID(id), root)
	if p == nil {
		if other, taken := im.taken[ref.ID]; taken {
			p = fault("row/twice", string(ref.ID), other)
		}
	}
	if p == nil && r == nil {
		p = im.mayBeNew(ref)
	}
	if p != nil {
		im.note(number, "", p)
		return
	}
	im.taken[ref.ID] = number
	edit, p := im.edit(ref, r, root)
	switch {
	case p != nil:
		im.note(number, "", p)
	case edit != nil:
		im.out.Edits = append(im.out.Edits, *edit)
		im.out.Numbers[ref] = number
	}
}

// edit is nil where the row changes nothing.
func (im *importer) edit(ref content.Ref, r *content.Record, root *given) (*content.Edit, *rowFault) {
	if r != nil {
		v := root.over(r.Root, im.collection.Root)
		if v.Equal(r.Root) {
			return nil, nil
		}
		patch := differencePatch(r.Root, v)
		if _, complaint := parsePatch(patch); complaint != "" {
			return nil, fault("row/large")
		}
		return &content.Edit{Kind: content.EditPatch, Ref: ref, Patch: patch}, nil
	}
	if at := im.collection.IDAt; at != nil && !root.has(at.Tokens()) {
		v, p := im.cellValue(im.shapeAt(at.Tokens()), cell{text: string(ref.ID)})
		if p != nil {
			return nil, p
		}
		root.put(at.Tokens(), v)
	}
	v := root.over(nil, im.collection.Root)
	document := string(v.AppendJSON(nil))
	if _, err := content.Parse(document); err != nil {
		return nil, fault("row/large")
	}
	return &content.Edit{Kind: content.EditPut, Ref: ref, Document: document}, nil
}

// which says which record a row means, and returns it where it is there.
func (im *importer) which(id content.ID, root *given) (content.Ref, *content.Record, *rowFault) {
	ref := content.Ref{Collection: im.collection.Name, ID: id}
	if at := im.collection.IDAt; id == "" && at != nil {
		ref.ID, _ = root.at(at.Tokens()).RefID()
	}
	if ref.ID != "" {
		if !ref.ID.Readable() {
			return ref, nil, fault("id/unfit", clipped(string(ref.ID)))
		}
		return ref, im.base.Snapshot.Record(ref), nil
	}
	title := im.title(root)
	if title == "" {
		return ref, nil, fault("id/none")
	}
	slug := slugOf(title)
	if !content.ID(slug).Writable() {
		return ref, nil, fault("id/title", clipped(title))
	}
	if same, there := im.titles()[foldedText(title)]; there {
		return ref, nil, fault("id/exists", string(same))
	}
	for n := 1; n <= maxTableRows+1; n++ {
		ref.ID = content.ID(slug)
		if n > 1 {
			ref.ID += content.ID("-" + strconv.Itoa(n))
		}
		_, unreadable := im.unreadable[ref]
		if _, taken := im.taken[ref.ID]; !taken && !unreadable && im.base.Snapshot.Record(ref) == nil {
			return ref, nil, nil
		}
	}
	return ref, nil, fault("id/title", clipped(title))
}

// titles are the ids of the records that are there, by title.
func (im *importer) titles() map[string]content.ID {
	if im.byTitle == nil {
		im.byTitle = map[string]content.ID{}
		for r := range im.base.Snapshot.Set(im.collection.Name).All() {
			im.byTitle[foldedText(strings.TrimSpace(r.Title(im.model, im.firstLanguage())))] = r.ID
		}
	}
	return im.byTitle
}

// title is the title that a row gives its record, in the first language that it has.
func (im *importer) title(root *given) string {
	if im.collection.Title == nil {
		return ""
	}
	v := root.at(im.collection.Title.Tokens())
	if v != nil && v.Kind == content.Object {
		v, _ = im.model.Localize(v, im.firstLanguage())
	}
	return strings.TrimSpace(v.Str())
}

func (im *importer) firstLanguage() content.Language {
	if len(im.model.Languages) == 0 {
		return ""
	}
	return im.model.Languages[0]
}

// mayBeNew says why a record that is not there cannot be made.
func (im *importer) mayBeNew(ref content.Ref) *rowFault {
	if path, there := im.unreadable[ref]; there {
		return fault("id/unreadable", path)
	}
	if !ref.ID.Writable() {
		return fault("id/unfit", clipped(string(ref.ID)))
	}
	plain := func(r content.Ref) bool { return im.base.Snapshot.Record(r) != nil }
	if other := im.ids.other(ref, "", plain); other != "" {
		return fault("id/like", string(ref.ID), string(other))
	}
	if _, ok := im.collection.Path.Path(ref.ID); !ok {
		return fault("id/folder", string(ref.ID))
	}
	return nil
}

// letters are those that Unicode does not take apart.
var letters = strings.NewReplacer("ø", "o", "æ", "ae", "œ", "oe", "ß", "ss", "đ", "d", "ð", "d", "ł", "l", "þ", "th", "ı", "i")

// slugOf makes an id of a title: small letters without accents, and digits, with "-"
// for all between them. It is "" where nothing is left.
func slugOf(title string) string {
	const most = 80
	var b strings.Builder
	gap := false
	for _, r := range norm.NFKD.String(letters.Replace(strings.ToLower(title))) {
		switch {
		case r >= 'a' && r <= 'z' || r >= '0' && r <= '9':
			if gap && b.Len() > 0 {
				b.WriteByte('-')
			}
			gap = false
			b.WriteRune(r)
		case !unicode.Is(unicode.Mn, r):
			gap = true
		}
	}
	slug := b.String()
	if len(slug) > most {
		slug = slug[:most]
		if i := strings.LastIndexByte(slug, '-'); i > most/2 {
			slug = slug[:i]
		}
	}
	return strings.TrimRight(slug, "-")
}

// clipped is a text as a message shows it.
func clipped(s string) string {
	const most = 60
	if len(s) > most {
		s = strings.ToValidUTF8(s[:most], "") + "…"
	}
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, s)
}
