package graphql

import "github.com/koonti/koonti/internal/content"

// pastFields are the fields of every record that tell of its past. They are nullable:
// a history that is not there takes nothing else away.
func (b *builder) pastFields() []*fieldDef {
	str, when, who := of(b.scalar("String")), of(b.scalar("DateTime")), of(b.person())
	plain := func(kind placeKind, name string, typ typeRef, description string, args ...*inputDef) *fieldDef {
		return &fieldDef{name: name, typ: typ, args: args, place: place{kind: kind}, description: description}
	}
	var ofRecord []*inputDef
	for _, arg := range b.changeArgs() {
		switch arg.name {
		case "field", "author", "since", "until", "includeFormatting":
			ofRecord = append(ofRecord, arg)
		}
	}
	field := &inputDef{name: "field", typ: str, description: "The place (JSON Pointer, RFC 6901); it covers what lies below it. The whole record unless said."}
	return []*fieldDef{
		plain(recordMovedTo, "movedTo", of(b.record), "What the record is called now, where it was read from the past, or asked for by a name that it no longer has. Null where it is there under the same name, or is gone."),
		plain(recordCreatedAt, "createdAt", when, "When readers first saw the record."),
		plain(recordCreatedBy, "createdBy", who, "Who created the record."),
		plain(recordUpdatedAt, "updatedAt", when, "When readers saw a value of the record change last."),
		plain(recordUpdatedBy, "updatedBy", who, "Who changed a value of the record last."),
		plain(recordHistory, "history", of(b.changeFeed()), "The changes of the record, newest first, under all its names: up to the revision read, or up to what is served where it was asked for by a name that it no longer has.", append(ofRecord, b.firstArg(), b.afterArg())...),
		plain(recordLastChange, "lastChange", of(b.change()), "The change that gave the record, or a place of it, the value it has.", field),
		plain(recordBlame, "blame", listOfNonNull(of(b.fieldBlame())), "Which change gave each value of the record, in the order of the document."),
		plain(recordVersions, "versions", of(b.versionFeed()), "The versions of the record that readers saw, newest first, under the same names as `history`.", b.firstArg(), b.afterArg()),
	}
}

func (b *builder) change() *typeDef {
	return b.table("Change", "What one commit did to one record. What `lastChange` and `blame` tell of can also be what a step of the served branch did to it for those who read it, such as a merge that took one side.", func() []row {
		rows := []row{{"key", nonNull(of(b.scalar("ID"))), changeKey, "What a normalised cache should use: unique over the change, the revision where `at` names one, and the language where it is not the first.", nil}}
		rows = append(rows, b.differenceRows()...)
		return append(rows,
			row{"at", of(b.scalar("DateTime")), changeAt, "The committer time of `publication`, else of `commit`: what `since` and `until` mean. Null where it is not committed yet.", nil},
			row{"unreadable", nonNull(of(b.scalar("Boolean"))), changeUnreadable, "Whether the file is no strict JSON after the change, so that its values are not known.", nil},
			row{"commit", of(b.commit()), changeCommit, "Null where it is not committed yet.", nil},
			row{"publication", of(b.publicationStep()), changePublication, "The step that brought it to readers; null where it is not on the served branch.", nil},
			row{"pullRequest", of(b.pullRequest()), changePullRequest, "Null where none is known.", nil},
			row{"approvals", nonNull(listOfNonNull(of(b.approval()))), changeApprovals, "Those of the commit, of the merge and of the forge, each with its source.", nil},
		)
	})
}

func (b *builder) recordDiff() *typeDef {
	return b.table("RecordDiff", "How a record differs between two revisions.", b.differenceRows)
}

