package graphql

import (
	"cmp"
	"slices"
	"strings"

	"github.com/graphql-go/graphql/language/ast"
)

// inspector looks a parsed query over before graphql-go validates it: what would
// crash or stall the validator is refused, and wrong names are answered with what
// may have been meant. It runs in time linear in the query.
type inspector struct {
	*Schema
	*document
	errs    []*Error
	aliases int
	// meta are the fields of introspection at the root, abstract the fields that
	// answer an interface: see rewrite.
	meta, abstract []*ast.Field
}

// maxMetaLists is how many lists of introspection may be nested in each other:
// fields, their args, and their types' fields again would grow without end.
const maxMetaLists = 3

// inspect gathers operations and fragments and returns what is wrong.
func (in *inspector) inspect() []*Error {
	in.gather()
	if len(in.errs) == 0 {
		in.cycles()
	}
	if len(in.errs) > 0 {
		return in.errs
	}
	for _, op := range in.operations {
		in.operation(op)
	}
	for _, def := range in.ast.Definitions {
		if f, ok := def.(*ast.FragmentDefinition); ok {
			in.directives(f.Directives)
			in.selections(in.typeCalled(f.TypeCondition), f.SelectionSet, 0)
		}
	}
	return in.errs
}

func (in *inspector) full() bool { return len(in.errs) >= in.limits.Errors }

func (in *inspector) fail(err *Error, at *ast.Location) {
	if in.full() {
		return
	}
	if at != nil {
		err.Locations = locate(in.text, at.Start)
	}
	in.errs = append(in.errs, err)
}

func (in *inspector) gather() {
	fragments := 0
	for _, def := range in.ast.Definitions {
		switch def := def.(type) {
		case *ast.OperationDefinition:
			op := &operation{kind: def.Operation, node: def}
			if def.Name != nil {
				op.name = def.Name.Value
			}
			in.operations = append(in.operations, op)
		case *ast.FragmentDefinition:
			fragments++
			in.fragments[def.Name.Value] = def
		default:
			in.fail(newError(CodeValidation, "A query holds operations and fragments, no definitions of types."), def.GetLoc())
		}
	}
	if len(in.operations) > in.limits.Operations {
		in.fail(tooLarge("The query has %d operations; the limit is %d.", len(in.operations), in.limits.Operations), nil)
	}
	if fragments > in.limits.Fragments {
		in.fail(tooLarge("The query has %d fragments; the limit is %d.", fragments, in.limits.Fragments), nil)
	}
}

// cycles refuses fragments that spread themselves: graphql-go's own rule for it
// overflows the stack in another (#742).
func (in *inspector) cycles() {
	const open, done = 1, 2
	state := map[string]int{}
	var visit func(name string) bool
	visit = func(name string) bool {
		f := in.fragments[name]
		if f == nil || state[name] == done {
			return true
		}
		if state[name] == open {
			return false
		}
		state[name] = open
		for _, spread := range spreads(f.SelectionSet, nil) {
			if !visit(spread.Name.Value) {
				return false
			}
		}
		state[name] = done
		return true
	}
	for _, def := range in.ast.Definitions {
		if f, ok := def.(*ast.FragmentDefinition); ok && !visit(f.Name.Value) {
			in.fail(newError(CodeValidation, "The fragment %q spreads itself.", f.Name.Value), f.Loc)
			return
		}
	}
}

// spreads appends the fragment spreads anywhere in a selection set. Its depth is
// bounded by that of the brackets.
func spreads(set *ast.SelectionSet, list []*ast.FragmentSpread) []*ast.FragmentSpread {
	if set == nil {
		return list
	}
	for _, s := range set.Selections {
		if spread, ok := s.(*ast.FragmentSpread); ok {
			list = append(list, spread)
			continue
		}
		list = spreads(s.GetSelectionSet(), list)
	}
	return list
}

