package graphql

import (
	"fmt"

	"github.com/koonti/koonti/internal/content"
)

// Compare says how the API of after differs from that of before, sorted by
// content.SortAPIChanges; nothing where both have the same types. The shapes of both
// models must be derived, from schemas that compile: a collection without one has no
// properties. Either may be that of a commit or of a proposal; neither is changed.
//
// The classes and words are those of `graphql-inspector diff` (@graphql-inspector/core
// 8) as it is without options: what is inside a new type or field is not told by
// itself. Descriptions are no changes. An error wraps content.ErrInvalid and says which
// model has no API, or content.ErrTooLarge (see Fits).
func Compare(before, after *content.Model) ([]content.APIChange, error) {
	if err := Fits(after, before); err != nil {
		return nil, err
	}
	var systems [2]*system
	for i, m := range []*content.Model{before, after} {
		var err error
		if systems[i], err = buildSystem(m); err != nil {
			return nil, fmt.Errorf("make types of %s: %w", m.Path, err)
		}
	}
	return compareSystems(systems[0], systems[1]), nil
}

func compareSystems(before, after *system) []content.APIChange {
	var e evolution
	named := func(t *typeDef) string { return t.name }
	pair(own(before.types), own(after.types), named, reaction[*typeDef]{
		removed: func(t *typeDef) { e.breaking(t.name, "Type '%s' was removed", t.name) },
		added:   func(t *typeDef) { e.safe(t.name, "Type '%s' was added", t.name) },
		both:    e.types,
	})
	content.SortAPIChanges(e.changes)
	return e.changes
}

// own leaves out the types of GraphQL itself.
func own(types []*typeDef) []*typeDef {
	var list []*typeDef
	for _, t := range types {
		if !builtIn(t) {
			list = append(list, t)
		}
	}
	return list
}

// reaction is what to do with what only one of two lists has, and with what both have.
type reaction[T any] struct {
	removed, added func(T)
	both           func(before, after T)
}

// pair matches the items of two lists by name.
func pair[T any](before, after []T, name func(T) string, do reaction[T]) {
	was := make(map[string]bool, len(before))
	now := make(map[string]T, len(after))
	for _, item := range after {
		now[name(item)] = item
	}
	for _, item := range before {
		was[name(item)] = true
		if other, ok := now[name(item)]; ok {
			do.both(item, other)
		} else {
			do.removed(item)
		}
	}
	for _, item := range after {
		if !was[name(item)] {
			do.added(item)
		}
	}
}

// evolution collects the differences between two type systems.
type evolution struct{ changes []content.APIChange }

func (e *evolution) note(severity content.APISeverity, at, format string, args []any) {
	e.changes = append(e.changes, content.APIChange{Severity: severity, Coordinate: at, Message: fmt.Sprintf(format, args...)})
}

func (e *evolution) breaking(at, format string, args ...any) {
	e.note(content.APIBreaking, at, format, args)
}

func (e *evolution) dangerous(at, format string, args ...any) {
	e.note(content.APIDangerous, at, format, args)
}

func (e *evolution) safe(at, format string, args ...any) {
	e.note(content.APISafe, at, format, args)
}

// kindWords are the kinds as the syntax tree of the SDL calls them.
var kindWords = [...]string{"ScalarTypeDefinition", "ObjectTypeDefinition", "InterfaceTypeDefinition", "EnumTypeDefinition", "InputObjectTypeDefinition"}

func (e *evolution) types(before, after *typeDef) {
	if before.kind != after.kind {
		e.breaking(after.name, "'%s' kind changed from '%s' to '%s'", after.name, kindWords[before.kind], kindWords[after.kind])
		return
	}
	switch after.kind {
	case scalarKind:
		e.scalars(before, after)
	case enumKind:
		e.enums(before, after)
	case inputKind:
		e.inputs(before, after)
	case objectKind, interfaceKind:
		e.objects(before, after)
	}
}

// scalars compares the one directive that types of ours have.
func (e *evolution) scalars(before, after *typeDef) {
	at := after.name + ".@specifiedBy"
	switch {
	case before.specifiedBy == after.specifiedBy:
	case before.specifiedBy == "":
		e.dangerous(at, "Directive 'specifiedBy' was added to scalar '%s'", after.name)
	case after.specifiedBy == "":
		e.dangerous(at, "Directive 'specifiedBy' was removed from scalar '%s'", after.name)
	default:
		e.dangerous(at+".url", "Argument 'url' was removed from '@specifiedBy'")
		e.safe(at+".url", "Argument 'url' was added to '@specifiedBy'")
	}
}

func (e *evolution) enums(before, after *typeDef) {
	pair(before.values, after.values, func(v enumValue) string { return v.name }, reaction[enumValue]{
		removed: func(v enumValue) {
			e.breaking(after.name+"."+v.name, "Enum value '%s' was removed from enum '%s'", v.name, after.name)
		},
		added: func(v enumValue) {
			e.dangerous(after.name+"."+v.name, "Enum value '%s' was added to enum '%s'", v.name, after.name)
		},
		both: func(enumValue, enumValue) {},
	})
}

