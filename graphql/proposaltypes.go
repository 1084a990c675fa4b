package graphql

import "github.com/koonti/koonti/internal/content"

// proposalRoots are the root fields that tell of proposals.
func (b *builder) proposalRoots() []*fieldDef {
	str := of(b.scalar("String"))
	return []*fieldDef{
		{
			name: "proposals", typ: of(b.proposalFeed()), place: place{kind: rootProposals},
			args: []*inputDef{
				{name: "state", typ: of(b.proposalState()), description: "Only in this state."},
				{name: "author", typ: str, description: "Only by people whose name or address has this in it; case does not count."},
				{name: "collection", typ: str, description: "The collection of `record`, as the model names it."},
				{name: "record", typ: of(b.scalar("ID")), description: "Only those that change the record that has this id in `collection`, which must be given."},
				b.inheritedArg(), b.firstArg(), b.afterArg(),
			},
			description: "What is proposed, the newest first. Null with the error FORBIDDEN for those who have not the role `reader`, with UNAVAILABLE where it cannot be read now.",
		},
		{
			name: "proposal", typ: of(b.proposal()), place: place{kind: rootProposal},
			args:        []*inputDef{b.numberArg(), b.inheritedArg()},
			description: "The proposal that has this number; null where there is none. Also null, with an error, where `proposals` is.",
		},
	}
}

func (b *builder) numberArg() *inputDef {
	return &inputDef{name: "number", typ: nonNull(of(b.scalar("Int"))), description: "The number of the proposal."}
}

// proposalsField is that of every record.
func (b *builder) proposalsField() *fieldDef {
	return &fieldDef{
		name: "proposals", typ: listOfNonNull(of(b.proposal())), place: place{kind: recordProposals},
		description: "The open proposals that change the record. Null with an error for those who may not read proposals, and where they cannot be read now.",
	}
}

func (b *builder) proposalFeed() *typeDef {
	return b.feedType(b.proposal(), "proposals", newestFirst, b.counted)
}

// proposal is nullable wherever it tells what has to be found out: neither a forge that
// cannot be reached nor a history that is not read takes away what is known.
func (b *builder) proposal() *typeDef {
	str, when := of(b.scalar("String")), of(b.scalar("DateTime"))
	return b.table("Proposal", "A set of edits on a branch, waiting for review: a pull request. All is null that needs a history, or checks, that cannot be read now.", func() []row {
		return []row{
			{"number", nonNull(of(b.scalar("Int"))), proposalNumber, "", nil},
			{"title", nonNull(str), proposalTitle, "", nil},
			{"description", nonNull(str), proposalDescription, "", nil},
			{"state", nonNull(of(b.proposalState())), proposalState, "", nil},
			{"author", nonNull(of(b.person())), proposalAuthor, "", nil},
			{"branch", nonNull(str), proposalBranch, "The full name of the branch that it lies on.", nil},
			{"target", nonNull(str), proposalTarget, "The full name of the branch that it is to be merged into.", nil},
			{"head", nonNull(str), proposalHead, "The full hash of its newest commit. What is done with it is asked for with the head that was seen.", nil},
			{"base", nonNull(str), proposalBase, "The full hash of the commit of the target that it was built on.", nil},
			{"revision", nonNull(str), proposalRevision, "For `at`: any query can be asked of what is proposed.", nil},
			{"mergedAs", str, proposalMergedAs, "The full hash of the commit by which readers got it; null before.", nil},
			{"openedAt", when, proposalOpenedAt, "Null where it is not known.", nil},
			{"updatedAt", when, proposalUpdatedAt, "Null where it is not known.", nil},
			{"requested", nonNull(listOf(nonNull(str))), proposalRequested, "Who is asked for a review: names or addresses.", nil},
			{"reviews", nonNull(listOfNonNull(of(b.review()))), proposalReviews, "In the order in which they were made.", nil},
			{"comments", nonNull(listOfNonNull(of(b.comment()))), proposalComments, "In the order in which they were made.", nil},
			{"events", nonNull(listOfNonNull(of(b.proposalEvent()))), proposalEvents, "What happened to it, in order.", nil},
			{"url", str, proposalURL, "The page of the forge; null where there is none.", nil},
			{"diffs", listOfNonNull(of(b.recordDiff())), proposalDiffs, "What it changes, by collection and id. The root field `diff` gives it by pages.", nil},
			{"record", of(b.record), proposalRecord, "A record as the proposal has it; null where it has none.", []*inputDef{
				{name: "collection", typ: nonNull(str), description: "The collection, as the model names it."}, b.idArg(),
			}},
			{"files", listOfNonNull(of(b.proposalFile())), proposalFiles, "The files changed that are no records: attachments, schemas, whatever else the repository holds.", nil},
			{"checks", listOfNonNull(of(b.check())), proposalChecks, "What was looked at, at its head against its target as it is now.", nil},
			{"mergeable", of(b.scalar("Boolean")), proposalMergeable, "Whether there is no conflict, and no check keeps it from being merged.", nil},
			{"conflicts", listOfNonNull(of(b.conflict())), proposalConflicts, "The places that both it and its target changed; `mergeProposal` wants a resolution for each.", nil},
		}
	})
}

