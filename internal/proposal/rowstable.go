package proposal

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/xuri/excelize/v2"

	"github.com/koonti/koonti/internal/content"
)

// tableRow is one row of a table.
type tableRow struct {
	// number is what a spreadsheet calls it.
	number int
	cells  []cell
	// broken: it cannot be read at all.
	broken bool
}

func (r tableRow) empty() bool {
	return !slices.ContainsFunc(r.cells, func(c cell) bool { return !c.empty() })
}

// tableRows are the rows of a table, or why it cannot be read any further.
type tableRows = iter.Seq2[tableRow, error]

// csvRows reads CSV.
func csvRows(text string) tableRows {
	return func(yield func(tableRow, error) bool) {
		text = strings.TrimPrefix(text, "\uFEFF")
		if !utf8.ValidString(text) {
			yield(tableRow{}, fmt.Errorf("the file is not UTF-8: save it as \"CSV UTF-8\": %w", content.ErrInvalid))
			return
		}
		reader := csv.NewReader(strings.NewReader(text))
		reader.Comma = separator(text)
		reader.FieldsPerRecord = -1
		// A cell may hold line breaks; a spreadsheet counts it as one row.
		inside := 0
		for {
			fields, err := reader.Read()
			if errors.Is(err, io.EOF) {
				return
			}
			var broken *csv.ParseError
			if errors.As(err, &broken) {
				if !yield(tableRow{number: broken.StartLine - inside, broken: true}, nil) {
					return
				}
				inside += broken.Line - broken.StartLine
				continue
			}
			if err != nil {
				yield(tableRow{}, fmt.Errorf("read the table: %w", err))
				return
			}
			line, _ := reader.FieldPos(0)
			row := tableRow{number: line - inside}
			for _, field := range fields {
				inside += strings.Count(field, "\n")
				row.cells = append(row.cells, cell{text: field})
			}
			if !yield(row, nil) {
				return
			}
		}
	}
}

// separator is what stands most often between the cells of the first row.
func separator(text string) rune {
	counts := map[rune]int{}
	quoted := false
	for _, r := range strings.TrimLeft(text, "\r\n") {
		if r == '"' {
			quoted = !quoted
		}
		if r == '\n' && !quoted {
			break
		}
		if !quoted {
			counts[r]++
		}
	}
	best := ','
	for _, r := range []rune{';', '\t'} {
		if counts[r] > counts[best] {
			best = r
		}
	}
	return best
}

// maxUnzipped bounds what a workbook may come to.
const maxUnzipped = 128 << 20

// xlsxRows reads a sheet of a workbook, "" for the first.
func xlsxRows(data []byte, sheet string) tableRows {
	return func(yield func(tableRow, error) bool) {
		book, err := openBook(data, sheet)
		if err != nil {
			yield(tableRow{}, err)
			return
		}
		defer book.Close()
		for {
			row, more, err := book.next()
			if err != nil {
				yield(tableRow{}, err)
				return
			}
			if !more || !row.empty() && !yield(row, nil) {
				return
			}
		}
	}
}

// book reads a sheet twice side by side, for what the cells show and for the numbers
// that they keep: the library tells how a cell is formatted only from the sheet as a
// whole, which a workbook of a few kilobytes can make any size in memory. What makes
// the library panic cannot be read.
type book struct {
	file        *excelize.File
	shown, kept *excelize.Rows
	number      int
	from1904    bool
}

func openBook(data []byte, sheet string) (b *book, err error) {
	defer recovered(&err)
	file, err := excelize.OpenReader(bytes.NewReader(data), excelize.Options{
		UnzipSizeLimit: maxUnzipped, UnzipXMLSizeLimit: maxUnzipped, ShortDatePattern: "yyyy-mm-dd", LongDatePattern: "yyyy-mm-dd",
	})
	if err != nil {
		return nil, unreadableBook(err)
	}
	b = &book{file: file, from1904: dates1904(file)}
	if sheet, err = sheetOf(file, sheet); err != nil {
		return nil, err
	}
	if b.shown, err = file.Rows(sheet); err == nil {
		b.kept, err = file.Rows(sheet)
	}
	if err != nil {
		return nil, unreadableBook(err)
	}
	return b, nil
}

