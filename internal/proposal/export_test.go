package proposal

// The model and schemas of the repositories of tests, for those of package proposal_test:
// they need a forge, which imports this package.
const (
	WorldModel = worldModel
	WorldTheme = worldTheme
	WorldThing = worldThing
)