// differenceRows are what Change and RecordDiff have in common.
func (b *builder) differenceRows() []row {
	json := of(b.scalar("JSON"))
	return []row{
		{"record", nonNull(of(b.recordRef())), changeRecord, "As it is called after the change; before it where it was deleted.", nil},
		{"was", of(b.recordRef()), changeWas, "What a RENAMED record was called before, and an OVERRULED one on the side that lost, if otherwise; else null.", nil},
		{"kind", nonNull(of(b.changeKind())), changeKind, "", nil},
		{"fields", nonNull(listOfNonNull(of(b.fieldChange()))), changeFields, "The values that changed, by place.", nil},
		{"previous", json, changePrevious, "The whole document before; null where there was none, or none that can be read. Of a merge it is that of the first parent that has the record; of OVERRULED, of the side that lost.", nil},
		{"document", json, changeDocument, "The whole document after; null where there is none, or none that can be read.", nil},
	}
}

func (b *builder) recordRef() *typeDef {
	str := of(b.scalar("String"))
	return b.table("RecordRef", "A record as it was called at some time.", func() []row {
		return []row{
			{"collection", nonNull(str), refCollection, "", nil},
			{"id", nonNull(of(b.scalar("ID"))), refID, "", nil},
			{"path", nonNull(str), refPath, "The file, from the root of the repository.", nil},
			{"title", str, refTitle, "Its title in what is read; where it is gone, or was renamed, the title it had.", nil},
			{"record", of(b.record), refRecord, "The record in what is read, whatever it is called there; null where it is gone.", nil},
		}
	})
}

func (b *builder) fieldChange() *typeDef {
	json := of(b.scalar("JSON"))
	return b.table("FieldChange", "A place of a record that got another value.", func() []row {
		return []row{
			{"field", nonNull(of(b.scalar("String"))), fieldPlace, "The place (JSON Pointer, RFC 6901) in the document after the change; in the one before it where the value was removed.", nil},
			{"before", json, fieldBefore, "Null where there was no value. It is the value in `previous`, unless `parent` names another parent of a merge.", nil},
			{"after", json, fieldAfter, "Null where there is no value any more.", nil},
			{"parent", of(b.scalar("String")), fieldParent, "The full hash of the parent that had `before`, where a merge dropped it and `previous` is of another parent. Else null.", nil},
			{"words", listOfNonNull(of(b.wordDiff())), fieldWords, "What became of the words of a text, in order; null where one of the values is none.", nil},
		}
	})
}

func (b *builder) wordDiff() *typeDef {
	return b.table("WordDiff", "A part of two texts.", func() []row {
		return []row{
			{"kind", nonNull(of(b.wordKind())), wordKind, "", nil},
			{"text", nonNull(of(b.scalar("String"))), wordText, "", nil},
		}
	})
}

func (b *builder) fieldBlame() *typeDef {
	return b.table("FieldBlame", "Which change gave a place its value.", func() []row {
		return []row{
			{"field", nonNull(of(b.scalar("String"))), blamePlace, "The place (JSON Pointer, RFC 6901).", nil},
			{"value", of(b.scalar("JSON")), blameValue, "", nil},
			{"change", of(b.change()), blameChange, "Null where the past does not tell.", nil},
		}
	})
}

func (b *builder) version() *typeDef {
	when := of(b.scalar("DateTime"))
	return b.table("Version", "A version of a record that readers saw.", func() []row {
		return []row{
			{"revision", nonNull(of(b.scalar("String"))), versionRevision, "The full hash of the commit that brought it: for `at`. Empty where it is not committed yet.", nil},
			{"change", nonNull(of(b.change())), versionChange, "The change that brought it.", nil},
			{"document", of(b.scalar("JSON")), versionDocument, "The whole document; null where it cannot be read.", nil},
			{"from", when, versionFrom, "When it came.", nil},
			{"until", when, versionUntil, "When it went; null for the present one, and where what took its place is not committed yet.", nil},
		}
	})
}

