package content

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

func TestEachRoleIncludesThoseBeforeIt(t *testing.T) {
	all := append([]Role{RoleNone}, Roles()...)
	for i, has := range all {
		for j, needed := range all {
			if got, want := has.Allows(needed), i >= j; got != want {
				t.Errorf("%q.Allows(%q) = %v, want %v", has, needed, got, want)
			}
		}
	}
}

func TestAnUnknownRoleMayDoNothingAndIsHadByNobody(t *testing.T) {
	if Role("root").Allows(RoleReader) {
		t.Error("an unknown role may read what is not published")
	}
	if RoleMaintainer.Allows("root") || Role("root").Allows("root") {
		t.Error("somebody has a role that is none")
	}
}

func TestNoFormatPrintsTheTokenOfAnActor(t *testing.T) {
	a := Actor{Person: Person{Name: "Aino", Email: "aino@example.org"}, Role: RoleEditor, ID: "aino", Token: "hush"}
	for _, format := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x"} {
		for _, value := range []any{a, &a, []Actor{a}, struct{ A Actor }{a}} {
			if text, err := json.Marshal(value); err != nil || strings.Contains(string(text), "hush") {
				t.Errorf("JSON prints the token: %s, %v", text, err)
			}
			if got := fmt.Sprintf(format, value); strings.Contains(got, "hush") || strings.Contains(got, fmt.Sprintf("%x", "hush")) {
				t.Errorf("%s prints the token: %s", format, got)
			}
		}
	}
}
