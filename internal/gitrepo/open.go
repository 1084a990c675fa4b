package gitrepo

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/go-git/go-git/v5/plumbing/transport"
	lru "github.com/hashicorp/golang-lru/v2"
)

// Repo is an open repository. All its methods may be called from any
// goroutine. What it hands out is immutable: byte slices may be shared with
// its caches and must not be written to.
type Repo struct {
	cfg       Config
	workTree  string // "" when bare
	gitDir    string
	commonDir string

	store  *store
	peeled *lru.Cache[oid, oid] // tag or commit -> commit; zero for what is neither
	packed packedCache
	reach  [2]reach // by extent
	line   line
	cut    shallowCache

	remote   *transport.Endpoint // what Mirror was given, its password too
	fetching sync.Mutex          // one fetch at a time
}

// Open opens the repository at path: a work tree or a folder inside one, a
// linked work tree, a bare repository, or a .git folder.
//
// ErrNotRepository when neither path nor a folder above it is one;
// ErrUnsupported, naming cause and cure, for the formats that cannot be read
// (sha256, partial clones, reftable, extensions not known).
func Open(path string, cfg Config) (*Repo, error) {
	dirs, err := discover(path)
	if err != nil {
		return nil, err
	}
	conf, err := dirs.settings()
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	if err := supported(conf); err != nil {
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	r := &Repo{
		cfg:       cfg.withDefaults(),
		workTree:  dirs.worktreeOf(conf),
		gitDir:    dirs.git,
		commonDir: dirs.common,
	}
	r.peeled, err = lru.New[oid, oid](1 << 16)
	if err != nil {
		return nil, err
	}
	r.store = newStore(filepath.Join(dirs.common, "objects"), r.cfg)
	if err := r.store.reload(nil); err != nil {
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	return r, nil
}

// Close lets go of the files held open. Reads after it fail.
func (r *Repo) Close() error { return r.store.close() }

// WorkTree is the absolute root of the work tree, "" in a bare repository.
func (r *Repo) WorkTree() string { return r.workTree }

// GitDir is the repository's own folder; of a linked work tree, its part.
func (r *Repo) GitDir() string { return r.gitDir }

// CommonDir is the folder that all work trees of the repository share.
func (r *Repo) CommonDir() string { return r.commonDir }

// layout is where the parts of a repository lie.
type layout struct {
	work   string // the folder that holds .git; "" when opened as a bare one
	git    string
	common string
}

// discover climbs from path to the root of the file system, as Git does.
func discover(path string) (layout, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return layout{}, fmt.Errorf("open %s: %w", path, err)
	}
	// The real path, because the folders above a link are not those above its target.
	real, err := filepath.EvalSymlinks(abs)
	if err != nil {
		return layout{}, fmt.Errorf("open %s: %w: %w", path, ErrNotRepository, err)
	}
	for dir := real; ; dir = filepath.Dir(dir) {
		l, ok, err := layoutAt(dir)
		if err != nil {
			return layout{}, fmt.Errorf("open %s: %w", path, err)
		}
		if ok {
			return l, nil
		}
		if dir == filepath.Dir(dir) {
			return layout{}, fmt.Errorf("open %s: %w, nor is any folder above it: "+
				"name a repository, or make one with `git init`", path, ErrNotRepository)
		}
	}
}

// layoutAt tells whether dir is the root of a work tree or itself a repository.
func layoutAt(dir string) (layout, bool, error) {
	dot := filepath.Join(dir, ".git")
	info, err := os.Stat(dot)
	switch {
	case err == nil && info.IsDir():
		if l, ok := gitFolder(dot); ok {
			l.work = dir
			return l, true, nil
		}
	case err == nil:
		l, err := linked(dir, dot)
		return l, err == nil, err
	}
	l, ok := gitFolder(dir)
	if !ok {
		return layout{}, false, nil
	}
	if l.git != l.common {
		l.work = linkedRoot(l.git)
	} else if filepath.Base(dir) == ".git" {
		l.work = filepath.Dir(dir)
	}
	return l, true, nil
}

// linked reads a .git file, which names the repository of a linked work tree or
// of a submodule. It being wrong is an error: nothing above it is meant.
func linked(dir, dot string) (layout, error) {
	data, err := os.ReadFile(dot)
	if err != nil {
		return layout{}, err
	}
	target, ok := strings.CutPrefix(string(data), "gitdir: ")
	if !ok {
		return layout{}, fmt.Errorf("%w: %s does not begin with \"gitdir: \"", ErrNotRepository, dot)
	}
	git := resolvePath(dir, strings.TrimRight(target, "\r\n"))
	l, ok := gitFolder(git)
	if !ok {
		return layout{}, fmt.Errorf("%w: %s names %s, which is none: `git worktree repair` mends a moved one",
			ErrNotRepository, dot, git)
	}
	l.work = dir
	return l, nil
}

// gitFolder tells whether dir is a repository by what Git itself looks for.
func gitFolder(dir string) (layout, bool) {
	if info, err := os.Lstat(filepath.Join(dir, "HEAD")); err != nil || info.IsDir() {
		return layout{}, false
	}
	common := dir
	if data, err := os.ReadFile(filepath.Join(dir, "commondir")); err == nil {
		common = resolvePath(dir, strings.TrimRight(string(data), "\r\n"))
	}
	for _, name := range []string{"objects", "refs"} {
		if info, err := os.Stat(filepath.Join(common, name)); err != nil || !info.IsDir() {
			return layout{}, false
		}
	}
	return layout{git: dir, common: common}, true
}

// linkedRoot finds the work tree of a folder .git/worktrees/<name>.
func linkedRoot(git string) string {
	data, err := os.ReadFile(filepath.Join(git, "gitdir"))
	if err != nil {
		return ""
	}
	return filepath.Dir(resolvePath(git, strings.TrimRight(string(data), "\r\n")))
}

func resolvePath(base, path string) string {
	if filepath.IsAbs(path) {
		return filepath.Clean(path)
	}
	return filepath.Join(base, filepath.FromSlash(path))
}

// worktreeOf is the root of the work tree once the configuration had its say.
func (l layout) worktreeOf(conf settings) string {
	if l.git != l.common { // core.bare and core.worktree speak of the main one
		return l.work
	}
	if conf.boolean("core.bare", false) {
		return ""
	}
	if path := conf.last("core.worktree"); path != "" {
		return resolvePath(l.git, path)
	}
	return l.work
}

// supported refuses what would be read wrongly or not at all.
func supported(conf settings) error {
	if format := conf.last("extensions.objectformat"); format != "" && !strings.EqualFold(format, "sha1") {
		return fmt.Errorf("%w: its objects are named with %s, only sha1 is read: "+
			"convert it with `git fast-export --all` into a repository made with `git init --object-format=sha1`",
			ErrUnsupported, format)
	}
	if remote := promisor(conf); remote != "" {
		return fmt.Errorf("%w: it is a partial clone, whose missing objects only git can fetch from %s: "+
			"clone it again without --filter, or run `git fetch --refetch --no-filter %s` and remove "+
			"extensions.partialClone and the remote's promisor setting", ErrUnsupported, remote, remote)
	}
	if storage := conf.last("extensions.refstorage"); storage != "" && !strings.EqualFold(storage, "files") {
		return fmt.Errorf("%w: its refs are kept as %s, only files are read: run `git refs migrate --ref-format=files`",
			ErrUnsupported, storage)
	}
	return knownFormat(conf)
}

// promisor names the remote that a partial clone would fetch from.
func promisor(conf settings) string {
	if remote := conf.last("extensions.partialclone"); remote != "" {
		return remote
	}
	for _, key := range conf.keys() {
		name, ok := strings.CutPrefix(key, "remote.")
		if !ok {
			continue
		}
		if name, ok = strings.CutSuffix(name, ".promisor"); ok && conf.boolean(key, false) {
			return name
		}
	}
	return ""
}

// knownFormat holds to gitformat's rule: who meets a version or an extension
// that it does not know must not touch the repository.
func knownFormat(conf settings) error {
	version := conf.last("core.repositoryformatversion")
	if version != "" && version != "0" && version != "1" {
		return fmt.Errorf("%w: repository format %s, only 0 and 1 are read", ErrUnsupported, version)
	}
	if version != "1" {
		return nil
	}
	known := []string{"noop", "objectformat", "partialclone", "preciousobjects", "refstorage",
		"relativeworktrees", "worktreeconfig"}
	for _, key := range conf.keys() {
		if name, ok := strings.CutPrefix(key, "extensions."); ok && !slices.Contains(known, name) {
			return fmt.Errorf("%w: repository extension %q is not known here", ErrUnsupported, name)
		}
	}
	return nil
}

// missing tells absence from failure; a file in the way of a folder is absence too.
func missing(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || notDirectory(err)
}
