package gitea

import (
	"time"

	sdk "code.gitea.io/sdk/gitea"

	"github.com/koonti/koonti/internal/content"
)

// personTime is how long a name and an address are believed.
const personTime = 10 * time.Minute

// person is a user as c sees them: one answer shows an address that another hides, so
// that all ask the same question. Where it is not answered, u is what is known.
func (f *Forge) person(c *sdk.Client, u *sdk.User) content.Person {
	if u == nil || u.UserName == "" {
		return content.Person{Name: "Ghost", Identity: content.IdentityForge} // as Gitea calls who is gone
	}
	if p, ok := f.people.Get(u.UserName); ok {
		return p
	}
	full, _, err := c.GetUserInfo(u.UserName)
	if err != nil {
		return personOf(u)
	}
	p := personOf(full)
	f.people.Add(u.UserName, p)
	return p
}

func personOf(u *sdk.User) content.Person {
	name := line(u.FullName, 256)
	if name == "" {
		name = line(u.UserName, 256)
	}
	return content.Person{Name: name, Email: line(u.Email, 256), Identity: content.IdentityForge}
}
