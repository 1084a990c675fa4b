package cli

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/koonti/koonti/internal/catalog"
	"github.com/koonti/koonti/internal/content"
	"github.com/koonti/koonti/internal/gitrepo"
)

func (a *app) hook() *cobra.Command {
	c := &cobra.Command{
		Use:   "hook",
		Short: "Check what is committed or pushed, as a hook of Git",
		Long: `Git's hooks call these, once 'koonti git-setup' has written them. Only problems that
were not there before count: those of the commit that is built on, or of the branch
that is pushed to. What lies under refs/koonti/ is not taken from a push: who may push there
could forge approvals. A backup takes it with 'git config koonti.acceptProposalData true'.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(
		a.hookCommand("pre-commit", "Check what is staged, not what the files have now", a.preCommit),
		a.hookCommand("pre-receive", "Check what is pushed; its lines are read from standard input", a.preReceive),
	)
	return c
}

func (a *app) hookCommand(name, short string, run func(context.Context, content.Language) error) *cobra.Command {
	lang := ""
	c := &cobra.Command{
		Use:   name,
		Short: short,
		Long:  short + ` (githooks(5)).` + "\n\nExit code: 0 it may go on, 1 it has new problems, 2 it could not be checked.",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			spoken, err := language(lang)
			if err != nil {
				return err
			}
			return run(c.Context(), spoken)
		},
	}
	a.content(c)
	c.Flags().StringVar(&lang, "lang", "", "language of the messages: fi, sv or en (default: that of the environment)")
	return c
}

// hookWords are what hooks say, by language: which problems are new, that more are not
// shown, that the model is gone, what to do in the end, and that a ref is Koonti's own.
var hookWords = map[content.Language]struct{ one, many, more, noModel, mend, refused, own string }{
	"fi": {
		"%s: 1 uusi ongelma\n", "%s: %d uutta ongelmaa\n", "... ja %d muuta\n", "%s: malli (%s) puuttuisi\n",
		"Mitään ei talletettu. Korjaa, lisää (git add) ja yritä uudelleen.\n", "Mitään ei otettu vastaan. Korjaa, tee uusi commit ja lähetä uudelleen.\n",
		"%s: ehdotusten tiedot (kuka hyväksyi mitä) kirjoittaa vain palvelin. Lähetä haara proposals/NIMI; varmuuskopio ottaa ne vastaan, kun siellä on: git config koonti.acceptProposalData true\n",
	},
	"sv": {
		"%s: 1 nytt problem\n", "%s: %d nya problem\n", "... och %d till\n", "%s: modellen (%s) skulle saknas\n",
		"Inget sparades. Rätta, lägg till (git add) och försök igen.\n", "Inget togs emot. Rätta, gör en ny commit och skicka igen.\n",
		"%s: uppgifterna om förslag (vem som godkände vad) skrivs bara av servern. Skicka en gren proposals/NAMN; en säkerhetskopia tar emot dem med: git config koonti.acceptProposalData true\n",
	},
	"en": {
		"%s: 1 new problem\n", "%s: %d new problems\n", "... and %d more\n", "%s: the model (%s) would be gone\n",
		"Nothing was committed. Mend it, add it (git add) and try again.\n", "Nothing was received. Mend it, commit and push again.\n",
		"%s: what happened to proposals (who approved what) is written by the server alone. Push a branch proposals/NAME; a backup takes it with: git config koonti.acceptProposalData true\n",
	},
}

// lender makes a repository in an empty folder that it is given.
type lender func(dir string) (*gitrepo.Repo, error)

func (a *app) preCommit(ctx context.Context, lang content.Language) error {
	repo, err := a.open()
	if err != nil {
		return err
	}
	defer repo.Close()
	staged := func(dir string) (*gitrepo.Repo, error) { return repo.Staged(dir, os.Getenv("GIT_INDEX_FILE")) }
	_, head, err := repo.Head(ctx)
	if err != nil {
		return err
	}
	name := cmp.Or(filepath.Base(repo.WorkTree()), "HEAD")
	good, err := a.compare(ctx, comparison{name, staged, received(repo, head), head != ""}, lang)
	if err != nil || good {
		return err
	}
	fmt.Fprint(a.Err, hookWords[lang].mend)
	return errProblems
}

// received lends a commit with what a push brought; nil for none.
func received(repo *gitrepo.Repo, commit gitrepo.Hash) lender {
	if commit == "" {
		return nil
	}
	var quarantine []string
	for _, name := range []string{"GIT_OBJECT_DIRECTORY", "GIT_ALTERNATE_OBJECT_DIRECTORIES"} {
		quarantine = append(quarantine, filepath.SplitList(os.Getenv(name))...)
	}
	return func(dir string) (*gitrepo.Repo, error) { return repo.Received(dir, quarantine, commit) }
}

func (a *app) preReceive(ctx context.Context, lang content.Language) error {
	repo, err := a.open()
	if err != nil {
		return err
	}
	defer repo.Close()
	_, head, err := repo.Head(ctx)
	if err != nil {
		return err
	}
	allGood := true
	lines := bufio.NewScanner(a.In)
	for lines.Scan() {
		words := strings.SplitN(lines.Text(), " ", 3)
		if len(words) != 3 {
			return fmt.Errorf("%q is no line of a pre-receive hook: it has an old commit, a new one and a ref", lines.Text())
		}
		was, now, ref := none(words[0]), none(words[1]), words[2]
		if strings.HasPrefix(ref, ownRefs) {
			refused, err := a.refuseOwn(repo, ref, lang)
			if err != nil {
				return err
			}
			allGood = allGood && !refused
			continue
		}
		branch, ok := strings.CutPrefix(ref, "refs/heads/")
		if !ok || now == "" {
			continue
		}
		good, err := a.compare(ctx, comparison{branch, received(repo, now), received(repo, cmp.Or(was, head)), was != ""}, lang)
		if err != nil {
			return fmt.Errorf("check %s: %w", ref, err)
		}
		allGood = allGood && good
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("read what is pushed: %w", err)
	}
	if !allGood {
		fmt.Fprint(a.Err, hookWords[lang].refused)
		return errProblems
	}
	return nil
}

// ownRefs is where Koonti keeps what happened to proposals: who approved what, and the
// heads that a branch had. Whoever may push there could write it anew.
const ownRefs = "refs/koonti/"

// acceptOwn is the variable of Git's configuration that lets pushes to ownRefs in.
const acceptOwn = "koonti.acceptproposaldata"

// refuseOwn says why a ref of Koonti's own is not taken from a push, unless this
// repository is one that takes it, such as a backup.
func (a *app) refuseOwn(repo *gitrepo.Repo, ref string, lang content.Language) (bool, error) {
	value, err := repo.Setting(acceptOwn)
	if err != nil {
		return false, fmt.Errorf("read the configuration: %w", err)
	}
	switch strings.ToLower(value) {
	case "true", "yes", "on", "1":
		return false, nil
	}
	fmt.Fprintf(a.Err, hookWords[lang].own, plain(ref))
	return true, nil
}

// none makes of the hash of zeros that Git writes for no commit none.
func none(hash string) gitrepo.Hash {
	if strings.Trim(hash, "0") == "" {
		return ""
	}
	return gitrepo.Hash(hash)
}

// shownProblems is how many problems a hook shows of one branch.
const shownProblems = 50

// comparison is what a hook looks at: name is for messages, before may be nil, and
// follows says that now takes the place of before.
type comparison struct {
	name        string
	now, before lender
	follows     bool
}

// compare tells the problems of now that before has not, and reports whether there are
// none. What has no model has no content to check, unless it takes the place of what
// had one.
func (a *app) compare(ctx context.Context, c comparison, lang content.Language) (good bool, err error) {
	report, done, err := a.examineLent(ctx, c.now)
	if err != nil {
		return false, err
	}
	defer done()
	if report != nil && len(report.Problems) == 0 || report == nil && !c.follows {
		return true, nil
	}
	var old *catalog.Report
	if c.before != nil {
		var doneOld func()
		if old, doneOld, err = a.examineLent(ctx, c.before); err != nil {
			return false, err
		}
		defer doneOld()
	}
	if report == nil {
		if old != nil {
			fmt.Fprintf(a.Err, hookWords[lang].noModel, plain(c.name), catalog.DefaultModel)
		}
		return old == nil, nil
	}
	problems := report.Problems
	var untouched []*content.Record
	if old != nil {
		problems, _ = content.NewProblems(old.Problems, problems)
		untouched = content.Invalidated(old.Snapshot, report.Snapshot)
	}
	if err := a.tellNew(ctx, c.name, report, problems, lang); err != nil {
		return false, err
	}
	tellUntouched(a.Err, untouched, problems, lang)
	return len(problems) == 0, nil
}

func (a *app) tellNew(ctx context.Context, name string, report *catalog.Report, problems []content.Problem, lang content.Language) error {
	words := hookWords[lang]
	for i, p := range problems {
		if i == shownProblems {
			fmt.Fprintf(a.Err, words.more, len(problems)-i)
			break
		}
		if err := writeProblem(a.Err, p, lang, report.Source(ctx, p.Path)); err != nil {
			return err
		}
	}
	switch len(problems) {
	case 0:
	case 1:
		fmt.Fprintf(a.Err, words.one, plain(name))
	default:
		fmt.Fprintf(a.Err, words.many, plain(name), len(problems))
	}
	return nil
}

// examineLent examines HEAD of what is lent. The report is nil where it has no model;
// the caller calls done when it needs it no more.
func (a *app) examineLent(ctx context.Context, lend lender) (report *catalog.Report, done func(), err error) {
	outside, err := a.outside()
	if err != nil {
		return nil, nil, err
	}
	dir, err := os.MkdirTemp("", "koonti-hook-")
	if err != nil {
		return nil, nil, err
	}
	repo, err := lend(dir)
	if err != nil {
		return nil, nil, errors.Join(err, os.RemoveAll(dir))
	}
	done = func() {
		repo.Close()
		os.RemoveAll(dir)
	}
	report, err = catalog.Examine(ctx, catalog.Config{Repo: repo, Model: outside}, "")
	if errors.Is(err, content.ErrNotFound) {
		return nil, done, nil
	}
	if err != nil {
		done()
		return nil, nil, err
	}
	return report, done, nil
}