func (in *inspector) operation(op *operation) {
	in.directives(op.node.Directives)
	for _, v := range op.node.VariableDefinitions {
		in.known(v, v.Type)
		if v.DefaultValue != nil {
			in.decode(v.DefaultValue)
			if t, ok := in.typeOf(v.Type); ok {
				t.nonNull = false
				in.literal(v.DefaultValue, t, "The default of $"+v.Variable.Name.Value)
			}
		}
	}
	if op.kind == ast.OperationTypeSubscription {
		in.single(op)
	}
	// A kind that has no root is refused later.
	in.selections(in.root(op.kind), op.node.SelectionSet, 0)
}

// single checks that a subscription has one root field (June 2018, 5.2.3.1), which is
// none of introspection (October 2021, 5.2.3.1).
func (in *inspector) single(op *operation) {
	first, spread := "", map[string]bool{}
	var visit func(set *ast.SelectionSet)
	visit = func(set *ast.SelectionSet) {
		if set == nil || in.full() {
			return
		}
		for _, s := range set.Selections {
			switch s := s.(type) {
			case *ast.Field:
				key := responseKey(s)
				if strings.HasPrefix(s.Name.Value, "__") {
					in.fail(newError(CodeValidation, "A subscription cannot begin with %q.", shorten(s.Name.Value)), s.Loc)
				} else if first != "" && first != key {
					in.fail(newError(CodeValidation, "A subscription has one root field; %q is a second beside %q.", shorten(key), shorten(first)), s.Loc)
				}
				first = cmp.Or(first, key)
			case *ast.FragmentSpread:
				if f := in.fragments[s.Name.Value]; f != nil && !spread[s.Name.Value] {
					spread[s.Name.Value] = true
					visit(f.SelectionSet)
				}
			case *ast.InlineFragment:
				visit(s.SelectionSet)
			}
		}
	}
	visit(op.node.SelectionSet)
}

// known checks that a variable has a type that exists. graphql-go's parser takes
// "$x: ]" for a variable without a type, and its validator then panics.
func (in *inspector) known(v *ast.VariableDefinition, t ast.Type) {
	switch t := t.(type) {
	case *ast.NonNull:
		in.known(v, t.Type)
	case *ast.List:
		in.known(v, t.Type)
	case *ast.Named:
		in.typeCalled(t)
	default:
		in.fail(newError(CodeParse, "Syntax error: the variable $%s has no type.", v.Variable.Name.Value), v.Loc)
	}
}

// typeOf returns the input type that a query names.
func (in *inspector) typeOf(t ast.Type) (typeRef, bool) {
	switch t := t.(type) {
	case *ast.NonNull:
		inner, ok := in.typeOf(t.Type)
		return nonNull(inner), ok
	case *ast.List:
		inner, ok := in.typeOf(t.Type)
		return listOf(inner), ok
	case *ast.Named:
		def := in.byName[t.Name.Value]
		return of(def), def != nil && !def.composite()
	}
	return typeRef{}, false
}

// selections inspects a selection set on t, which is nil where it is not known.
func (in *inspector) selections(t *typeDef, set *ast.SelectionSet, metaLists int) {
	if set == nil || in.full() {
		return
	}
	if len(set.Selections) > in.limits.Fields {
		in.fail(tooLarge("A selection has %d fields; the limit is %d.", len(set.Selections), in.limits.Fields), set.Loc)
		return
	}
	in.repeats(set)
	for _, s := range set.Selections {
		switch s := s.(type) {
		case *ast.Field:
			in.directives(s.Directives)
			in.field(t, s, metaLists)
		case *ast.InlineFragment:
			in.directives(s.Directives)
			inner := t
			if s.TypeCondition != nil {
				inner = in.typeCalled(s.TypeCondition)
			}
			in.selections(inner, s.SelectionSet, metaLists)
		case *ast.FragmentSpread:
			in.directives(s.Directives)
		}
	}
}

// typeCalled returns the type that a query names; nil where it is not known.
func (in *inspector) typeCalled(on *ast.Named) *typeDef {
	t := in.byName[on.Name.Value]
	if t == nil && !in.full() {
		in.fail(newError(CodeValidation, "There is no type %q.%s", shorten(on.Name.Value), didYouMean(on.Name.Value, in.typeNames())), on.Loc)
	}
	return t
}

