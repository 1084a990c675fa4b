package check

import (
	"cmp"
	"slices"
)

// Rule is one rule of content. Names are stable: tools may rely on them.
type Rule struct {
	// Name is "group/rule", the Rule of a content.Problem.
	Name string
	// Meaning says in English what breaks it.
	Meaning string
}

// Rules returns every rule there is, by name. The caller owns the slice.
func Rules() []Rule {
	all := slices.Concat(jsonRules(), schemaRules(), recordRules(), modelRules(), ownersRules(), schemaFileRules())
	slices.SortFunc(all, func(a, b Rule) int { return cmp.Compare(a.Name, b.Name) })
	return all
}

func jsonRules() []Rule {
	return []Rule{
		{"json/empty", "the file holds no value"},
		{"json/too-large", "the file is larger than the limit"},
		{"json/too-deep", "lists and objects are nested deeper than the limit"},
		{"json/byte-order-mark", "the file begins with a byte order mark"},
		{"json/utf-8", "bytes that are not UTF-8, or half a surrogate pair"},
		{"json/duplicate-key", "one name stands twice in an object"},
		{"json/trailing-data", "something follows the value"},
		{"json/number", "a number that no computer can hold, or an absurdly long one"},
		{"json/syntax", "any other breach of RFC 8259"},
	}
}

// schemaRules are named for the keywords of JSON Schema. They are broken by records,
// by model files (whose schema is ModelSchema), by owners files (OwnersSchema) and by
// schema files (whose schema is
// the meta-schema of their draft).
func schemaRules() []Rule {
	return []Rule{
		{"schema/type", "a value of another type"},
		{"schema/enum", "a value that is not one of those allowed"},
		{"schema/const", "a value other than the only one allowed"},
		{"schema/required", "a field that must be there is missing"},
		{"schema/additionalProperties", "a field that the schema does not know"},
		{"schema/unevaluatedProperties", "a field that no part of the schema knows"},
		{"schema/propertyNames", "a field's name that the schema does not allow"},
		{"schema/false", "something where the schema allows nothing"},
		{"schema/items", "an item where the schema allows no more"},
		{"schema/additionalItems", "an item where the schema allows no more"},
		{"schema/unevaluatedItems", "an item that no part of the schema knows"},
		{"schema/prefixItems", "an item where the schema allows none"},
		{"schema/anyOf", "a value that fits none of the alternatives"},
		{"schema/oneOf", "a value that fits more than one of the alternatives, or none"},
		{"schema/dependencies", "a field that another field asks for is missing"},
		{"schema/dependentRequired", "a field that another field asks for is missing"},
		{"schema/uniqueItems", "an item that is in the list twice"},
		{"schema/contains", "a list without an item of a certain kind"},
		{"schema/minContains", "a list with too few items of a certain kind"},
		{"schema/maxContains", "a list with too many items of a certain kind"},
		{"schema/format", "a text that is not of the format: a date, an address"},
		{"schema/pattern", "a text that does not match the pattern"},
		{"schema/not", "a value that is forbidden"},
		{"schema/minLength", "a text that is too short"},
		{"schema/maxLength", "a text that is too long"},
		{"schema/minItems", "a list with too few items"},
		{"schema/maxItems", "a list with too many items"},
		{"schema/minProperties", "an object with too few fields"},
		{"schema/maxProperties", "an object with too many fields"},
		{"schema/minimum", "a number that is too small"},
		{"schema/maximum", "a number that is too large"},
		{"schema/exclusiveMinimum", "a number that is too small"},
		{"schema/exclusiveMaximum", "a number that is too large"},
		{"schema/multipleOf", "a number that is no multiple"},
		{"schema/invalid", "a value that breaks any other part of the schema"},
	}
}

func recordRules() []Rule {
	return []Rule{
		{"repository/held-back", "changes are not served, since Git is at work in the work tree or left a lock behind"},
		{"record/more", "the file has more problems than are listed"},
		{"record/no-schema", "the collection has no schema that can be used"},
		{"record/too-slow", "checking takes more steps than any sensible schema asks for"},
		{"record/endless", "the schema refers to itself without end"},
		{"record/failed", "checking broke down: a fault of Koonti"},
		{"id/unreadable", "the id is not UTF-8 or has control characters"},
		{"id/duplicate", "another file of the collection has the same id"},
		{"id/confusable", "two ids are equal but for case or the encoding of accents"},
		{"id/differs", "the property that must equal the id does not"},
		{"entry/symlink", "a symbolic link where records lie"},
		{"entry/misplaced", "a file that looks like a record and lies where no collection has its records"},
		{"entry/submodule", "a submodule where records lie"},
		{"entry/other", "something that is no file where records lie"},
		{"reference/missing", "there is no record of that id"},
		{"reference/no-id", "a reference that is neither text nor number"},
		{"unique/taken", "another record has the same value"},
		{"file/missing", "there is no such attachment"},
		{"file/outside", "the attachment's name leads out of its folder"},
	}
}

func modelRules() []Rule {
	return []Rule{
		{"model/missing", "the repository has no model file"},
		{"model/invalid", "the model cannot be decoded"},
		{"model/duplicate-collection", "two collections of one name"},
		{"model/path", "a malformed path of records"},
		{"model/outside", "a path that leads out of the repository"},
		{"model/unknown-collection", "a reference to a collection that is not there"},
		{"model/language", "a language tag that is not registered"},
		{"model/overlap", "two collections whose records lie at the same paths"},
		{"model/unknown-place", "a place that the schema does not have"},
		{"model/place-kind", "a place of another type than the model says"},
		{"model/name-clash", "a name of GraphQL that two would have, or that nothing is left of"},
	}
}

func ownersRules() []Rule {
	return []Rule{
		{"owners/invalid", "the owners file cannot be decoded"},
		{"owners/both", "an entry for a collection and for files at once"},
		{"owners/files", "a malformed path of files"},
		{"owners/approvals", "more approvals than there are people"},
		{"owners/unknown-collection", "an entry for a collection that is not there"},
		{"owners/unknown-place", "an entry for a place that the schema does not have"},
		{"owners/no-effect", "an entry that a later one covers"},
	}
}

func schemaFileRules() []Rule {
	return []Rule{
		{"schema-file/missing", "a schema file that is not there"},
		{"schema-file/unreadable", "a schema file that cannot be read"},
		{"schema-file/remote", "a reference that leads out of the repository"},
		{"schema-file/no-target", "a reference to a part that is not there"},
		{"schema-file/draft", "a version of JSON Schema that is not known"},
		{"schema-file/pattern", "a pattern that RE2 cannot do; the schema cannot be used"},
		{"schema-file/pattern-size", "a pattern that is too large"},
		{"schema-file/number", "a limit that is too large"},
		{"schema-file/endless", "references that judge a value by itself without end"},
		{"schema-file/too-complex", "too many files, parts, or references one behind another"},
		{"schema-file/unsupported", "a reference that cannot be followed"},
		{"schema-file/invalid", "a schema that does not compile for any other reason"},
		{"lint/unknown-keyword", "a keyword that the draft does not know: it has no effect"},
		{"lint/unknown-format", "a format that is not known: it is not checked"},
		{"lint/beside-ref", "a keyword beside $ref, which drafts up to 7 ignore"},
	}
}
