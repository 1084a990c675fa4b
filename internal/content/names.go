package content

import (
	"strconv"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// Clash is a name of GraphQL that two places of the model would both have, or
// that nothing is left of. The first in the model's order keeps it; the other is
// left out of the types (its values remain in `document`).
type Clash struct {
	Name string
	// Collection and At say what is left out.
	Collection CollectionName
	At         Pattern
	// Other says who has the name; "" where nothing is left of the name.
	Other string
}

// recordFields are the fields every record has; a property of that name gets a
// trailing underscore.
var recordFields = words(`key id collection path title document valid stale uncommitted revision problems movedTo
	createdAt createdBy updatedAt updatedBy history lastChange blame versions proposals`)

// filterWords are what a filter says beside the fields.
var filterWords = words(`and or not isNull`)

// reservedTypes are the types of the engine, now and as DESIGN has them.
var reservedTypes = words(`String Int Float Boolean ID Long Date DateTime URI Email JSON Revision Language
	Query Mutation Subscription Record Node PageInfo File Model ModelCollection ModelReference OrderDirection FacetOrder Facet FacetValue Translation
	StringFilter IntFilter LongFilter FloatFilter BooleanFilter DateFilter DateTimeFilter URIFilter EmailFilter IDFilter
	StringListFilter IntListFilter LongListFilter FloatListFilter BooleanListFilter DateListFilter DateTimeListFilter
	URIListFilter EmailListFilter IDListFilter JSONFilter JSONListFilter CountFilter
	Change ChangeConnection ChangeEdge ChangeKind ChangeFacetField PublicationStep PublicationStepConnection PublicationStepEdge
	RecordDiff RecordDiffConnection RecordDiffEdge RecordRef FieldChange FieldBlame WordDiff WordKind Version VersionConnection VersionEdge
	Occurrence OccurrenceConnection OccurrenceEdge Commit Signature SignatureStatus Approval Person IdentitySource PullRequest Problem Rewrite View
	SearchResult SearchConnection SearchHit Highlight
	Proposal ProposalConnection ProposalEdge ProposalState ProposalEvent ProposalEventKind ProposalPayload ValidatePayload
	Check CheckStatus ProposalFile Review Verdict Comment Conflict MergeSide Referrer Refusal RefusalReason APIChange APISeverity
	ProposeInput AmendProposalInput EditInput PutRecordInput PatchRecordInput RenameRecordInput DeleteRecordInput
	PutFileInput DeleteFileInput RestoreInput UndoInput ResolutionInput`)

// reservedRoots are the root fields of the engine.
var reservedRoots = words(`record model problems search changes publicationSteps diff commit proposals proposal deletedRecords rewrites textHistory view node nodes`)

var (
	collectionSuffixes = []string{"", "Connection", "Edge", "Filter", "ListFilter", "Order", "OrderField", "FacetField"}
	objectSuffixes     = []string{"", "Filter", "ListFilter"}
	enumSuffixes       = []string{"", "Filter", "ListFilter"}
)

func words(list string) map[string]bool {
	set := map[string]bool{}
	for _, w := range strings.Fields(list) {
		set[w] = true
	}
	return set
}

// GraphQLName turns the name of a property into that of a field (GraphQL, section
// 2.1.9): a name is kept, except that words joined by "_" or "-" become camelCase;
// letters lose their accents, other characters are dropped, and a leading digit
// gets "_". It is "" where nothing is left.
func GraphQLName(property string) string {
	parts := strings.FieldsFunc(plain(property), func(r rune) bool { return r == '_' || r == '-' })
	var b strings.Builder
	for _, part := range parts {
		part = strings.Map(nameRune, part)
		if b.Len() > 0 {
			part = upperFirst(part)
		}
		b.WriteString(part)
	}
	return digitFirst(b.String())
}

// EnumName turns the string of an enum into UPPER_SNAKE; "" is "EMPTY".
func EnumName(value string) string {
	if value == "" {
		return "EMPTY"
	}
	var b strings.Builder
	previous := rune(0)
	gap := false
	for _, r := range plain(value) {
		if nameRune(r) < 0 || r == '_' {
			gap = true
			continue
		}
		camel := unicode.IsUpper(r) && unicode.IsLower(previous)
		if b.Len() > 0 && (gap || camel) {
			b.WriteByte('_')
		}
		gap, previous = false, r
		b.WriteRune(unicode.ToUpper(r))
	}
	return digitFirst(b.String())
}

// plain drops accents: "määrä" is "maara".
func plain(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.Is(unicode.Mn, r) {
			return -1
		}
		return r
	}, norm.NFKD.String(s))
}

func nameRune(r rune) rune {
	if r < unicode.MaxASCII && (r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r)) {
		return r
	}
	return -1
}

func digitFirst(name string) string {
	if name != "" && name[0] >= '0' && name[0] <= '9' {
		return "_" + name
	}
	return name
}

