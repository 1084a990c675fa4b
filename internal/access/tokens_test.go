package access

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/koonti/koonti/internal/content"
)

// kept is a file of tokens that a server has open.
type kept struct {
	t      *testing.T
	path   string
	log    bytes.Buffer
	tokens *Tokens
}

func newKept(t *testing.T, text string) *kept {
	t.Helper()
	k := &kept{t: t, path: filepath.Join(t.TempDir(), "tokens")}
	k.write(text)
	var err error
	if k.tokens, err = OpenTokens(k.path, slog.New(slog.NewTextHandler(&k.log, nil))); err != nil {
		t.Fatal(err)
	}
	return k
}

func (k *kept) write(text string) {
	k.t.Helper()
	if err := os.WriteFile(k.path, []byte(text), 0o600); err != nil {
		k.t.Fatal(err)
	}
}

// who is whose a token is, "" for nobody's.
func (k *kept) who(token string) string {
	k.t.Helper()
	actor, err := k.tokens.Actor(k.t.Context(), token, here)
	if err != nil && !errors.Is(err, content.ErrUnauthenticated) {
		k.t.Fatal(err)
	}
	if err != nil && token != "" && strings.Contains(err.Error(), token) {
		k.t.Errorf("the error tells the token: %v", err)
	}
	return actor.ID + " " + string(actor.Role)
}

var here = netip.MustParseAddr("192.0.2.1")

func TestAFileIsFollowed(t *testing.T) {
	aino, ainoLine := given("aaaaaaaa", content.RoleEditor, "Aino", "Aino@example.org")
	eino, einoLine := given("bbbbbbbb", content.RoleReader, "Eino", "eino@example.org")
	k := newKept(t, ainoLine)
	other, _ := given("aaaaaaaa", content.RoleEditor, "Aino", "aino@example.org") // the same secret
	if other != aino {
		t.Fatal("the harness gives another secret")
	}
	for _, step := range []struct {
		name       string
		do         func()
		aino, eino string
	}{
		{"as it was opened", func() {}, "aino@example.org editor", " "},
		{"someone is added", func() { k.write("# new\n" + ainoLine + einoLine) }, "aino@example.org editor", "eino@example.org reader"},
		{"a role is changed", func() { k.write(strings.Replace(ainoLine, "editor", "maintainer", 1) + einoLine) }, "aino@example.org maintainer", "eino@example.org reader"},
		{"it is broken", func() { k.write(ainoLine + "nonsense\n") }, "aino@example.org maintainer", "eino@example.org reader"},
		{"it is mended, someone is taken out", func() { k.write(einoLine) }, " ", "eino@example.org reader"},
		{"a token ended", func() { k.write(ainoLine + strings.Replace(einoLine, never, "2020-01-31", 1)) }, "aino@example.org editor", " "},
		{"another secret for the same id", func() {
			k.write(Token{ID: "aaaaaaaa", Role: content.RoleReader, Name: "Aino", Email: "aino@example.org", hash: cheap.newHash("another")}.line() + "\n")
		}, " ", " "},
		{"the file is gone", func() { os.Remove(k.path) }, " ", " "},
		{"it is back", func() { k.write(ainoLine) }, "aino@example.org editor", " "},
	} {
		step.do()
		for range 2 { // the second time from what is kept
			if got := k.who(aino); got != step.aino {
				t.Errorf("%s: Aino is %q, want %q", step.name, got, step.aino)
			}
			if got := k.who(eino); got != step.eino {
				t.Errorf("%s: Eino is %q, want %q", step.name, got, step.eino)
			}
		}
	}
	if log := k.log.String(); strings.Count(log, "line 2") != 1 || strings.Contains(log, strings.Repeat("s", 10)) {
		t.Errorf("the log:\n%s", log)
	}
	if !k.tokens.Any() {
		t.Error("there were tokens")
	}
}

func TestAFileThatIsBrokenFromTheStartIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tokens")
	if err := os.WriteFile(path, []byte("\nnonsense\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenTokens(path, nil); !errors.Is(err, content.ErrInvalid) || !strings.Contains(err.Error(), path+": line 2") {
		t.Errorf("%v", err)
	}
}

