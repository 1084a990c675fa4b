package graphql

// row is one field of a type that no collection owns.
type row struct {
	name        string
	typ         typeRef
	kind        placeKind
	description string
	args        []*inputDef
}

// table makes, once, an object type of rows.
func (b *builder) table(name, description string, rows func() []row) *typeDef {
	if t := b.byName[name]; t != nil {
		return t
	}
	t := b.share(objectKind, name, description)
	for _, r := range rows() {
		t.fields = append(t.fields, &fieldDef{name: r.name, description: r.description, typ: r.typ, args: r.args, place: place{kind: r.kind}})
	}
	return t
}

func (b *builder) pageInfo() *typeDef {
	str, yes := of(b.scalar("String")), nonNull(of(b.scalar("Boolean")))
	return b.table("PageInfo", "Where a page stands in its list (Relay Cursor Connections).", func() []row {
		return []row{
			{"hasNextPage", yes, pageHasNext, "Whether there are records after this page.", nil},
			{"hasPreviousPage", yes, pageHasPrevious, "Whether there are records before this page.", nil},
			{"startCursor", str, pageStart, "The cursor of the first record; null on an empty page.", nil},
			{"endCursor", str, pageEnd, "The cursor of the last record; null on an empty page.", nil},
		}
	})
}

func (b *builder) translation() *typeDef {
	return b.table("Translation", "A text in one language.", func() []row {
		return []row{
			{"lang", nonNull(of(b.language())), translationLang, "", nil},
			{"text", nonNull(of(b.scalar("String"))), translationText, "", nil},
		}
	})
}

func (b *builder) file() *typeDef {
	return b.table("File", "An attachment kept in the repository.", func() []row {
		return []row{
			{"path", nonNull(of(b.scalar("String"))), filePath, "From the root of the repository.", nil},
			{"size", nonNull(of(b.scalar("Long"))), fileSize, "In bytes.", nil},
			{"url", nonNull(of(b.scalar("String"))), fileURL, "Where this server hands it out, relative to its root.", nil},
		}
	})
}

func (b *builder) problem() *typeDef {
	str, num := of(b.scalar("String")), of(b.scalar("Int"))
	return b.table("Problem", "Something wrong with content.", func() []row {
		return []row{
			{"collection", str, problemCollection, "Null where no record is meant.", nil},
			{"id", of(b.scalar("ID")), problemID, "Null where no record is meant.", nil},
			{"path", nonNull(str), problemPath, "The file, from the root of the repository.", nil},
			{"line", num, problemLine, "From 1; null where the problem has no place in the text.", nil},
			{"column", num, problemColumn, "From 1, in characters.", nil},
			{"pointer", str, problemPointer, "The place in the document (JSON Pointer, RFC 6901).", nil},
			{"rule", nonNull(str), problemRule, "The stable name of the rule that was broken.", nil},
			{"schemaPointer", str, problemSchemaPointer, "The rule's place in the schema.", nil},
			{"message", nonNull(str), problemMessage, "What is wrong, for people: in Finnish, Swedish or English.", []*inputDef{b.langArg()}},
		}
	})
}

func (b *builder) view() *typeDef {
	str, num, when := of(b.scalar("String")), nonNull(of(b.scalar("Int"))), of(b.scalar("DateTime"))
	return b.table("View", "What is served: the records of one commit, or of one scan of the work tree.", func() []row {
		return []row{
			{"key", nonNull(of(b.scalar("ID"))), viewKey, "Equal for two views exactly when they serve the same.", nil},
			{"commit", str, viewCommit, "The full hash; null before the first commit.", nil},
			{"ref", str, viewRef, "The full name of the ref served; null for a commit asked for by itself.", nil},
			{"committedAt", when, viewCommittedAt, "", nil},
			{"publishedAt", when, viewPublishedAt, "When this server began to serve it.", nil},
			{"modelStale", nonNull(of(b.scalar("Boolean"))), viewModelStale, "Whether the model as it is now does not compile, and an older one is in use.", nil},
			{"records", num, viewRecords, "How many records there are.", nil},
			{"uncommitted", num, viewUncommitted, "How many of them differ from the commit.", nil},
		}
	})
}

func (b *builder) modelType() *typeDef {
	return b.table("Model", "Which collections there are.", func() []row {
		return []row{
			{"languages", nonNull(listOfNonNull(of(b.language()))), modelLanguages, "The languages of localized texts, in the order of fallback.", nil},
			{"collections", nonNull(listOfNonNull(of(b.modelCollection()))), modelCollections, "", nil},
		}
	})
}

func (b *builder) modelCollection() *typeDef {
	str := of(b.scalar("String"))
	return b.table("ModelCollection", "What the model says of one collection.", func() []row {
		return []row{
			{"name", nonNull(str), collectionName, "", nil},
			{"type", nonNull(str), collectionType, "The GraphQL type of its records.", nil},
			{"schema", nonNull(str), collectionSchema, "The path of its JSON Schema.", nil},
			{"path", nonNull(str), collectionPath, "Where its records lie; `{id}` stands for the id.", nil},
			{"title", str, collectionTitle, "The place of a record's title (JSON Pointer).", nil},
			{"label", str, collectionLabel, "What one of its records is called.", []*inputDef{b.langArg()}},
			{"singular", str, collectionSingular, "The root field for one record.", nil},
			{"plural", str, collectionPlural, "The root field for all its records.", nil},
			{"localized", nonNull(listOfNonNull(str)), collectionLocalized, "The places of localized texts.", nil},
			{"references", nonNull(listOfNonNull(of(b.modelReference()))), collectionReferences, "", nil},
		}
	})
}

func (b *builder) modelReference() *typeDef {
	str := of(b.scalar("String"))
	return b.table("ModelReference", "A place whose values are ids of another collection's records.", func() []row {
		return []row{
			{"field", nonNull(str), referenceField, "The place (JSON Pointer; `*` stands for all items).", nil},
			{"collection", nonNull(str), referenceCollection, "The collection referred to.", nil},
			{"inverse", str, referenceInverse, "The name of the way back, as the model has it.", nil},
		}
	})
}
