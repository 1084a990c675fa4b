package access

import (
	"cmp"
	"crypto/rand"
	"encoding/base32"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/koonti/koonti/internal/content"
)

// Token is one line of the file of tokens: who has it, and what it lets them do. The
// file has lines of
//
//	<role> <id> <expires> <hash> <name> <<e-mail>>
//
// with blanks between; expires is a day, which is the last one, a time (RFC 3339), or
// "never". Lines that are empty or begin with # are left alone. It may be edited by hand:
// a line that is taken out revokes its token, a role that is changed counts at once.
type Token struct {
	ID    string
	Role  content.Role
	Name  string
	Email string
	// Expires is when it ends, not included; zero for never.
	Expires time.Time
	hash    phc
}

// Expired reports whether the token is of no use any more.
func (t Token) Expired(now time.Time) bool { return !t.Expires.IsZero() && !now.Before(t.Expires) }

func (t Token) actor() content.Actor {
	return content.Actor{
		Person: content.Person{Name: t.Name, Email: t.Email, Identity: content.IdentityToken},
		Role:   t.Role, ID: strings.ToLower(t.Email),
	}
}

func (t Token) line() string {
	return fmt.Sprintf("%s %s %s %s %s <%s>", t.Role, t.ID, t.expires(), t.hash, t.Name, t.Email)
}

const never = "never"

func (t Token) expires() string {
	if t.Expires.IsZero() {
		return never
	}
	return t.Expires.UTC().Format(time.RFC3339)
}

// Bounds of the file.
const (
	maxFile   = 1 << 20
	maxTokens = 2000
)

// LineError says which line of the file of tokens is wrong. It never holds the line.
type LineError struct {
	Line   int
	Reason error
}

func (e *LineError) Error() string { return fmt.Sprintf("line %d: %v", e.Line, e.Reason) }
func (e *LineError) Unwrap() error { return e.Reason }

// Parse reads the text of a file of tokens, in its order. What is wrong is a *LineError
// that wraps content.ErrInvalid, or content.ErrTooLarge.
func Parse(text string) ([]Token, error) {
	if len(text) > maxFile {
		return nil, fmt.Errorf("the file of tokens is over %d bytes: %w", maxFile, content.ErrTooLarge)
	}
	var tokens []Token
	ids := map[string]int{}
	number := 0
	for line := range strings.Lines(text) {
		number++
		if isComment(line) {
			continue
		}
		t, err := parseLine(line)
		if err == nil && ids[t.ID] > 0 {
			err = fmt.Errorf("the id %s is that of line %d too: %w", t.ID, ids[t.ID], content.ErrInvalid)
		}
		if err == nil && len(tokens) == maxTokens {
			err = fmt.Errorf("more than %d tokens: %w", maxTokens, content.ErrTooLarge)
		}
		if err != nil {
			return nil, &LineError{number, err}
		}
		ids[t.ID] = number
		tokens = append(tokens, t)
	}
	return tokens, nil
}

func isComment(line string) bool {
	line = strings.TrimSpace(line)
	return line == "" || line[0] == '#'
}

func parseLine(line string) (Token, error) {
	fields := strings.Fields(line)
	if len(fields) < 6 {
		return Token{}, fmt.Errorf("a line has role, id, expiry, hash, name and <e-mail>, this has %d parts: %w", len(fields), content.ErrInvalid)
	}
	role, err := ParseRole(fields[0])
	if err != nil {
		return Token{}, err
	}
	t := Token{Role: role, ID: fields[1], Name: strings.Join(fields[4:len(fields)-1], " ")}
	if !isID(t.ID) {
		return Token{}, fmt.Errorf("%q is no id of a token: %w", clip(t.ID), content.ErrInvalid)
	}
	if t.Expires, err = parseExpiry(fields[2]); err != nil {
		return Token{}, err
	}
	if t.hash, err = parsePHC(fields[3]); err != nil {
		return Token{}, err
	}
	email, opened := strings.CutPrefix(fields[len(fields)-1], "<")
	email, closed := strings.CutSuffix(email, ">")
	if !opened || !closed {
		return Token{}, fmt.Errorf("the line must end with the <e-mail>: %w", content.ErrInvalid)
	}
	t.Email = email
	return t, checkPerson(t.Name, t.Email)
}