func TestEmptyingTheFileGivesNobodyRights(t *testing.T) {
	_, line := given("aaaaaaaa", content.RoleEditor, "Aino", "aino@example.org")
	k := newKept(t, "")
	if k.tokens.Any() {
		t.Error("there are none yet")
	}
	k.write(line)
	if !k.tokens.Any() {
		t.Error("one was added")
	}
	k.write("")
	if !k.tokens.Any() {
		t.Error("there was one")
	}
}

func TestTokensThatAreNone(t *testing.T) {
	token, line := given("aaaaaaaa", content.RoleEditor, "Aino", "aino@example.org")
	k := newKept(t, line)
	for name, wrong := range map[string]string{
		"empty":          "",
		"no token":       "hunter2",
		"cut short":      token[:len(token)-1],
		"longer":         token + "a",
		"another secret": token[:len(token)-1] + "t",
		"another id":     strings.Replace(token, "aaaaaaaa", "bbbbbbbb", 1),
		"capitals":       strings.ToUpper(token),
		"no prefix":      strings.TrimPrefix(token, prefix),
		"a NUL":          token[:len(token)-1] + "\x00",
	} {
		if got := k.who(wrong); got != " " {
			t.Errorf("%s: %q", name, got)
		}
	}
	if got := k.who(token); got != "aino@example.org editor" {
		t.Errorf("afterwards: %q", got)
	}
}

func TestGuessingIsSlowedByAddress(t *testing.T) {
	token, line := given("aaaaaaaa", content.RoleEditor, "Aino", "aino@example.org")
	k := newKept(t, line)
	k.tokens.guesses = NewThrottle[netip.Prefix](time.Hour, 3)
	try := func(text, from string) error {
		_, err := k.tokens.Actor(context.Background(), text, netip.MustParseAddr(from))
		return err
	}
	if err := try(token, "2001:db8::1"); err != nil {
		t.Fatal(err)
	}
	for i := range 2 {
		if err := try(token[:len(token)-1]+string("tu"[i]), "2001:db8::1"); !errors.Is(err, content.ErrUnauthenticated) {
			t.Errorf("%v", err)
		}
	}
	var often *TooManyError
	if err := try(token[:len(token)-1]+"v", "2001:db8::ffff"); !errors.As(err, &often) || often.After <= 0 || !errors.Is(err, content.ErrTooMany) {
		t.Errorf("from the same network: %v", err)
	}
	if err := try(token, "2001:db8::1"); err != nil {
		t.Errorf("one who is known: %v", err)
	}
	if err := try(token[:len(token)-1]+"v", "2001:db8:0:1::1"); !errors.Is(err, content.ErrUnauthenticated) {
		t.Errorf("from elsewhere: %v", err)
	}
}

func TestTheSameTokenManyTimesAtOnceIsVerifiedOnce(t *testing.T) {
	token, line := given("aaaaaaaa", content.RoleEditor, "Aino", "aino@example.org")
	k := newKept(t, line)
	for range atOnce {
		k.tokens.turn <- struct{}{}
	}
	var group sync.WaitGroup
	for range 50 {
		group.Go(func() {
			if _, err := k.tokens.Actor(t.Context(), token, netip.AddrFrom4([4]byte{10, 0, 0, 1})); err != nil && !errors.Is(err, content.ErrTooMany) {
				t.Error(err)
			}
		})
	}
	time.Sleep(50 * time.Millisecond)
	for range atOnce {
		<-k.tokens.turn
	}
	group.Wait()
	if n := k.tokens.verified.Len(); n != 1 {
		t.Errorf("%d are kept", n)
	}
}

func TestAHashIsThatOfTheReference(t *testing.T) {
	// argon2 "somesalt" -id -t 2 -k 256 -p 1 of the reference implementation's test vectors.
	p, err := parsePHC("$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4")
	if err != nil {
		t.Fatal(err)
	}
	if !p.is("password") || p.is("Password") {
		t.Error("the hash is another")
	}
}
