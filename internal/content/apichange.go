package content

import (
	"cmp"
	"slices"
)

// APISeverity says what a change of the API does to those who ask.
type APISeverity string

// The severities, as graphql-inspector classes changes (it says NON_BREAKING for
// APISafe).
const (
	// APIBreaking: a query that was right may be refused, or be answered with another
	// type.
	APIBreaking APISeverity = "BREAKING"
	// APIDangerous: every query stays right, but a client that took the types for
	// complete may meet what it does not know, such as a new value of an enum.
	APIDangerous APISeverity = "DANGEROUS"
	APISafe      APISeverity = "SAFE"
)

// APISeverities are all severities, the worst first.
var APISeverities = []APISeverity{APIBreaking, APIDangerous, APISafe}

// APIChange is one difference between the GraphQL types of two models.
type APIChange struct {
	Severity APISeverity
	// Coordinate is what changed: "Project", "Project.summary" (a field, an input field
	// or a value), "Query.projects.first" (an argument).
	Coordinate string
	// Message says it for developers, in English and in graphql-inspector's words.
	Message string
}

// SortAPIChanges orders changes by severity, the worst first, then by coordinate.
func SortAPIChanges(changes []APIChange) {
	slices.SortFunc(changes, func(a, b APIChange) int {
		return cmp.Or(
			cmp.Compare(slices.Index(APISeverities, a.Severity), slices.Index(APISeverities, b.Severity)),
			cmp.Compare(a.Coordinate, b.Coordinate), cmp.Compare(a.Message, b.Message),
		)
	})
}