func (b *builder) proposalFile() *typeDef {
	return b.table("ProposalFile", "A file that is no record, and what a proposal does to it.", func() []row {
		return []row{
			{"path", nonNull(of(b.scalar("String"))), changedPath, "From the root of the repository.", nil},
			{"kind", nonNull(of(b.changeKind())), changedKind, "CREATED, UPDATED or DELETED.", nil},
		}
	})
}

func (b *builder) review() *typeDef {
	str := nonNull(of(b.scalar("String")))
	return b.table("Review", "What one person thinks of a proposal as it was at one head.", func() []row {
		return []row{
			{"person", nonNull(of(b.person())), reviewPerson, "", nil},
			{"verdict", nonNull(of(b.verdict())), reviewVerdict, "", nil},
			{"text", str, reviewText, "", nil},
			{"head", str, reviewHead, "The full hash of the commit that was looked at.", nil},
			{"stale", nonNull(of(b.scalar("Boolean"))), reviewStale, "Whether the verdict does not count any more: the proposal has another head, or the person reviewed it again.", nil},
			{"at", of(b.scalar("DateTime")), reviewAt, "Null where it is not known.", nil},
		}
	})
}

func (b *builder) comment() *typeDef {
	return b.table("Comment", "A word on a proposal.", func() []row {
		return []row{
			{"id", nonNull(of(b.scalar("ID"))), commentID, "Unique in the proposal.", nil},
			{"person", nonNull(of(b.person())), commentPerson, "", nil},
			{"text", nonNull(of(b.scalar("String"))), commentText, "", nil},
			{"at", of(b.scalar("DateTime")), commentAt, "Null where it is not known.", nil},
		}
	})
}

func (b *builder) proposalEvent() *typeDef {
	str := nonNull(of(b.scalar("String")))
	return b.table("ProposalEvent", "One thing that happened to a proposal.", func() []row {
		return []row{
			{"kind", nonNull(of(b.proposalEventKind())), eventKind, "", nil},
			{"actor", nonNull(of(b.person())), eventActor, "Who did it.", nil},
			{"at", of(b.scalar("DateTime")), eventAt, "Null where it is not known.", nil},
			{"head", str, eventHead, "The full hash of the newest commit of the proposal after it.", nil},
			{"text", str, eventText, "", nil},
		}
	})
}

