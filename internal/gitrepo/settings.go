package gitrepo

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// settings is Git's configuration: values by key, the last one wins. Keys are
// "section.name" or "section.subsection.name", section and name in lower case.
type settings map[string][]string

// maxIncludes is how deep include.path is followed, as in Git.
const maxIncludes = 10

func (s settings) last(key string) string {
	if v := s[key]; len(v) > 0 {
		return v[len(v)-1]
	}
	return ""
}

func (s settings) keys() []string {
	keys := make([]string, 0, len(s))
	for key := range s {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}

// boolean reads a value as git-config(1) does; one that is no boolean is otherwise.
func (s settings) boolean(key string, otherwise bool) bool {
	if len(s[key]) == 0 {
		return otherwise
	}
	switch strings.ToLower(s.last(key)) {
	case "true", "yes", "on":
		return true
	case "false", "no", "off", "":
		return false
	}
	if n, err := strconv.Atoi(s.last(key)); err == nil {
		return n != 0
	}
	return otherwise
}

// settings reads what the repository itself is configured to be.
func (l layout) settings() (settings, error) {
	s := settings{}
	if err := s.read(filepath.Join(l.common, "config"), l, 0); err != nil {
		return nil, err
	}
	if s.boolean("extensions.worktreeconfig", false) {
		return s, s.read(filepath.Join(l.git, "config.worktree"), l, 0)
	}
	return s, nil
}

// effective reads all layers as Git would: system, user, repository.
func (l layout) effective() (settings, error) {
	s := settings{}
	for _, path := range outerConfigs() {
		if err := s.read(path, l, 0); err != nil {
			return nil, err
		}
	}
	own, err := l.settings()
	if err != nil {
		return nil, err
	}
	for key, values := range own {
		s[key] = append(s[key], values...)
	}
	return s, nil
}

// outerConfigs are the configuration files outside the repository, weakest first.
func outerConfigs() []string {
	var paths []string
	if !isTrue(os.Getenv("GIT_CONFIG_NOSYSTEM")) {
		if path, ok := os.LookupEnv("GIT_CONFIG_SYSTEM"); ok {
			paths = append(paths, path)
		} else {
			paths = append(paths, "/etc/gitconfig")
		}
	}
	if path, ok := os.LookupEnv("GIT_CONFIG_GLOBAL"); ok {
		return append(paths, path)
	}
	if dir := xdgConfig(); dir != "" {
		paths = append(paths, filepath.Join(dir, "git", "config"))
	}
	if home, err := os.UserHomeDir(); err == nil {
		paths = append(paths, filepath.Join(home, ".gitconfig"))
	}
	return paths
}

func isTrue(value string) bool {
	return settings{"x": {value}}.boolean("x", false) && value != ""
}

func xdgConfig() string {
	if dir := os.Getenv("XDG_CONFIG_HOME"); dir != "" {
		return dir
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return ""
	}
	return filepath.Join(home, ".config")
}

// read adds a file, and those that it includes where it includes them. A file
// that is absent, or that may not be read, adds nothing.
func (s settings) read(path string, l layout, depth int) error {
	if path == "" || depth > maxIncludes {
		return nil
	}
	data, err := os.ReadFile(path)
	if missing(err) || errors.Is(err, fs.ErrPermission) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read git configuration: %w", err)
	}
	err = parseConfig(string(data), func(key, value string) error {
		s[key] = append(s[key], value)
		return s.include(key, value, path, l, depth)
	})
	if err != nil {
		return fmt.Errorf("read git configuration %s: %w", path, err)
	}
	return nil
}

// include follows include.path, and includeIf where its condition holds.
func (s settings) include(key, value, from string, l layout, depth int) error {
	if key != "include.path" {
		condition, ok := strings.CutPrefix(key, "includeif.")
		if !ok || !strings.HasSuffix(condition, ".path") {
			return nil
		}
		if !l.holds(strings.TrimSuffix(condition, ".path"), from) {
			return nil
		}
	}
	return s.read(resolvePath(filepath.Dir(from), expandHome(value)), l, depth+1)
}

// holds tests a condition on the place of the repository, or on the branch, as
// git-config(1) says. That on the URLs of remotes never holds here.
func (l layout) holds(condition, from string) bool {
	if pattern, ok := strings.CutPrefix(condition, "onbranch:"); ok {
		head, err := os.ReadFile(filepath.Join(l.git, "HEAD"))
		branch, ok := strings.CutPrefix(strings.TrimSpace(string(head)), "ref: refs/heads/")
		return err == nil && ok && wildmatch(allBelow(pattern), branch, 0)
	}
	pattern, ok := strings.CutPrefix(condition, "gitdir:")
	var flags wildFlag
	if !ok {
		if pattern, ok = strings.CutPrefix(condition, "gitdir/i:"); !ok {
			return false
		}
		flags = wildFold
	}
	pattern = filepath.ToSlash(expandHome(pattern))
	switch {
	case strings.HasPrefix(pattern, "./"):
		pattern = filepath.ToSlash(filepath.Dir(from)) + pattern[1:]
	case !filepath.IsAbs(filepath.FromSlash(pattern)):
		pattern = "**/" + pattern
	}
	return wildmatch(allBelow(pattern), filepath.ToSlash(l.git), flags)
}

// allBelow makes a pattern that ends with a slash match all below it.
func allBelow(pattern string) string {
	if strings.HasSuffix(pattern, "/") {
		return pattern + "**"
	}
	return pattern
}

func expandHome(path string) string {
	rest, ok := strings.CutPrefix(path, "~/")
	if !ok {
		return path
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return path
	}
	return filepath.Join(home, rest) + trailingSlash(rest)
}

// trailingSlash keeps what filepath.Join drops: in a pattern it means all below.
func trailingSlash(path string) string {
	if strings.HasSuffix(path, "/") {
		return "/"
	}
	return ""
}
