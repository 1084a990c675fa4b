package access

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/koonti/koonti/internal/content"
)

// cheap is a hash that costs little, for tests.
var cheap = phc{memory: 8, time: 1, threads: 1}

// a token that is right, with its line.
func given(id string, role content.Role, name, email string) (token, line string) {
	secret := strings.Repeat("s", secretChars)
	t := Token{ID: id, Role: role, Name: name, Email: email, hash: cheap.newHash(secret)}
	return prefix + id + "_" + secret, t.line() + "\n"
}

func TestParse(t *testing.T) {
	_, line := given("aaaaaaaa", content.RoleEditor, "Aino Virtanen", "aino@example.org")
	hash := strings.Fields(line)[3]
	with := func(place int, text string) string {
		fields := strings.SplitN(strings.TrimSpace(line), " ", 5)
		fields[place] = text
		return strings.Join(fields, " ") + "\n"
	}
	for _, tt := range []struct {
		name, text string
		tokens     int
		wrong      string
	}{
		{"nothing", "", 0, ""},
		{"comments and empty lines", "# who\n\n \t\n" + line + "  # more\n", 1, ""},
		{"no newline at the end", strings.TrimSpace(line), 1, ""},
		{"line ends of Windows, and tabs", strings.ReplaceAll(strings.ReplaceAll(line, " ", "\t "), "\n", "\r\n"), 1, ""},
		{"a last day", with(2, "2027-01-31"), 1, ""},
		{"a time", with(2, "2027-01-31T12:00:00+02:00"), 1, ""},
		{"the same id twice", line + "#\n" + line, 0, "line 3: the id aaaaaaaa is that of line 1 too"},
		{"another role", with(0, "admin"), 0, `line 1: "admin" is no role; there are reader, editor, reviewer, maintainer`},
		{"no role", with(0, ""), 0, "line 1"},
		{"another id", with(1, "Aaaaaaaa"), 0, "no id of a token"},
		{"no expiry", with(2, "soon"), 0, "no day"},
		{"another hash", with(3, "$2b$12$abc"), 0, "the hash is none"},
		{"a hash of another kind", with(3, strings.Replace(hash, "argon2id", "argon2i", 1)), 0, "the hash is none"},
		{"a hash too dear", with(3, strings.Replace(hash, "m=8,", "m=4194304,", 1)), 0, "the hash asks for m=4194304"},
		{"a hash for which the library panics", with(3, strings.Replace(hash, "t=1,", "t=0,", 1)), 0, "at least t=1"},
		{"a hash cut short", with(3, hash[:len(hash)-4]), 0, "the hash is none"},
		{"no name", with(4, "<aino@example.org>"), 0, "has 5 parts"},
		{"a name of dots", with(4, "... <aino@example.org>"), 0, "has no letters"},
		{"a name with an address in it", with(4, "Aino <x@example.org> <aino@example.org>"), 0, "cannot have"},
		{"a name that turns what follows", with(4, "Aino \u202e <aino@example.org>"), 0, "cannot have"},
		{"no address", with(4, "Aino Virtanen"), 0, "must end with the <e-mail>"},
		{"an address that is none", with(4, "Aino <aino>"), 0, "is no e-mail address"},
		{"a line after good ones", line + "editor\n", 0, "line 2: a line has role"},
		{"too long", strings.Repeat("#\n", maxFile), 0, "over 1048576 bytes"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tokens, err := Parse(tt.text)
			if len(tokens) != tt.tokens || (err != nil) != (tt.wrong != "") {
				t.Fatalf("%d tokens, %v", len(tokens), err)
			}
			if err == nil {
				return
			}
			if !strings.Contains(err.Error(), tt.wrong) || !errors.Is(err, content.ErrInvalid) && !errors.Is(err, content.ErrTooLarge) {
				t.Errorf("%v; want %q", err, tt.wrong)
			}
			if strings.Contains(err.Error(), hash[len(hash)-20:]) {
				t.Errorf("a hash is told: %v", err)
			}
		})
	}
}

func TestATokenEndsAfterItsLastDay(t *testing.T) {
	end, err := parseExpiry("2027-01-31")
	if err != nil {
		t.Fatal(err)
	}
	token := Token{Expires: end}
	for at, want := range map[string]bool{"2027-01-31T23:59:59Z": false, "2027-02-01T00:00:00Z": true} {
		when, _ := time.Parse(time.RFC3339, at)
		if token.Expired(when) != want {
			t.Errorf("expired at %s: %v", at, !want)
		}
	}
}