func parseExpiry(text string) (time.Time, error) {
	if text == never {
		return time.Time{}, nil
	}
	if day, err := time.Parse(time.DateOnly, text); err == nil {
		return day.AddDate(0, 0, 1), nil
	}
	at, err := time.Parse(time.RFC3339, text)
	if err != nil || at.IsZero() {
		return time.Time{}, fmt.Errorf("%q is no day (2027-01-31), no time (2027-01-31T12:00:00Z) and not %q: %w", clip(text), never, content.ErrInvalid)
	}
	return at.UTC(), nil
}

// maxLife is the longest life of a token that ends.
const maxLife = 100 * 365 * 24 * time.Hour

// ParseExpiry reads when a token is to end: "" for never, days (90d), what
// time.ParseDuration reads (12h), or a last day. It must lie ahead of now. The error wraps
// content.ErrInvalid.
func ParseExpiry(text string, now time.Time) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	end, err := parseExpiry(text)
	if err != nil {
		bad := fmt.Errorf("%q is no life of a token: say 90d, 12h or its last day, 2027-01-31: %w", clip(text), content.ErrInvalid)
		count, isDays := strings.CutSuffix(text, "d")
		if isDays {
			count += "h"
		}
		life, err := time.ParseDuration(count)
		if err != nil || life > maxLife || isDays && life > maxLife/24 {
			return time.Time{}, bad
		}
		if isDays {
			life *= 24
		}
		end = now.Add(life).Truncate(time.Second)
	}
	if !end.IsZero() && !end.After(now) {
		return time.Time{}, fmt.Errorf("%s is over already: %w", clip(text), content.ErrInvalid)
	}
	return end, nil
}

// Ids and secrets are of letters and digits that cannot be taken for one another, so that
// a double click marks a token whole.
var letters = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

// prefix lets programs that look for secrets in public places know ours.
const prefix = "koonti_"

const (
	idBytes, secretBytes   = 5, 32
	idLetters, secretChars = 8, 52
)

func random(n int) string {
	data := make([]byte, n)
	rand.Read(data)
	return letters.EncodeToString(data)
}

func isID(text string) bool { return len(text) == idLetters && isLetters(text) }

func isLetters(text string) bool {
	return strings.Trim(text, "abcdefghijklmnopqrstuvwxyz234567") == ""
}

// cutToken takes a token apart; false for what cannot be one.
func cutToken(text string) (id, secret string, ok bool) {
	rest, ok := strings.CutPrefix(text, prefix)
	if !ok {
		return "", "", false
	}
	id, secret, ok = strings.Cut(rest, "_")
	return id, secret, ok && isID(id) && len(secret) == secretChars && isLetters(secret)
}

// DefaultFile is where tokens are kept unless another file is named: koonti/tokens in the
// user's folder of configuration. The error wraps content.ErrNotFound.
func DefaultFile() (string, error) {
	dir := os.Getenv("XDG_CONFIG_HOME")
	if !filepath.IsAbs(dir) { // XDG Base Directory Specification: others are to be ignored
		var err error
		if dir, err = os.UserConfigDir(); err != nil {
			return "", fmt.Errorf("find the folder of configuration: %w: %w", err, content.ErrNotFound)
		}
	}
	return filepath.Join(dir, "koonti", "tokens"), nil
}

// heading begins a new file.
const heading = `# Tokens of Koonti: role, id, expiry, hash, name, <e-mail>. 'koonti token add' writes them.
# A line taken out revokes its token, a role changed counts at once: reader, editor, reviewer, maintainer.
`

// Add gives a token to someone, which is returned and is nowhere else: the file has its
// hash. Its ID is chosen here. A file that is not there is made, for its owner alone. The
// error wraps content.ErrInvalid where the person or the file is wrong, and
// content.ErrUnavailable where another process is writing the file.
func Add(path string, t Token) (token string, id string, err error) {
	if err := checkPerson(t.Name, t.Email); err != nil {
		return "", "", err
	}
	if _, err := ParseRole(string(t.Role)); err != nil {
		return "", "", err
	}
	secret := random(secretBytes)
	t.hash = usual.newHash(secret)
	err = edit(path, func(text string, known []Token) (string, error) {
		for t.ID = random(idBytes); slices.ContainsFunc(known, func(k Token) bool { return k.ID == t.ID }); {
			t.ID = random(idBytes)
		}
		if len(known) == maxTokens {
			return "", fmt.Errorf("there are %d tokens already: %w", maxTokens, content.ErrTooLarge)
		}
		if text == "" {
			text = heading
		}
		if !strings.HasSuffix(text, "\n") {
			text += "\n"
		}
		return text + t.line() + "\n", nil
	})
	if err != nil {
		return "", "", err
	}
	return prefix + t.ID + "_" + secret, t.ID, nil
}

