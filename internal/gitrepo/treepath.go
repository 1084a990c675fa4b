package gitrepo

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// checkTreePath refuses a path that no tree should hold: what verify_path in
// Git's read-cache.c refuses with core.protectHFS and core.protectNTFS, which
// guard those who check it out on macOS and Windows, and control characters.
func checkTreePath(path string, mode Mode) error {
	for i := range len(path) {
		if path[i] < ' ' || path[i] == 0x7f {
			return fmt.Errorf("path %q: %w: it holds a control character", clip(path), ErrUnsupported)
		}
	}
	if len(path) > maxTreePath {
		return fmt.Errorf("path %q: %w: more than %d bytes", clip(path), ErrUnsupported, maxTreePath)
	}
	for part := range strings.SplitSeq(path, "/") {
		if part == "" || part == "." || part == ".." || isDot(part, "git", "git~1") {
			return fmt.Errorf("path %q: %w: Git does not take %q as a part of it", clip(path), ErrUnsupported, part)
		}
		if mode == Symlink && isDot(part, "gitmodules", "gitmod~1", "gitmod~2", "gitmod~3", "gitmod~4") {
			return fmt.Errorf("path %q: %w: Git does not take it as a symbolic link", clip(path), ErrUnsupported)
		}
	}
	return nil
}

// maxTreePath is what Linux takes for a path.
const maxTreePath = 4095

// isDot tells whether some file system takes the name for "." and rest: for its
// case, for signs that HFS+ passes over, or for what NTFS does; short are the
// names that NTFS would give it beside its own.
func isDot(name, rest string, short ...string) bool {
	if hfsName(name) == "."+rest {
		return true
	}
	for part := range strings.SplitSeq(name, `\`) {
		part, _, _ = strings.Cut(part, ":")
		part = lower(strings.TrimRight(part, ". "))
		if part == "."+rest || rest == "gitmodules" && hashedShort(part) {
			return true
		}
		for _, s := range short {
			if part == s {
				return true
			}
		}
	}
	return false
}

// hfsName is a name as HFS+ compares it, as far as Git cares (next_hfs_char in
// its utf8.c): it ends where it is not UTF-8.
func hfsName(name string) string {
	var b strings.Builder
	for i, c := range name {
		if _, size := utf8.DecodeRuneInString(name[i:]); c == utf8.RuneError && size == 1 {
			break
		}
		switch {
		case 0x200c <= c && c <= 0x200f, 0x202a <= c && c <= 0x202e, 0x206a <= c && c <= 0x206f, c == 0xfeff:
		default:
			b.WriteRune(c)
		}
	}
	return lower(b.String())
}

// hashedShort tells a short name of .gitmodules that NTFS makes when the plain
// ones are taken: eight bytes, as far as they go of gi7eba, ~ and a number
// (is_ntfs_dot_generic in Git's path.c).
func hashedShort(name string) bool {
	start, number, ok := strings.Cut(name, "~")
	return ok && len(name) == 8 && strings.HasPrefix("gi7eba", start) && number[0] != '0' && strings.Trim(number, "0123456789") == ""
}