func upperFirst(s string) string {
	if s == "" {
		return ""
	}
	return strings.ToUpper(s[:1]) + s[1:]
}

func lowerFirst(s string) string {
	if s == "" {
		return ""
	}
	return strings.ToLower(s[:1]) + s[1:]
}

// names are the GraphQL types given so far, and the clashes met.
type names struct {
	types   map[string]string
	clashes []Clash
}

// claim takes name with all suffixes for who, and reports whether they were free;
// if not, the clash is noted and nothing is taken.
func (n *names) claim(name string, suffixes []string, who Clash) bool {
	for _, suffix := range suffixes {
		owner, taken := n.types[name+suffix]
		if !taken && reservedTypes[name+suffix] {
			owner, taken = "Koonti", true
		}
		if taken {
			who.Name, who.Other = name+suffix, owner
			n.clashes = append(n.clashes, who)
			return false
		}
	}
	for _, suffix := range suffixes {
		n.types[name+suffix] = strings.TrimSuffix(string(who.Collection)+" "+string(who.At), " ")
	}
	return true
}

// enumClash notes two values of one enum that have the same name, or one that has
// none.
func (n *names) enumClash(values []EnumValue, who Clash) bool {
	seen := map[string]string{}
	for _, v := range values {
		other, taken := seen[v.Name]
		if taken || v.Name == "" {
			who.Name, who.Other = v.Name, ""
			if taken {
				who.Other = strconv.Quote(other) + ", " + strconv.Quote(v.JSON)
			}
			n.clashes = append(n.clashes, who)
			return true
		}
		seen[v.Name] = v.JSON
	}
	return false
}

// fieldNames are the fields of one type.
type fieldNames struct {
	names      *names
	collection CollectionName
	record     bool
	taken      map[string]string
}

func newFieldNames(n *names, collection CollectionName, typeName string, record bool) *fieldNames {
	return &fieldNames{n, collection, record, map[string]string{}}
}

// claim returns the name that the field at gets, "" where it clashed.
func (f *fieldNames) claim(name string, at Pattern) string {
	if filterWords[name] || f.record && recordFields[name] {
		name += "_"
	}
	if other, taken := f.taken[name]; taken || name == "" {
		f.names.clashes = append(f.names.clashes, Clash{name, f.collection, at, other})
		return ""
	}
	f.taken[name] = strings.TrimSuffix(string(f.collection)+" "+string(at), " ")
	return name
}

// claimExtra takes the names that a localized field brings along.
func (f *fieldNames) claimExtra(name string, at Pattern) {
	f.claim(name+"Lang", at)
	f.claim(name+"Translations", at)
}

// DeriveShapes sets Root, Singular, Plural and Inverses of every collection from
// the model and its schemas, and returns the names that clashed. schemas has, by
// collection, its schema and all that it refers to; a collection without one gets a
// type with the fields of every record alone.
func DeriveShapes(m *Model, schemas map[CollectionName]Schemas) []Clash {
	n := &names{types: map[string]string{}}
	for _, c := range m.Collections {
		if reservedTypes[c.Type] {
			c.Type += "_"
		}
		for !n.claim(c.Type, collectionSuffixes, Clash{Collection: c.Name}) {
			c.Type += "_"
		}
	}
	roots := newFieldNames(n, "", "Query", false)
	for _, c := range m.Collections {
		c.Plural = rootName(roots, c, string(c.Name))
	}
	for _, c := range m.Collections {
		c.Singular = rootName(roots, c, lowerFirst(c.Type))
		d := deriver{schemas: schemas[c.Name], collection: c, names: n, open: map[*Value]*Shape{}}
		c.Root = d.root()
	}
	m.deriveInverses(n)
	return n.clashes
}

func rootName(roots *fieldNames, c *Collection, name string) string {
	name = GraphQLName(name)
	if reservedRoots[name] {
		name += "_"
	}
	roots.collection = c.Name
	return roots.claim(name, "")
}

func (m *Model) deriveInverses(n *names) {
	for _, target := range m.Collections {
		fields := newFieldNames(n, target.Name, target.Type, true)
		for _, f := range target.Root.Fields {
			fields.taken[f.Name] = string(target.Name) + " /" + f.Property
			if f.Shape.Kind == ShapeLocalized {
				fields.taken[f.Name+"Lang"] = fields.taken[f.Name]
				fields.taken[f.Name+"Translations"] = fields.taken[f.Name]
			}
		}
		target.Inverses = nil
		for _, c := range m.Collections {
			for _, ref := range c.References {
				if ref.Target != target.Name || ref.Inverse == "" {
					continue
				}
				fields.collection = c.Name
				if name := fields.claim(GraphQLName(ref.Inverse), ref.At); name != "" {
					target.Inverses = append(target.Inverses, Inverse{name, c.Name, ref.At})
				}
			}
		}
	}
}