func (in *inspector) typeNames() []string {
	names := make([]string, len(in.types))
	for i, t := range in.types {
		names[i] = t.name
	}
	return names
}

// repeats bounds how often one field, or one fragment, stands in a selection set:
// graphql-go compares each with each.
func (in *inspector) repeats(set *ast.SelectionSet) {
	counts := map[string]int{}
	for _, s := range set.Selections {
		key := "..."
		switch s := s.(type) {
		case *ast.Field:
			key = responseKey(s)
		case *ast.FragmentSpread:
			key += s.Name.Value
		}
		if counts[key]++; counts[key] == in.limits.Repeats+1 && key != "..." {
			in.fail(tooLarge("%q stands more than %d times in one selection.", key, in.limits.Repeats), set.Loc)
		}
	}
}

func responseKey(f *ast.Field) string {
	if f.Alias != nil {
		return f.Alias.Value
	}
	return f.Name.Value
}

func (in *inspector) field(t *typeDef, f *ast.Field, metaLists int) {
	if f.Alias != nil {
		if in.aliases++; in.aliases == in.limits.Aliases+1 {
			in.fail(tooLarge("The query has more than %d aliases.", in.limits.Aliases), f.Loc)
		}
	}
	def := in.fieldOf(t, f.Name.Value)
	if def == nil {
		if t != nil && t.composite() && !in.full() {
			in.fail(newError(CodeValidation, "Cannot query field %q on type %q.%s", shorten(f.Name.Value), t.name, didYouMean(f.Name.Value, fieldNames(t))), f.Loc)
		}
		in.selections(nil, f.SelectionSet, metaLists)
		return
	}
	in.arguments(f, def)
	if def.place.kind == metaPlace && def.typ.item != nil {
		metaLists++
	}
	if metaLists > maxMetaLists {
		in.fail(tooLarge("Introspection is nested deeper than %d lists.", maxMetaLists), f.Loc)
		return
	}
	in.note(t, f, def)
	in.leaf(f, def)
	in.selections(def.typ.named(), f.SelectionSet, metaLists)
}

// leaf checks that objects have a selection, and nothing else has (June 2018, 5.3.3).
func (in *inspector) leaf(f *ast.Field, def *fieldDef) {
	switch composite := def.typ.named().composite(); {
	case composite && f.SelectionSet == nil:
		in.fail(newError(CodeValidation, "%q is %s; say which of its fields: { %s { ... } }.", def.name, def.typ, def.name), f.Loc)
	case !composite && f.SelectionSet != nil:
		in.fail(newError(CodeValidation, "%q is %s, which has no fields.", def.name, def.typ), f.Loc)
	}
}

// fieldOf returns the field of t called name, also those of introspection.
func (s *system) fieldOf(t *typeDef, name string) *fieldDef {
	switch {
	case t == nil || !t.composite():
		return nil
	case name == "__typename":
		return s.typenameField
	case name == "__schema" && t == s.query:
		return s.schemaField
	case name == "__type" && t == s.query:
		return s.typeField
	}
	return t.field(name)
}

// note keeps what rewrite changes.
func (in *inspector) note(t *typeDef, f *ast.Field, def *fieldDef) {
	if t == in.query && def.place.kind == metaPlace {
		in.meta = append(in.meta, f)
	}
	if def.typ.named().kind == interfaceKind {
		in.abstract = append(in.abstract, f)
	}
	if len(f.Arguments) > 0 {
		in.document.arguments[f] = f.Arguments
	}
}

// arguments checks names and literals; what is missing is found by graphql-go.
func (in *inspector) arguments(f *ast.Field, def *fieldDef) {
	for _, arg := range f.Arguments {
		in.decode(arg.Value)
		known := findInput(def.args, arg.Name.Value)
		if known == nil {
			in.fail(newError(CodeValidation, "%q has no argument %q.%s", def.name, shorten(arg.Name.Value), didYouMean(arg.Name.Value, inputNames(def.args))), arg.Loc)
			continue
		}
		in.literal(arg.Value, known.typ, arg.Name.Value)
	}
}

