package content

import "slices"

// Role is what someone may do; each includes those before it.
type Role string

// The roles, the least first. A role that is none of them may do nothing.
const (
	// RoleNone reads what is published, without people's addresses.
	RoleNone Role = ""
	// RoleReader reads proposals, unpublished revisions and addresses too.
	RoleReader Role = "reader"
	// RoleEditor proposes edits and comments.
	RoleEditor Role = "editor"
	// RoleReviewer approves and refuses what others propose.
	RoleReviewer Role = "reviewer"
	// RoleMaintainer merges, and closes what others propose.
	RoleMaintainer Role = "maintainer"
)

// Roles are all roles that can be given, the least first.
func Roles() []Role { return []Role{RoleReader, RoleEditor, RoleReviewer, RoleMaintainer} }

// Allows reports whether a role includes the one needed. Everyone has RoleNone; a needed
// role that is none of the roles is had by nobody.
func (r Role) Allows(needed Role) bool {
	if needed == RoleNone {
		return true
	}
	rank := slices.Index(Roles(), needed)
	return rank >= 0 && slices.Index(Roles(), r) >= rank
}

// Actor is who asks. The zero value is somebody of whom nothing is known.
type Actor struct {
	// Person is how commits and reviews name the actor, with where that is known from.
	Person Person
	Role   Role
	// ID is stable: an address in lower case, or a login of the forge. It is what rate
	// limits and the rule that nobody approves their own proposal go by; "" where nothing
	// is known.
	ID string
	// Token is the forge's own, passed on to the forge; "" else. It is never logged or shown.
	Token string `json:"-"`
}

// String names the actor for logs, without the token.
func (a Actor) String() string {
	if a.ID == "" {
		return "anonymous"
	}
	return a.ID
}

// GoString is String: a token is in no dump either.
func (a Actor) GoString() string { return a.String() }
