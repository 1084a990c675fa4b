package check

import (
	"fmt"
	"github.com/koonti/koonti/internal/content"
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestTry(t *testing.T) {
	root := os.Getenv("TRY")
	if root == "" {
		return
	}
	read := func(p string) (string, error) {
		b, e := os.ReadFile(filepath.Join(root, p))
		if e != nil {
			return "", fmt.Errorf("%w", content.ErrNotFound)
		}
		return string(b), nil
	}
	mp := os.Getenv("MODEL")
	if mp == "" {
		mp = "schema/model.json"
	}
	src, _ := os.ReadFile(filepath.Join(root, mp))
	if filepath.IsAbs(mp) {
		src, _ = os.ReadFile(mp)
	}
	m, ps := ReadModel(mp, string(src))
	show(ps)
	ss := map[content.CollectionName]*Schema{}
	for _, c := range m.Collections {
		t0 := time.Now()
		s, ps := CompileSchema(c.Schema, read)
		show(ps)
		fmt.Println(c.Name, s != nil, time.Since(t0))
		if s != nil {
			fmt.Println(s.Files())
		}
		ss[c.Name] = s
	}
	t0 := time.Now()
	ch, ps := NewChecker(m, ss)
	show(ps)
	fmt.Println("checker", time.Since(t0))
	var es []Entry
	filepath.Walk(root, func(p string, i os.FileInfo, e error) error {
		if i.IsDir() {
			if i.Name() == ".git" {
				return filepath.SkipDir
			}
			return nil
		}
		r, _ := filepath.Rel(root, p)
		es = append(es, Entry{Path: r})
		return nil
	})
	loc, ps := Entries(m, es)
	show(ps)
	recs := map[content.CollectionName][]*content.Record{}
	t0 = time.Now()
	n := 0
	for _, l := range loc {
		s, _ := read(l.Path)
		v, ps := ch.Document(l.Ref, l.Path, s)
		if len(ps) > 0 {
			n++
			if n < 15 {
				show(ps)
			}
		}
		if v != nil {
			recs[l.Collection] = append(recs[l.Collection], &content.Record{Ref: l.Ref, Path: l.Path, Document: &content.Document{Source: s, Root: v}, Valid: len(ps) == 0})
		}
	}
	fmt.Println(len(loc), "records", n, "bad", time.Since(t0))
	var fs []content.File
	for _, e := range es {
		fs = append(fs, content.File{Path: e.Path})
	}
	snap := content.NewSnapshot(nil, recs, fs)
	t0 = time.Now()
	ps = ch.Whole(snap)
	fmt.Println("whole", time.Since(t0))
	show(ps)
}
func show(ps []content.Problem) {
	for _, p := range ps {
		fmt.Printf("%s:%d:%d [%s] %s (%s)\n   %s\n   %s\n   %s\n", p.Path, p.Line, p.Column, p.Pointer, p.Rule, p.SchemaPointer, p.Messages["fi"], p.Messages["sv"], p.Messages["en"])
	}
}