// literal checks a value of the query; variables in it are taken as they are.
func (in *inspector) literal(v ast.Value, t typeRef, path string) {
	var c coercer
	c.coerce(fromLiteral(v), t, path)
	for _, issue := range c.issues {
		in.fail(newError(CodeValidation, "%s", issue.message), &ast.Location{Start: issue.at})
	}
}

// directives checks that none is repeated (October 2021, 5.7.3), and literals.
func (in *inspector) directives(list []*ast.Directive) {
	seen := map[string]bool{}
	for _, d := range list {
		name := d.Name.Value
		if seen[name] {
			in.fail(newError(CodeValidation, "The directive @%s stands twice in one place.", shorten(name)), d.Loc)
			return
		}
		seen[name] = true
		for _, known := range in.system.directives {
			if known.name == name {
				in.directiveArguments(d, known)
			}
		}
	}
}

func (in *inspector) directiveArguments(d *ast.Directive, known *directiveDef) {
	for _, arg := range d.Arguments {
		in.decode(arg.Value)
		def := findInput(known.args, arg.Name.Value)
		if def == nil {
			in.fail(newError(CodeValidation, "@%s has no argument %q.", known.name, shorten(arg.Name.Value)), arg.Loc)
			continue
		}
		in.literal(arg.Value, def.typ, arg.Name.Value)
	}
}

// decode gives the strings of a literal their values, which the scanner took out,
// and puts the fields of its objects in one order, which means nothing: two literals
// that say the same must merge (October 2021, 5.3.2), and graphql-go compares their
// text.
func (in *inspector) decode(v ast.Value) {
	switch v := v.(type) {
	case *ast.ListValue:
		for _, item := range v.Values {
			in.decode(item)
		}
	case *ast.ObjectValue:
		for _, f := range v.Fields {
			in.decode(f.Value)
		}
		slices.SortStableFunc(v.Fields, func(a, b *ast.ObjectField) int { return strings.Compare(a.Name.Value, b.Name.Value) })
	case *ast.StringValue:
		text, ok := stringAt(in.text, v.Loc.Start)
		if !ok {
			in.fail(newError(CodeParse, "Syntax error: the string has an unknown escape, half a surrogate pair or a control character."), v.Loc)
		}
		v.Value = text
	}
}

// declareVariables reads the variables of each operation, whose types are known to
// be good now.
func (in *inspector) declareVariables() {
	for _, op := range in.operations {
		for _, v := range op.node.VariableDefinitions {
			t, _ := in.typeOf(v.Type)
			out := variable{name: v.Variable.Name.Value, typ: t, at: v.Loc.Start}
			if v.DefaultValue != nil {
				out.initial = fromLiteral(v.DefaultValue)
			}
			op.variables = append(op.variables, out)
		}
	}
}

// rewrite makes the tree what the executor should see: no arguments (the plan has
// them), no variables but those of directives, no introspection, and a hidden type
// name wherever the type of an answer must be known.
func (in *inspector) rewrite() {
	for f := range in.document.arguments {
		f.Arguments = nil
	}
	for _, f := range in.meta {
		name := *f.Name
		if f.Alias == nil {
			f.Alias = &name
		}
		f.Name = ast.NewName(&ast.Name{Value: hiddenPrefix + name.Value, Loc: name.Loc})
	}
	for _, f := range in.abstract {
		f.SelectionSet.Selections = append(slices.Clip(f.SelectionSet.Selections), ast.NewField(&ast.Field{
			Alias: ast.NewName(&ast.Name{Value: hiddenType}), Name: ast.NewName(&ast.Name{Value: "__typename"}),
		}))
	}
	for _, op := range in.operations {
		op.node.VariableDefinitions = slices.DeleteFunc(op.node.VariableDefinitions, func(v *ast.VariableDefinition) bool {
			t, _ := in.typeOf(v.Type)
			return t.item != nil || t.def.name != "Boolean"
		})
	}
}