func (b *builder) check() *typeDef {
	str, problems := nonNull(of(b.scalar("String"))), nonNull(listOfNonNull(of(b.problem())))
	return b.table("Check", "One thing that was looked at.", func() []row {
		return []row{
			{"name", str, checkName, "`content`: the problems that it brings; `api`: what changes in the GraphQL API; `merge`: whether it can be merged; `owners`: whether those have approved who must; `reviews`: whether nobody asked for changes and, with four eyes, somebody else than its authors has approved. The last three are those of an open proposal.", nil},
			{"status", nonNull(of(b.checkStatus())), checkStatus, "", nil},
			{"summary", str, checkSummary, "What came of it, in a sentence: in Finnish, Swedish or English.", []*inputDef{b.langArg()}},
			{"problems", problems, checkProblems, "Those that the proposal brings.", nil},
			{"known", problems, checkKnown, "Those that the target has already.", nil},
			{"apiChanges", nonNull(listOfNonNull(of(b.apiChange()))), checkAPI, "What changes in the GraphQL API.", nil},
			{"missing", nonNull(listOf(str)), checkMissing, "Who has to approve it yet: names or addresses.", nil},
		}
	})
}

func (b *builder) apiChange() *typeDef {
	str := nonNull(of(b.scalar("String")))
	return b.table("APIChange", "A difference between the GraphQL APIs of two models.", func() []row {
		return []row{
			{"severity", nonNull(of(b.apiSeverity())), apiSeverity, "", nil},
			{"coordinate", str, apiCoordinate, "The place: `Project.summary`, `Query.projects(where:)`.", nil},
			{"message", str, apiMessage, "In English.", nil},
		}
	})
}

func (b *builder) conflict() *typeDef {
	str, json := of(b.scalar("String")), of(b.scalar("JSON"))
	return b.table("Conflict", "A place that cannot be merged without a decision.", func() []row {
		return []row{
			{"path", nonNull(str), conflictPath, "The file, from the root of the repository.", nil},
			{"collection", str, conflictCollection, "Null for a file that is no record.", nil},
			{"id", of(b.scalar("ID")), conflictID, "Null for a file that is no record.", nil},
			{"field", nonNull(str), conflictField, "The place (JSON Pointer, RFC 6901); empty for the whole record or file.", nil},
			{"base", json, conflictBase, "The value that both changed; null where there was none, and for files that are no records.", nil},
			{"ours", json, conflictOurs, "The value of the target.", nil},
			{"theirs", json, conflictTheirs, "The value of the proposal.", nil},
		}
	})
}

// proposalResult is what most mutations answer.
func (b *builder) proposalResult() *typeDef {
	return b.table("ProposalPayload", "What became of what was asked for.", func() []row {
		return []row{
			{"ok", nonNull(of(b.scalar("Boolean"))), resultOK, "Whether it was done.", nil},
			{"proposal", of(b.proposal()), resultProposal, "The proposal as it is then; null where it was refused.", nil},
			{"refusal", of(b.refusal()), resultRefusal, "Why it was not done; null where it was.", nil},
		}
	})
}

func (b *builder) validationResult() *typeDef {
	return b.table("ValidatePayload", "What edits would come to.", func() []row {
		return []row{
			{"ok", nonNull(of(b.scalar("Boolean"))), validationOK, "Whether they can be made, and bring no problems.", nil},
			{"problems", nonNull(listOfNonNull(of(b.problem()))), validationProblems, "Those that they would bring.", nil},
			{"refusal", of(b.refusal()), validationRefusal, "Why they cannot be made; null where they can.", nil},
		}
	})
}

func (b *builder) refusal() *typeDef {
	str := nonNull(of(b.scalar("String")))
	return b.table("Refusal", "Why something cannot be done as things are. What was asked for has changed nothing.", func() []row {
		return []row{
			{"reason", nonNull(of(b.refusalReason())), refusalReason, "", nil},
			{"message", str, refusalMessage, "Where, what, and what to do: in English.", nil},
			{"problems", nonNull(listOfNonNull(of(b.problem()))), refusalProblems, "What would be wrong with the content.", nil},
			{"conflicts", nonNull(listOfNonNull(of(b.conflict()))), refusalConflicts, "What has to be decided.", nil},
			{"referrers", nonNull(listOfNonNull(of(b.referrer()))), refusalReferrers, "What refers to records that would be gone.", nil},
			{"paths", nonNull(listOf(str)), refusalPaths, "The files that are in the way.", nil},
			{"missing", nonNull(listOf(str)), refusalMissing, "Who has to approve it: names or addresses.", nil},
		}
	})
}