func (e *evolution) inputs(before, after *typeDef) {
	pair(before.inputs, after.inputs, inputName, reaction[*inputDef]{
		removed: func(in *inputDef) {
			e.breaking(after.name+"."+in.name, "Input field '%s' was removed from input object type '%s'", in.name, after.name)
		},
		added: func(in *inputDef) { e.newInput(after, in) },
		both: func(was, is *inputDef) {
			at := after.name + "." + is.name
			if was.initial != is.initial {
				e.dangerous(at, "Input field '%s' default value changed from '%s' to '%s'", at, initialWord(was), initialWord(is))
			}
			e.retyped(at, was.typ, is.typ, fitsAfter(was.typ, is.typ), "Input field '%s' changed type from '%s' to '%s'", at)
		},
	})
}

func inputName(in *inputDef) string { return in.name }

// initialWord is a default value in a message.
func initialWord(in *inputDef) string {
	if in.initial == "" {
		return "undefined"
	}
	return in.initial
}

func (e *evolution) newInput(t *typeDef, in *inputDef) {
	tell, initial := e.safe, ""
	switch {
	case in.initial != "":
		tell, initial = e.dangerous, " with default value '"+in.initial+"'"
	case in.typ.nonNull:
		tell = e.breaking
	}
	tell(t.name+"."+in.name, "Input field '%s' of type '%s'%s was added to input object type '%s'", in.name, in.typ, initial, t.name)
}

// retyped tells of a place that has another type.
func (e *evolution) retyped(at string, was, is typeRef, fits bool, format string, words ...any) {
	if was.String() == is.String() {
		return
	}
	tell := e.breaking
	if fits {
		tell = e.safe
	}
	tell(at, format, append(words, was, is)...)
}

func (e *evolution) objects(before, after *typeDef) {
	pair(before.interfaces, after.interfaces, func(t *typeDef) string { return t.name }, reaction[*typeDef]{
		removed: func(face *typeDef) {
			e.breaking(after.name, "'%s' object type no longer implements '%s' interface", after.name, face.name)
		},
		added: func(face *typeDef) {
			e.dangerous(after.name, "'%s' object implements '%s' interface", after.name, face.name)
		},
		both: func(*typeDef, *typeDef) {},
	})
	kind := "object type"
	if after.kind == interfaceKind {
		kind = "interface"
	}
	pair(before.fields, after.fields, func(f *fieldDef) string { return f.name }, reaction[*fieldDef]{
		removed: func(f *fieldDef) {
			e.breaking(after.name+"."+f.name, "Field '%s' was removed from %s '%s'", f.name, kind, after.name)
		},
		added: func(f *fieldDef) {
			e.safe(after.name+"."+f.name, "Field '%s' was added to %s '%s'", f.name, kind, after.name)
		},
		both: func(was, is *fieldDef) { e.fields(after.name+"."+is.name, was, is) },
	})
}

func (e *evolution) fields(at string, before, after *fieldDef) {
	e.retyped(at, before.typ, after.typ, fitsBefore(before.typ, after.typ), "Field '%s' changed type from '%s' to '%s'", at)
	pair(before.args, after.args, inputName, reaction[*inputDef]{
		removed: func(a *inputDef) {
			e.breaking(at+"."+a.name, "Argument '%s: %s' was removed from field '%s'", a.name, a.typ, at)
		},
		added: func(a *inputDef) { e.newArgument(at, a) },
		both:  func(was, is *inputDef) { e.arguments(at, was, is) },
	})
}

// newArgument is dangerous also where it need not be given: what a field answers
// without it may be another thing than before.
func (e *evolution) newArgument(field string, a *inputDef) {
	tell, initial := e.dangerous, ""
	switch {
	case a.initial != "":
		initial = " (with default value)"
	case a.typ.nonNull:
		tell = e.breaking
	}
	tell(field+"."+a.name, "Argument '%s: %s'%s added to field '%s'", a.name, a.typ, initial, field)
}

func (e *evolution) arguments(field string, before, after *inputDef) {
	at := field + "." + after.name
	switch {
	case before.initial == after.initial:
	case before.initial == "":
		e.dangerous(at, "Default value '%s' was added to argument '%s' on field '%s'", after.initial, after.name, field)
	default:
		e.dangerous(at, "Default value for argument '%s' on field '%s' changed from '%s' to '%s'", after.name, field, before.initial, initialWord(after))
	}
	e.retyped(at, before.typ, after.typ, fitsAfter(before.typ, after.typ),
		"Type for argument '%s' on field '%s' changed from '%s' to '%s'", after.name, field)
}

// fitsBefore reports whether whoever expects an answer of the type was can read one of
// the type is: the same but for what is never null any more.
func fitsBefore(was, is typeRef) bool {
	if was.nonNull && !is.nonNull || (was.item == nil) != (is.item == nil) {
		return false
	}
	if was.item != nil {
		return fitsBefore(*was.item, *is.item)
	}
	return was.def.name == is.def.name
}

// fitsAfter reports whether every value given for the type was can be given for is.
func fitsAfter(was, is typeRef) bool { return fitsBefore(is, was) }
