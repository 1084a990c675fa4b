package content

import "slices"

// Role is what someone may do; each includes those before it.
type Role string

// The roles.
const (
	// RoleNone reads what is published.
	RoleNone Role = ""
	// RoleReader reads proposals, unpublished revisions and people's addresses too.
	RoleReader Role = "reader"
	// RoleEditor proposes and comments.
	RoleEditor Role = "editor"
	// RoleReviewer reviews.
	RoleReviewer Role = "reviewer"
	// RoleMaintainer merges, and closes what others proposed.
	RoleMaintainer Role = "maintainer"
)

// Roles are all roles, the one that may do least first.
var Roles = []Role{RoleNone, RoleReader, RoleEditor, RoleReviewer, RoleMaintainer}

// Allows reports whether r includes needed.
func (r Role) Allows(needed Role) bool { return slices.Index(Roles, r) >= slices.Index(Roles, needed) }

// Actor is who asks. The zero Actor is nobody: anyone.
type Actor struct {
	Person Person
	Role   Role
	// ID names the actor for good: an address or a login. It is "" for nobody.
	ID string
	// Token is that of the forge, which acts in the actor's name with it; "" elsewhere. It
	// is never logged or shown.
	Token string
}