func (b *builder) referrer() *typeDef {
	str, id := nonNull(of(b.scalar("String"))), nonNull(of(b.scalar("ID")))
	return b.table("Referrer", "A place that refers to a record.", func() []row {
		return []row{
			{"collection", str, referrerCollection, "", nil},
			{"id", id, referrerID, "", nil},
			{"path", str, referrerPath, "The file, from the root of the repository.", nil},
			{"field", str, referrerField, "The place (JSON Pointer, RFC 6901).", nil},
			{"targetCollection", str, referrerTargetCollection, "The collection of the record referred to.", nil},
			{"targetId", id, referrerTargetID, "The id of the record referred to.", nil},
		}
	})
}

func (b *builder) proposalState() *typeDef {
	return b.choice("ProposalState", "Where a proposal is on its way.",
		choiceOf(content.ProposalOpen, ""), choiceOf(content.ProposalMerged, ""), choiceOf(content.ProposalClosed, "It was closed without being merged."))
}

func (b *builder) verdict() *typeDef {
	return b.choice("Verdict", "What a review comes to.",
		choiceOf(content.VerdictApproved, ""), choiceOf(content.VerdictChangesRequested, ""), choiceOf(content.VerdictCommented, "Neither."))
}

func (b *builder) proposalEventKind() *typeDef {
	return b.choice("ProposalEventKind", "What happened to a proposal.",
		choiceOf(content.EventOpened, ""), choiceOf(content.EventEdited, "It has another head, title or description, or others are asked for a review."),
		choiceOf(content.EventCommented, ""), choiceOf(content.EventApproved, ""), choiceOf(content.EventChangesRequested, ""),
		choiceOf(content.EventReviewed, "It was reviewed without a verdict."),
		choiceOf(content.EventMerged, ""), choiceOf(content.EventClosed, ""), choiceOf(content.EventReopened, ""))
}

func (b *builder) checkStatus() *typeDef {
	return b.choice("CheckStatus", "The outcome of a check.",
		choiceOf(content.CheckPassed, ""), choiceOf(content.CheckWarning, "It keeps nobody from merging."),
		choiceOf(content.CheckFailed, ""), choiceOf(content.CheckPending, "It is not known yet."))
}

func (b *builder) apiSeverity() *typeDef {
	return b.choice("APISeverity", "What a change of the GraphQL API means for those who ask it.",
		choiceOf(content.APIBreaking, "Queries that worked do not work any more."),
		choiceOf(content.APIDangerous, "Queries still work, but clients may meet what they do not expect."),
		choiceOf(content.APISafe, ""))
}

func (b *builder) mergeSide() *typeDef {
	return b.choice("MergeSide", "One of the three versions that meet in a merge.",
		choiceOf(content.SideBase, "What both changed."), choiceOf(content.SideOurs, "The target."), choiceOf(content.SideTheirs, "The proposal."))
}

func (b *builder) refusalReason() *typeDef {
	return b.choice("RefusalReason", "Why something is refused.",
		choiceOf(content.RefusedEdit, "An edit cannot be made: a patch that does not apply, a record that is not there, an id that may not be written."),
		choiceOf(content.RefusedEmpty, "Nothing would change."),
		choiceOf(content.RefusedInvalid, "The content would have problems that it has not now."),
		choiceOf(content.RefusedDangling, "References would lead nowhere."),
		choiceOf(content.RefusedConflict, "Both sides changed one place."),
		choiceOf(content.RefusedOutdated, "It is not any more what it was for the one who asked; look at it again."),
		choiceOf(content.RefusedState, "The proposal is merged or closed, or is not."),
		choiceOf(content.RefusedApproval, "Somebody has to approve it first."),
		choiceOf(content.RefusedWorkTree, "The branch is checked out, and files that would change have uncommitted work."),
		choiceOf(content.RefusedForge, "The forge does not let it happen; the message has its words."))
}
