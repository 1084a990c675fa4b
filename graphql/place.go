package graphql

import "github.com/koonti/koonti/internal/content"

// place says what a field reads: the resolver is looked up by its kind, and a
// compiler of queries can read the same.
type place struct {
	kind placeKind
	// field is the property of a record, for property, propertyLang,
	// propertyTranslations and propertyFile.
	field *content.Field
	// inverse is the way back, for inverse.
	inverse *content.Inverse
	// collection is that of the records which come out, for roots and inverses, or
	// are counted, for facets.
	collection *content.Collection
	// meta reads a field of introspection, for metaPlace.
	meta metaReader
	// folder is where attachments lie, for propertyFile.
	folder string
	// mutation is what is done, for rootMutation.
	mutation *mutation
}

// placeKind names one way of reading.
type placeKind uint16

// What fields read. The comment of each group says what its source is.
const (
	// Introspection; the source is a *typeDef and so on (see introspect.go).
	metaPlace placeKind = iota
	typename

	// Root fields.
	rootRecord  // one record of a collection
	rootRecords // a connection of a collection's records
	rootSearch  // a connection of records of all collections
	rootAny     // one record of any collection
	rootModel
	rootProblems
	rootChanges // a feed of changes
	rootChanged // the change of an event
	rootSteps   // a feed of steps
	rootDeleted // a feed of deletions
	rootTexts   // a feed of occurrences
	rootDiff    // a feed of differences between two revisions
	rootCommit
	rootRewrites
	rootProposals // a feed of proposals
	rootProposal
	rootView
	rootMutation // what is done; it has the mutation

	// Fields that every record has; the source is an *item.
	recordKey
	recordID
	recordCollection
	recordPath
	recordTitle
	recordDocument
	recordValid
	recordStale
	recordUncommitted
	recordRevision
	recordProblems
	recordMovedTo
	recordCreatedAt
	recordCreatedBy
	recordUpdatedAt
	recordUpdatedBy
	recordHistory // a feed of changes
	recordLastChange
	recordBlame
	recordVersions // a feed of versions
	recordProposals

	// What the schema and the model say of a record or of an object in it; the
	// source is an *item.
	property
	propertyLang
	propertyTranslations
	propertyFile
	inverse

	// Connections; the source is a *page, or an edge of one.
	pageEdges
	pageNodes
	pageItself
	pageTotal
	pageHasNext
	pageHasPrevious
	pageStart
	pageEnd
	pageFacets
	edgeCursor
	edgeNode
	edgeScore
	edgeHighlights

	// Feeds: lists of what happened; the source is a *feedPage, or a feedEdge of one.
	feedEdges
	feedNodes
	feedItself
	feedTotal
	feedFacets
	feedCursor
	feedNode

	// The parts of what happened; the source is a change, recordRef, step, version,
	// occurrence or blamed, or a content.FieldChange, content.WordDiff, *content.Commit,
	// content.Person, content.Approval, *content.PullRequest, content.Signature or
	// content.Rewrite.
	changeKey
	changeRecord
	changeWas
	changeKind
	changeAt
	changeFields
	changePrevious
	changeDocument
	changeUnreadable
	changeCommit
	changePublication
	changePullRequest
	changeApprovals
	refCollection
	refID
	refPath
	refTitle
	refRecord
	fieldPlace
	fieldBefore
	fieldAfter
	fieldParent
	fieldWords
	wordKind
	wordText
	blamePlace
	blameValue
	blameChange
	stepCommit
	stepPullRequest
	stepApprovals
	stepChanges
	stepRecords
	versionRevision
	versionChange
	versionDocument
	versionFrom
	versionUntil
	occurrenceRecord
	occurrenceField
	occurrenceValue
	occurrenceFrom
	occurrenceUntil
	commitHash
	commitSubject
	commitMessage
	commitAuthor
	commitCommitter
	commitCoAuthors
	commitReviewers
	commitMerger
	commitAuthoredAt
	commitCommittedAt
	commitParents
	commitSignature
	personName
	personEmail
	personIdentity
	approvalPerson
	approvalAt
	approvalSource
	pullNumber
	pullTitle
	pullURL
	signatureStatus
	signatureFormat
	signatureFingerprint
	signatureSigner
	rewriteRef
	rewriteFrom
	rewriteTo
	rewriteNoticedAt

	// The parts of what is no record; the source is a *facetEntry, Highlight, translation, *attachment,
	// content.Problem, *content.View, *content.Collection or content.Reference.
	facetValueItself
	facetLabel
	facetCount
	facetShare
	highlightField
	highlightLang
	highlightText
	highlightParts
	highlightHTML
	translationLang
	translationText
	filePath
	fileSize
	fileURL
	problemCollection
	problemID
	problemPath
	problemLine
	problemColumn
	problemPointer
	problemRule
	problemSchemaPointer
	problemMessage
	viewKey
	viewCommit
	viewRef
	viewCommittedAt
	viewPublishedAt
	viewModelStale
	viewRecords
	viewUncommitted
	modelLanguages
	modelCollections
	collectionName
	collectionType
	collectionSchema
	collectionPath
	collectionTitle
	collectionLabel
	collectionSingular
	collectionPlural
	collectionLocalized
	collectionReferences
	referenceField
	referenceCollection
	referenceInverse

	// Proposals and what is done with them; the source is a proposal, content.Review,
	// content.Comment, content.ProposalEvent, spoken[*content.Check], content.APIChange,
	// *content.MergeConflict, result, validation, spoken[*content.Refusal] or
	// content.Referrer.
	proposalNumber
	proposalTitle
	proposalDescription
	proposalState
	proposalAuthor
	proposalBranch
	proposalTarget
	proposalHead
	proposalBase
	proposalRevision
	proposalMergedAs
	proposalOpenedAt
	proposalUpdatedAt
	proposalRequested
	proposalReviews
	proposalComments
	proposalEvents
	proposalURL
	proposalDiffs
	proposalRecord
	proposalChecks
	proposalMergeable
	proposalConflicts
	proposalFiles
	changedPath
	changedKind
	reviewPerson
	reviewVerdict
	reviewText
	reviewHead
	reviewStale
	reviewAt
	commentID
	commentPerson
	commentText
	commentAt
	eventKind
	eventActor
	eventAt
	eventHead
	eventText
	checkName
	checkStatus
	checkSummary
	checkProblems
	checkKnown
	checkAPI
	checkMissing
	apiSeverity
	apiCoordinate
	apiMessage
	conflictPath
	conflictCollection
	conflictID
	conflictField
	conflictBase
	conflictOurs
	conflictTheirs
	resultOK
	resultProposal
	resultRefusal
	validationOK
	validationProblems
	validationRefusal
	refusalReason
	refusalMessage
	refusalProblems
	refusalConflicts
	refusalReferrers
	refusalPaths
	refusalMissing
	referrerCollection
	referrerID
	referrerPath
	referrerField
	referrerTargetCollection
	referrerTargetID

	placeKinds // how many there are
)

// isRoot reports whether a place is a root field.
func (k placeKind) isRoot() bool { return k >= rootRecord && k <= rootMutation }

// isPast reports whether a place is the way to what happened, or to what is proposed: what
// it answers depends on more than the view.
func (k placeKind) isPast() bool {
	return k >= rootChanges && k <= rootProposal || k >= recordMovedTo && k <= recordProposals
}
