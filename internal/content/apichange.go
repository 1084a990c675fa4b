package content

// APISeverity says what a change of the GraphQL API means for those who ask it.
type APISeverity string

// The severities, the worst first. They are the values of GraphQL's enum APISeverity.
const (
	// APIBreaking: queries that worked do not work any more.
	APIBreaking APISeverity = "BREAKING"
	// APIDangerous: queries still work, but clients may meet what they do not expect.
	APIDangerous APISeverity = "DANGEROUS"
	APISafe      APISeverity = "SAFE"
)

// APIChange is one difference between the GraphQL APIs of two models.
type APIChange struct {
	Severity APISeverity
	// Coordinate names the place: "Project.summary", "Query.projects(where:)".
	Coordinate string
	// Message says it in English.
	Message string
}