func TestAddListRemove(t *testing.T) {
	path := filepath.Join(t.TempDir(), "new", "tokens")
	aino := Token{Role: content.RoleEditor, Name: "Aino Virtanen", Email: "Aino@example.org"}
	token, id, err := Add(path, aino)
	if err != nil {
		t.Fatal(err)
	}
	if gotID, secret, ok := cutToken(token); !ok || gotID != id || len(secret) != 52 {
		t.Fatalf("the token %q of %q", token, id)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("%v %v", info.Mode(), err)
	}
	text, err := os.ReadFile(path)
	if err != nil || strings.Contains(string(text), token[len(token)-20:]) || !strings.Contains(string(text), "$argon2id$v=19$m=65536,t=3,p=4$") {
		t.Fatalf("%s %v", text, err)
	}
	if err := os.WriteFile(path, []byte("# mine\n"+strings.TrimSpace(string(text))+"\n\n# last"), 0o640); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, 0o640); err != nil {
		t.Fatal(err)
	}
	second := Token{Role: content.RoleMaintainer, Name: "Aino Virtanen", Email: "aino@example.org", Expires: time.Date(2027, 2, 1, 0, 0, 0, 0, time.UTC)}
	_, other, err := Add(path, second)
	if err != nil {
		t.Fatal(err)
	}
	list, err := List(path)
	if err != nil || len(list) != 2 {
		t.Fatalf("%v %v", list, err)
	}
	var ambiguous *AmbiguousError
	if _, err := Remove(path, "aino@EXAMPLE.org"); !errors.As(err, &ambiguous) || len(ambiguous.Tokens) != 2 {
		t.Errorf("%v", err)
	}
	if _, err := Remove(path, "Eino"); !errors.Is(err, content.ErrNotFound) {
		t.Errorf("%v", err)
	}
	if gone, err := Remove(path, id); err != nil || gone.ID != id || gone.Role != content.RoleEditor {
		t.Errorf("%v %v", gone, err)
	}
	if list, err := List(path); err != nil || len(list) != 1 || list[0].ID != other || !list[0].Expires.Equal(second.Expires) {
		t.Errorf("%v %v", list, err)
	}
	after, _ := os.ReadFile(path)
	if info, _ := os.Stat(path); !strings.HasPrefix(string(after), "# mine\n") || !strings.Contains(string(after), "\n# last\n") || info.Mode().Perm() != 0o640 {
		t.Errorf("%v\n%s", info.Mode(), after)
	}
	if left, _ := filepath.Glob(path + "*"); len(left) != 1 {
		t.Errorf("left behind: %v", left)
	}
}

func TestNothingIsWrittenOverAFileThatIsWrong(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tokens")
	if err := os.WriteFile(path, []byte("editor nonsense\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	var line *LineError
	if _, _, err := Add(path, Token{Role: content.RoleEditor, Name: "Aino", Email: "a@example.org"}); !errors.As(err, &line) || line.Line != 1 {
		t.Errorf("%v", err)
	}
	if text, _ := os.ReadFile(path); string(text) != "editor nonsense\n" {
		t.Errorf("%s", text)
	}
	if _, err := Remove(filepath.Join(t.TempDir(), "none"), "x"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%v", err)
	}
}

func TestALinkStaysALink(t *testing.T) {
	dir := t.TempDir()
	real, link := filepath.Join(dir, "real"), filepath.Join(dir, "tokens")
	if err := errors.Join(os.WriteFile(real, nil, 0o600), os.Symlink(real, link)); err != nil {
		t.Fatal(err)
	}
	if _, _, err := Add(link, Token{Role: content.RoleEditor, Name: "Aino", Email: "a@example.org"}); err != nil {
		t.Fatal(err)
	}
	if target, err := os.Readlink(link); err != nil || target != real {
		t.Errorf("%s %v", target, err)
	}
	if list, err := List(real); err != nil || len(list) != 1 {
		t.Errorf("%v %v", list, err)
	}
}

func TestTwoWhoWriteLoseNothing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tokens")
	var group sync.WaitGroup
	for range 4 {
		group.Go(func() {
			if err := edit(path, func(text string, _ []Token) (string, error) {
				_, line := given(random(idBytes), content.RoleReader, "Eino", "eino@example.org")
				return text + line, nil
			}); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	if list, err := List(path); err != nil || len(list) != 4 {
		t.Errorf("%d tokens, %v", len(list), err)
	}
}

func TestALockLeftBehindIsNamed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tokens")
	if err := os.WriteFile(path+".lock", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	_, _, err := Add(path, Token{Role: content.RoleReader, Name: "Aino", Email: "a@example.org"})
	if !errors.Is(err, content.ErrUnavailable) || !strings.Contains(err.Error(), path+".lock") {
		t.Errorf("%v", err)
	}
}

// FuzzParse: what is read is written as it was, or means the same; no line makes the
// hash panic.
func FuzzParse(f *testing.F) {
	_, line := given("aaaaaaaa", content.RoleEditor, "Aino Virtanen", "aino@example.org")
	_, other := given("b2345677", content.RoleReader, "Eino", "e@example.org")
	for _, seed := range []string{"", "#\n", line, line + other, strings.Replace(line, never, "2027-01-31", 1), strings.Replace(line, "t=1", "t=0", 1), "a b c d e f", "\x00", "\u2028"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		tokens, err := Parse(text)
		if err != nil {
			return
		}
		var again strings.Builder
		for _, token := range tokens {
			again.WriteString(token.line() + "\n")
			if token.hash.memory <= 1024 && token.hash.time <= 2 {
				token.hash.of("x")
			}
		}
		reread, err := Parse(again.String())
		if err != nil {
			t.Fatalf("%q is written as %q: %v", text, again.String(), err)
		}
		if diff := cmp.Diff(tokens, reread, cmp.AllowUnexported(Token{}, phc{})); diff != "" {
			t.Error(diff)
		}
		for _, token := range tokens {
			if without(again.String(), token.ID) == again.String() {
				t.Errorf("the line of %s stays", token.ID)
			}
		}
	})
}
