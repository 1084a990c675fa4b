package content

import (
	"cmp"
	"slices"
)

// Problem is something wrong with content, as data. Wrong content is never an
// error of the program.
type Problem struct {
	// Collection and ID name the record; empty where no record is meant (the model).
	Collection CollectionName
	ID         ID
	// Path is the file, slash-separated from the root of the repository.
	Path string
	// Line and Column are from 1, a column in characters; 0 where the problem has
	// no place in the text.
	Line, Column int
	// Pointer is the place in the JSON document; it counts only where Line is not 0.
	Pointer Pointer
	// Rule is the stable name of what was broken, e.g. "schema/required".
	Rule string
	// SchemaPointer is the rule's place: "schema/project.schema.json#/required".
	SchemaPointer string
	// Messages says it for people, by language: fi, sv and en.
	Messages map[Language]string
	// Fault is what is wrong, apart from where it stands, how it is worded and what is
	// suggested: equal for one fault before and after an edit that left it there (see
	// NewProblems). Where it is "" the English message stands for it.
	Fault string
}

// MessageLanguages are the languages every problem speaks, the fallback last.
var MessageLanguages = []Language{"fi", "sv", "en"}

// Message returns the text in lang, or in English where lang is not spoken.
func (p Problem) Message(lang Language) string {
	if text, ok := p.Messages[lang]; ok {
		return text
	}
	return p.Messages["en"]
}

// SortProblems orders problems by path and place, then by rule, and drops exact
// repetitions: the same input gives the same problems in the same order.
func SortProblems(problems []Problem) []Problem {
	slices.SortFunc(problems, compareProblems)
	return slices.CompactFunc(problems, func(a, b Problem) bool { return compareProblems(a, b) == 0 })
}

func compareProblems(a, b Problem) int {
	return cmp.Or(
		cmp.Compare(a.Path, b.Path), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column),
		cmp.Compare(a.Pointer, b.Pointer), cmp.Compare(a.Rule, b.Rule),
		cmp.Compare(a.SchemaPointer, b.SchemaPointer), cmp.Compare(a.Message("en"), b.Message("en")),
		cmp.Compare(a.Collection, b.Collection), cmp.Compare(a.ID, b.ID),
	)
}
