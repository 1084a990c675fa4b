package check

import (
	"strings"

	"github.com/koonti/koonti/internal/content"
)

// position says where schemas stand below a keyword.
type position byte

const (
	noSchema  position = 0
	oneSchema position = 1 << iota // the value is a schema
	listed                         // a list of schemas
	named                          // an object whose members are schemas
	inPlace                        // they judge the same value as the schema itself
)

// draft is one version of JSON Schema, from its meta-schema.
type draft struct {
	version int
	// url is its "$schema", name what people call it.
	url, name string
	// id is the keyword that names a schema.
	id       string
	keywords map[string]position
}

// refAlone: "$ref" makes a schema's other keywords be ignored (drafts 4 to 7).
func (d *draft) refAlone() bool { return d.version < 2019 }

// knows reports whether keyword is one of the draft's.
func (d *draft) knows(keyword string) bool {
	_, ok := d.keywords[keyword]
	return ok
}

// drafts are the versions that can be used, the default first.
func drafts() []*draft {
	keywords := words(noSchema, `$schema $ref title description default multipleOf maximum exclusiveMaximum minimum exclusiveMinimum
		maxLength minLength pattern maxItems minItems uniqueItems maxProperties minProperties required enum type format`)
	add := func(more map[string]position) map[string]position {
		for k, p := range more {
			keywords[k] = p
		}
		return clone(keywords)
	}
	add(words(oneSchema, `additionalProperties additionalItems`))
	add(words(named, `definitions properties patternProperties`))
	add(words(named|inPlace, `dependencies`))
	add(words(listed|inPlace, `allOf anyOf oneOf`))
	add(words(oneSchema|listed, `items`))
	add(words(oneSchema|inPlace, `not`))
	d4 := &draft{4, "http://json-schema.org/draft-04/schema#", "draft-04", "id", add(words(noSchema, `id`))}
	delete(keywords, "id")
	add(words(oneSchema, `propertyNames contains`))
	d6 := &draft{6, "http://json-schema.org/draft-06/schema#", "draft-06", "$id", add(words(noSchema, `$id const examples`))}
	add(words(oneSchema|inPlace, `if then else`))
	d7 := &draft{7, "http://json-schema.org/draft-07/schema#", "draft-07", "$id", add(words(noSchema, `$comment readOnly writeOnly contentMediaType contentEncoding`))}
	add(words(oneSchema, `unevaluatedItems unevaluatedProperties contentSchema`))
	add(words(named, `$defs`))
	add(words(named|inPlace, `dependentSchemas`))
	d2019 := &draft{2019, "https://json-schema.org/draft/2019-09/schema", "2019-09", "$id",
		add(words(noSchema, `$anchor $recursiveRef $recursiveAnchor $vocabulary dependentRequired maxContains minContains deprecated`))}
	for _, gone := range []string{"additionalItems", "$recursiveRef", "$recursiveAnchor"} {
		delete(keywords, gone)
	}
	add(words(oneSchema, `items`))
	add(words(listed, `prefixItems`))
	d2020 := &draft{2020, "https://json-schema.org/draft/2020-12/schema", "2020-12", "$id", add(words(noSchema, `$dynamicRef $dynamicAnchor`))}
	return []*draft{d2020, d2019, d7, d6, d4}
}

func words(p position, list string) map[string]position {
	set := map[string]position{}
	for _, w := range strings.Fields(list) {
		set[w] = p
	}
	return set
}

func clone(m map[string]position) map[string]position {
	out := make(map[string]position, len(m))
	for k, v := range m {
		out[k] = v
	}
	return out
}

// draftOf returns the draft that root asks for, the newest where it asks for none,
// and nil where "$schema" names one that is not known. http or https, with or
// without "#" at the end.
func draftOf(all []*draft, root *content.Value) *draft {
	asked := root.Member("$schema")
	if asked == nil {
		return all[0]
	}
	return draftNamed(all, asked.Str())
}

func draftNamed(all []*draft, url string) *draft {
	url = plainDraftURL(url)
	if url == "json-schema.org/schema" {
		return all[0]
	}
	for _, d := range all {
		if plainDraftURL(d.url) == url {
			return d
		}
	}
	return nil
}

func plainDraftURL(url string) string {
	url = strings.TrimSuffix(strings.TrimSuffix(url, "#/"), "#")
	return strings.TrimPrefix(strings.TrimPrefix(url, "https://"), "http://")
}

// formats that are checked: those of the library. The OpenAPI formats of numbers
// are known too; "type" says all of them that counts.
func knownFormats() []string {
	return strings.Fields(`date date-time time duration email hostname ipv4 ipv6 uri uri-reference iri iri-reference uri-template
		uuid json-pointer relative-json-pointer regex ip-address period int32 int64 float double`)
}