// List reads the tokens of a file, by name and then by id. The error wraps fs.ErrNotExist
// where there is no file.
func List(path string) ([]Token, error) {
	data, err := readFile(path)
	if err != nil {
		return nil, err
	}
	tokens, err := Parse(string(data))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	slices.SortFunc(tokens, func(a, b Token) int { return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.ID, b.ID)) })
	return tokens, nil
}

// AmbiguousError says which tokens a name may mean.
type AmbiguousError struct {
	Name   string
	Tokens []Token
}

func (e *AmbiguousError) Error() string {
	ids := make([]string, len(e.Tokens))
	for i, t := range e.Tokens {
		ids[i] = t.ID
	}
	return fmt.Sprintf("%q has %d tokens: %s", e.Name, len(ids), strings.Join(ids, ", "))
}

// Remove takes the token out that has an id, or a name or an address. It returns what it
// took out; the error wraps content.ErrNotFound where there is none, and is an
// *AmbiguousError where there are several, of which none is taken out.
func Remove(path, name string) (Token, error) {
	if _, err := os.Stat(path); err != nil {
		return Token{}, fmt.Errorf("read the tokens: %w", err)
	}
	var gone Token
	err := edit(path, func(text string, known []Token) (string, error) {
		found := slices.DeleteFunc(slices.Clone(known), func(t Token) bool {
			return t.ID != name && t.Name != name && !strings.EqualFold(t.Email, name)
		})
		if i := slices.IndexFunc(known, func(t Token) bool { return t.ID == name }); i >= 0 {
			found = known[i : i+1]
		}
		switch len(found) {
		case 0:
			return "", fmt.Errorf("nobody has a token by the name, address or id %q: %w", clip(name), content.ErrNotFound)
		case 1:
			gone = found[0]
			return without(text, gone.ID), nil
		}
		return "", &AmbiguousError{name, found}
	})
	return gone, err
}

// without leaves out the line of a token.
func without(text, id string) string {
	var kept strings.Builder
	for line := range strings.Lines(text) {
		if fields := strings.Fields(line); isComment(line) || fields[1] != id {
			kept.WriteString(line)
		}
	}
	return kept.String()
}

// edit replaces the file of tokens as a whole: under a lock of the kind that Git uses, a
// file beside it that becomes the new one. Comments are kept.
func edit(path string, change func(text string, known []Token) (string, error)) (err error) {
	if real, err := filepath.EvalSymlinks(path); err == nil {
		path = real // else a link would become a file
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return fmt.Errorf("make a folder for the tokens: %w", err)
	}
	lock, err := lockFile(path + ".lock")
	if err != nil {
		return err
	}
	defer func() {
		lock.Close()
		if err != nil {
			os.Remove(lock.Name())
		}
	}()
	text, err := readFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	known, err := Parse(string(text))
	if err != nil {
		return fmt.Errorf("read %s: %w", path, err)
	}
	next, err := change(string(text), known)
	if err != nil {
		return err
	}
	if info, err := os.Stat(path); err == nil {
		if err := lock.Chmod(info.Mode().Perm()); err != nil {
			return fmt.Errorf("write the tokens: %w", err)
		}
	}
	if _, err := lock.WriteString(next); err != nil {
		return fmt.Errorf("write the tokens: %w", err)
	}
	if err := errors.Join(lock.Sync(), lock.Close()); err != nil {
		return fmt.Errorf("write the tokens: %w", err)
	}
	if err := os.Rename(lock.Name(), path); err != nil {
		return fmt.Errorf("write the tokens: %w", err)
	}
	return nil
}

// lockPatience is how long another process may take to write the file.
const lockPatience = 2 * time.Second

func lockFile(name string) (*os.File, error) {
	for begun := time.Now(); ; time.Sleep(20 * time.Millisecond) {
		f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
		if err == nil {
			return f, nil
		}
		if !errors.Is(err, fs.ErrExist) {
			return nil, fmt.Errorf("write the tokens: %w", err)
		}
		if time.Since(begun) > lockPatience {
			return nil, fmt.Errorf("another process is writing the tokens; if there is none, remove %s: %w", name, content.ErrUnavailable)
		}
	}
}

// readFile reads a file of tokens, no longer than it may be.
func readFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read the tokens: %w", err)
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, fmt.Errorf("read the tokens: %w", err)
	}
	return text, nil
}