func (b *builder) occurrence() *typeDef {
	str := nonNull(of(b.scalar("String")))
	return b.table("Occurrence", "A text that was, or is, in a record.", func() []row {
		return []row{
			{"record", nonNull(of(b.recordRef())), occurrenceRecord, "", nil},
			{"field", str, occurrenceField, "The place (JSON Pointer, RFC 6901).", nil},
			{"value", str, occurrenceValue, "The whole text of the place.", nil},
			{"from", nonNull(of(b.change())), occurrenceFrom, "The change that brought it.", nil},
			{"until", of(b.change()), occurrenceUntil, "The change that took it away; null while it is there.", nil},
		}
	})
}

func (b *builder) publicationStep() *typeDef {
	return b.table("PublicationStep", "One step of the served branch's first-parent line: what readers saw change, all at once.", func() []row {
		return []row{
			{"commit", nonNull(of(b.commit())), stepCommit, "", nil},
			{"pullRequest", of(b.pullRequest()), stepPullRequest, "Null where none is known.", nil},
			{"approvals", nonNull(listOfNonNull(of(b.approval()))), stepApprovals, "", nil},
			{"changes", nonNull(listOfNonNull(of(b.change()))), stepChanges, "The changes by commit that came with it, newest first.", nil},
			{"records", nonNull(listOfNonNull(of(b.recordDiff()))), stepRecords, "The differences for those who read.", nil},
		}
	})
}

func (b *builder) commit() *typeDef {
	str, when := nonNull(of(b.scalar("String"))), nonNull(of(b.scalar("DateTime")))
	return b.table("Commit", "A commit. Where addresses are not shown, they are left out of its texts.", func() []row {
		who := of(b.person())
		return []row{
			{"hash", str, commitHash, "The full hash.", nil},
			{"subject", str, commitSubject, "The first line of the message.", nil},
			{"message", str, commitMessage, "", nil},
			{"author", nonNull(who), commitAuthor, "", nil},
			{"committer", nonNull(who), commitCommitter, "", nil},
			{"coAuthors", nonNull(listOfNonNull(who)), commitCoAuthors, "", nil},
			{"reviewers", nonNull(listOfNonNull(who)), commitReviewers, "", nil},
			{"merger", who, commitMerger, "Who merged it into the served branch; null where it was committed there, or is not on it.", nil},
			{"authoredAt", when, commitAuthoredAt, "", nil},
			{"committedAt", when, commitCommittedAt, "", nil},
			{"parents", nonNull(listOf(str)), commitParents, "Their full hashes.", nil},
			{"signature", nonNull(of(b.signature())), commitSignature, "", nil},
		}
	})
}

func (b *builder) person() *typeDef {
	return b.table("Person", "Someone in the history, by the name that `.mailmap` gives.", func() []row {
		return []row{
			{"name", nonNull(of(b.scalar("String"))), personName, "", nil},
			{"email", of(b.scalar("String")), personEmail, "Null where addresses are not shown.", nil},
			{"identity", nonNull(of(b.identitySource())), personIdentity, "How we know that it is them.", nil},
		}
	})
}

func (b *builder) approval() *typeDef {
	return b.table("Approval", "That someone approved a change.", func() []row {
		return []row{
			{"person", nonNull(of(b.person())), approvalPerson, "", nil},
			{"at", of(b.scalar("DateTime")), approvalAt, "Null where it is not known.", nil},
			{"source", nonNull(of(b.scalar("String"))), approvalSource, "Where it is written: `commit <hash>`, `merge <hash>` or `review`.", nil},
		}
	})
}

func (b *builder) pullRequest() *typeDef {
	str := of(b.scalar("String"))
	return b.table("PullRequest", "Where a change was proposed.", func() []row {
		return []row{
			{"number", nonNull(of(b.scalar("Int"))), pullNumber, "", nil},
			{"title", str, pullTitle, "Null where it is not known.", nil},
			{"url", str, pullURL, "Null where it is not known.", nil},
		}
	})
}