// Close frees what the book holds. All of it is in memory.
func (b *book) Close() error { return errors.Join(b.shown.Close(), b.kept.Close(), b.file.Close()) }

// next is the next row, and whether there is one.
func (b *book) next() (row tableRow, more bool, err error) {
	defer recovered(&err)
	if !b.shown.Next() || !b.kept.Next() {
		if err := errors.Join(b.shown.Error(), b.kept.Error()); err != nil {
			return row, false, unreadableBook(err)
		}
		return row, false, nil
	}
	b.number++
	row.number = b.number
	texts, err := b.shown.Columns()
	numbers, other := b.kept.Columns(excelize.Options{RawCellValue: true})
	if err = errors.Join(err, other); err != nil {
		return row, false, unreadableBook(err)
	}
	for i, text := range texts[:min(len(texts), maxColumns+1)] {
		number := ""
		if i < len(numbers) {
			number = numbers[i]
		}
		row.cells = append(row.cells, bookCell(text, number, b.from1904))
	}
	return row, true, nil
}

func recovered(err *error) {
	if r := recover(); r != nil {
		*err = unreadableBook(fmt.Errorf("%v", r))
	}
}

func unreadableBook(err error) error {
	return fmt.Errorf("the file cannot be read as a workbook (%v): save it as .xlsx, without a password: %w", err, content.ErrInvalid)
}

func sheetOf(book *excelize.File, sheet string) (string, error) {
	sheets := book.GetSheetList()
	switch {
	case len(sheets) == 0:
		return "", fmt.Errorf("the workbook has no sheet: %w", content.ErrInvalid)
	case sheet == "":
		return sheets[0], nil
	case !slices.Contains(sheets, sheet):
		return "", fmt.Errorf("the workbook has no sheet %s; it has %s: %w", plainName(sheet), strings.Join(sheets, ", "), content.ErrInvalid)
	}
	return sheet, nil
}

// dates1904 reports whether a workbook counts its days from 1904.
func dates1904(book *excelize.File) bool {
	properties, err := book.GetWorkbookProps()
	return err == nil && properties.Date1904 != nil && *properties.Date1904
}

// failures are what cells show whose formula failed.
var failures = strings.Fields("#NULL! #DIV/0! #VALUE! #REF! #NAME? #NUM! #N/A #GETTING_DATA #SPILL! #CALC!")

// bookCell is a cell that shows text and keeps raw.
func bookCell(text, raw string, from1904 bool) cell {
	c := cell{text: text, failed: slices.Contains(failures, text)}
	n, err := strconv.ParseFloat(raw, 64)
	if err != nil {
		return c
	}
	c.number = raw
	if at, err := excelize.ExcelDateToTime(n, from1904); err == nil && n > 0 && showsDate(text, at) {
		c.date = at.Format(time.DateOnly)
		if clock := at.Round(time.Second); clock.Format(time.TimeOnly) != "00:00:00" {
			c.date = clock.Format("2006-01-02T15:04:05")
		}
	}
	return c
}

// showsDate reports whether text is a way of writing the day of at: it holds the day,
// the month or its name, and the year, and no number that is not of that time.
func showsDate(text string, at time.Time) bool {
	allowed := []int{at.Year(), at.Year() % 100, int(at.Month()), at.Day(), at.Hour(), at.Hour() % 12, at.Minute(), at.Second(), (at.Hour()+11)%12 + 1}
	words := strings.FieldsFunc(text, func(r rune) bool { return r < '0' || r > '9' })
	var numbers []int
	for _, w := range words {
		n, err := strconv.Atoi(w)
		if err != nil || !slices.Contains(allowed, n) {
			return false
		}
		numbers = append(numbers, n)
	}
	has := func(n int) bool {
		i := slices.Index(numbers, n)
		if i >= 0 {
			numbers = slices.Delete(numbers, i, i+1)
		}
		return i >= 0
	}
	named := len(strings.TrimFunc(text, func(r rune) bool { return strings.ContainsRune("0123456789.-/:, ", r) })) >= 3
	return (has(at.Year()) || has(at.Year()%100)) && has(at.Day()) && (has(int(at.Month())) || named)
}