func (b *builder) signature() *typeDef {
	str := of(b.scalar("String"))
	return b.table("Signature", "What is known of a commit's signature.", func() []row {
		return []row{
			{"status", nonNull(of(b.signatureStatus())), signatureStatus, "", nil},
			{"format", str, signatureFormat, "`openpgp`, `ssh` or `x509`; null where there is none.", nil},
			{"fingerprint", str, signatureFingerprint, "Of the key it was made with; null where that is not known.", nil},
			{"signer", str, signatureSigner, "Whom the keys given say the key belongs to; null where they do not.", nil},
		}
	})
}

func (b *builder) rewrite() *typeDef {
	str := nonNull(of(b.scalar("String")))
	return b.table("Rewrite", "That a branch was moved to a commit that does not follow from the one before.", func() []row {
		return []row{
			{"ref", str, rewriteRef, "The full name of the branch.", nil},
			{"from", str, rewriteFrom, "The full hash of the commit before.", nil},
			{"to", str, rewriteTo, "The full hash of the commit after.", nil},
			{"noticedAt", of(b.scalar("DateTime")), rewriteNoticedAt, "When this was seen.", nil},
		}
	})
}

// choice makes, once, an enum of the core.
func (b *builder) choice(name, description string, values ...enumValue) *typeDef {
	if t := b.byName[name]; t != nil {
		return t
	}
	t := b.share(enumKind, name, description)
	t.values = values
	return t
}

func choiceOf[T ~string](value T, description string) enumValue {
	return enumValue{string(value), description, string(value)}
}

func (b *builder) changeKind() *typeDef {
	return b.choice("ChangeKind", "What a change did to its record.",
		choiceOf(content.Created, ""), choiceOf(content.Updated, ""),
		choiceOf(content.Renamed, "The file was moved, with or without changes to its values."),
		choiceOf(content.Deleted, ""),
		choiceOf(content.Formatted, "The bytes are new and no value is; left out unless asked for."),
		choiceOf(content.Overruled, "A merge that took the value of one side although the other had set another."))
}

func (b *builder) changeFacet() *typeDef {
	return b.choice("ChangeFacetField", "What changes can be counted by.",
		choiceOf(content.FacetAuthor, "By the names of the author and the co-authors: a change counts once for each."),
		choiceOf(content.FacetCollection, "By collection."),
		choiceOf(content.FacetField, "By place (JSON Pointer), `*` for the items of lists; a change counts once for each of its places."),
		choiceOf(content.FacetMonth, "By month, in UTC: `2026-11`."),
		choiceOf(content.FacetKind, "By kind."))
}

func (b *builder) wordKind() *typeDef {
	return b.choice("WordKind", "What became of a part of a text.",
		choiceOf(content.WordSame, "It is in both."), choiceOf(content.WordRemoved, "It was in the text before."), choiceOf(content.WordAdded, "It is in the text after."))
}

func (b *builder) identitySource() *typeDef {
	return b.choice("IdentitySource", "How we know that someone is who they are said to be, the surest first.",
		choiceOf(content.IdentitySigned, "They signed with a key that is known."),
		choiceOf(content.IdentityForge, "The forge says so."),
		choiceOf(content.IdentityToken, "They had a token of this server."),
		choiceOf(content.IdentityClaimed, "The commit says so, as anyone could write it."))
}

func (b *builder) signatureStatus() *typeDef {
	return b.choice("SignatureStatus", "The outcome of checking a signature.",
		choiceOf(content.SignatureNone, "There is none."),
		choiceOf(content.SignatureUnchecked, "There is one, but no keys were given to check it with."),
		choiceOf(content.SignatureUnknownKey, "It was made with a key that is not among those given."),
		choiceOf(content.SignatureValid, ""),
		choiceOf(content.SignatureInvalid, "It is not of this commit, or is broken."),
		choiceOf(content.SignatureExpired, "It is right, but was made when the key was not valid."))
}
