package cli

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/koonti/koonti/internal/catalog"
	"github.com/koonti/koonti/internal/content"
	"github.com/koonti/koonti/internal/gitrepo"
)

// checkFlags are the flags of koonti check.
type checkFlags struct{ ref, base, lang, format string }

func (a *app) check() *cobra.Command {
	var flags checkFlags
	c := &cobra.Command{
		Use:   "check [PATH...]",
		Short: "Say what is wrong with the content",
		Long: `Checks the work tree, or the revision given with --ref: strict JSON, the schemas,
references, uniqueness, attachments, and the model itself. With paths, only the
problems of those files and folders are shown; all is checked all the same, since
a reference can break from the other side. With --base, only the problems that this
revision does not have: what a branch is answerable for, apart from what its target
already had.

Exit code: 0 nothing is wrong, 1 there are problems, 2 it could not be checked.`,
		Example: `  koonti check
  koonti check records/projects/digihelppi.json --lang fi
  koonti check --ref main --format json
  koonti check --base main            # only what is new against main
  koonti check --format github        # in a workflow: annotations on the lines
  koonti check --format gitlab > gl-code-quality-report.json`,
		RunE: func(c *cobra.Command, paths []string) error { return a.runCheck(c.Context(), paths, flags) },
	}
	a.content(c)
	c.Flags().StringVar(&flags.ref, "ref", "", "revision to check instead of the work tree: a branch, tag, commit or date")
	c.Flags().StringVar(&flags.base, "base", "", "revision whose problems do not count: only new ones are shown")
	c.Flags().StringVar(&flags.lang, "lang", "", "language of the messages: fi, sv or en (default: that of the environment)")
	c.Flags().StringVar(&flags.format, "format", "text", "text, json (one object a line), github (annotations) or gitlab (code quality report)")
	return c
}

func (a *app) runCheck(ctx context.Context, paths []string, flags checkFlags) error {
	lang, err := language(flags.lang)
	if err != nil {
		return err
	}
	show, ok := map[string]func(context.Context, *catalog.Report, []content.Problem, content.Language) error{
		"text": a.showText, "json": a.showJSON, "github": a.showGitHub, "gitlab": a.showGitLab,
	}[flags.format]
	if !ok {
		return fmt.Errorf("--format %s is not known: take text, json, github or gitlab", flags.format)
	}
	repo, report, err := a.examine(ctx, flags.ref)
	if err != nil {
		return err
	}
	defer repo.Close()
	wanted, err := a.below(repo, paths, flags.ref)
	if err != nil {
		return err
	}
	problems := report.Problems
	var untouched []*content.Record
	if flags.base != "" {
		base, before, err := a.examine(ctx, flags.base)
		if err != nil {
			return fmt.Errorf("check --base %s: %w", flags.base, err)
		}
		defer base.Close()
		problems, _ = content.NewProblems(before.Problems, problems)
		untouched = content.Invalidated(before.Snapshot, report.Snapshot)
	}
	problems = slices.DeleteFunc(slices.Clone(problems), func(p content.Problem) bool { return !wanted(p.Path) })
	if err := show(ctx, report, problems, lang); err != nil {
		return fmt.Errorf("write the problems: %w", err)
	}
	if flags.format == "text" {
		tellUntouched(a.Out, untouched, problems, lang)
	}
	if len(problems) > 0 {
		return errProblems
	}
	return nil
}

func (a *app) examine(ctx context.Context, revision string) (*gitrepo.Repo, *catalog.Report, error) {
	repo, err := a.openOwn()
	if err != nil {
		return nil, nil, err
	}
	outside, err := a.outside()
	if err == nil {
		var report *catalog.Report
		if report, err = catalog.Examine(ctx, catalog.Config{Repo: repo, Model: outside}, revision); err == nil {
			return repo, report, nil
		}
	}
	repo.Close()
	return nil, nil, err
}

// below returns which paths of the repository the arguments cover; all without
// arguments. They are relative to the current folder or, where a revision or a
// bare repository is checked, to the root of the repository.
func (a *app) below(repo *gitrepo.Repo, args []string, revision string) (func(string) bool, error) {
	if len(args) == 0 {
		return func(string) bool { return true }, nil
	}
	var roots []string
	for _, arg := range args {
		name := filepath.ToSlash(filepath.Clean(arg))
		if revision == "" && repo.WorkTree() != "" {
			var err error
			if name, err = inWorkTree(repo.WorkTree(), arg); err != nil {
				return nil, err
			}
		}
		roots = append(roots, name)
	}
	return func(path string) bool {
		return slices.ContainsFunc(roots, func(root string) bool {
			return root == "." || path == root || strings.HasPrefix(path, root+"/")
		})
	}, nil
}

// inWorkTree turns a path of the command line into one from the root of the
// repository. The file must exist.
func inWorkTree(root, arg string) (string, error) {
	full, err := filepath.Abs(arg)
	if err == nil {
		_, err = os.Lstat(full)
	}
	if err != nil {
		return "", fmt.Errorf("there is no file or folder %s", arg)
	}
	if dir, err := filepath.EvalSymlinks(filepath.Dir(full)); err == nil {
		full = filepath.Join(dir, filepath.Base(full))
	}
	if resolved, err := filepath.EvalSymlinks(root); err == nil {
		root = resolved
	}
	name, err := filepath.Rel(root, full)
	if err != nil || name == ".." || strings.HasPrefix(name, ".."+string(os.PathSeparator)) {
		return "", fmt.Errorf("%s is outside the repository %s", arg, root)
	}
	return filepath.ToSlash(name), nil
}

// summary texts of showText, by language: nothing wrong, one problem, several.
var summaries = map[content.Language][3]string{
	"fi": {"%d tietuetta tarkistettu, ei huomautettavaa.", "%d tietuetta tarkistettu, 1 ongelma.", "%d tietuetta tarkistettu, %d ongelmaa."},
	"sv": {"%d poster kontrollerade, inget att anmärka på.", "%d poster kontrollerade, 1 problem.", "%d poster kontrollerade, %d problem."},
	"en": {"%d records checked, nothing is wrong.", "%d records checked, 1 problem.", "%d records checked, %d problems."},
}

func (a *app) showText(ctx context.Context, report *catalog.Report, problems []content.Problem, lang content.Language) error {
	sources := map[string]string{}
	for _, p := range problems {
		if _, ok := sources[p.Path]; !ok {
			sources[p.Path] = report.Source(ctx, p.Path)
		}
		if err := writeProblem(a.Out, p, lang, sources[p.Path]); err != nil {
			return err
		}
	}
	texts := summaries[lang]
	line := fmt.Sprintf(texts[min(len(problems), 2)], []any{report.Records, len(problems)}[:1+min(len(problems), 2)/2]...)
	_, err := fmt.Fprintln(a.Out, line)
	return err
}

// untouchedWords say that records became invalid although nobody changed them, by
// language: one, several.
var untouchedWords = map[content.Language][2]string{
	"fi": {"1 tietue on ennallaan ja kelpasi ennen: malli tai skeema on muuttunut.\n", "%d tietuetta on ennallaan ja kelpasi ennen: malli tai skeema on muuttunut.\n"},
	"sv": {"1 post är som förut och dög då: modellen eller ett schema har ändrats.\n", "%d poster är som förut och dög då: modellen eller ett schema har ändrats.\n"},
	"en": {"1 record is as it was, and was valid: the model or a schema has changed.\n", "%d records are as they were, and were valid: the model or a schema has changed.\n"},
}

// tellUntouched says how many of the records that problems were found in are among
// those that a change of the model or of a schema made invalid.
func tellUntouched(w io.Writer, untouched []*content.Record, problems []content.Problem, lang content.Language) {
	shown := map[string]bool{}
	for _, p := range problems {
		shown[p.Path] = true
	}
	count := 0
	for _, r := range untouched {
		if shown[r.Path] {
			count++
		}
	}
	switch count {
	case 0:
	case 1:
		fmt.Fprint(w, untouchedWords[lang][0])
	default:
		fmt.Fprintf(w, untouchedWords[lang][1], count)
	}
}

// writeProblem writes the place, the message and the line with a caret below it.
func writeProblem(w io.Writer, p content.Problem, lang content.Language, source string) error {
	place := p.Path
	if p.Line > 0 {
		place = fmt.Sprintf("%s:%d:%d", p.Path, p.Line, p.Column)
	}
	if _, err := fmt.Fprintf(w, "%s: %s\n", place, p.Message(lang)); err != nil {
		return err
	}
	if line, caret := excerpt(source, p.Line, p.Column); line != "" {
		if _, err := fmt.Fprintf(w, "    %s\n    %s^\n", line, caret); err != nil {
			return err
		}
	}
	rule := p.Rule
	if p.SchemaPointer != "" {
		rule += " " + p.SchemaPointer
	}
	_, err := fmt.Fprintf(w, "    [%s]\n\n", rule)
	return err
}

// excerptWidth is how much of a long line is shown.
const excerptWidth = 100

// excerpt returns a line of source, shortened around the column, and the spaces
// that put a caret below it.
func excerpt(source string, line, column int) (text, indent string) {
	lines := strings.Split(source, "\n")
	if line < 1 || line > len(lines) || !utf8.ValidString(lines[line-1]) {
		return "", ""
	}
	runes := []rune(strings.TrimRight(lines[line-1], "\r"))
	for i, r := range runes {
		if r < ' ' || r == 0x7f {
			runes[i] = ' ' // a tab would put the caret elsewhere, an escape anything at all
		}
	}
	column = min(max(column, 1), len(runes)+1)
	from := max(0, column-excerptWidth*3/4)
	to := min(len(runes), from+excerptWidth)
	prefix := ""
	if from > 0 {
		prefix = "… "
	}
	return prefix + string(runes[from:to]), strings.Repeat(" ", column-1-from+utf8.RuneCountInString(prefix))
}

// problemLine is a problem as --format json has it.
type problemLine struct {
	Path          string                      `json:"path"`
	Line          int                         `json:"line,omitempty"`
	Column        int                         `json:"column,omitempty"`
	Pointer       *content.Pointer            `json:"pointer,omitempty"`
	Collection    content.CollectionName      `json:"collection,omitempty"`
	ID            content.ID                  `json:"id,omitempty"`
	Rule          string                      `json:"rule"`
	SchemaPointer string                      `json:"schemaPointer,omitempty"`
	Message       string                      `json:"message"`
	Messages      map[content.Language]string `json:"messages"`
}

func newProblemLine(p content.Problem, lang content.Language) problemLine {
	line := problemLine{p.Path, p.Line, p.Column, nil, p.Collection, p.ID, p.Rule, p.SchemaPointer, p.Message(lang), p.Messages}
	if p.Line > 0 {
		line.Pointer = &p.Pointer
	}
	return line
}

func (a *app) showJSON(_ context.Context, _ *catalog.Report, problems []content.Problem, lang content.Language) error {
	encoder := json.NewEncoder(a.Out)
	encoder.SetEscapeHTML(false)
	for _, p := range problems {
		if err := encoder.Encode(newProblemLine(p, lang)); err != nil {
			return err
		}
	}
	return nil
}

var (
	githubData     = strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A")
	githubProperty = strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A", ":", "%3A", ",", "%2C")
)

// showGitHub writes workflow commands, which become annotations on the lines.
func (a *app) showGitHub(_ context.Context, _ *catalog.Report, problems []content.Problem, lang content.Language) error {
	for _, p := range problems {
		place := "file=" + githubProperty.Replace(p.Path)
		if p.Line > 0 {
			place += fmt.Sprintf(",line=%d,col=%d", p.Line, p.Column)
		}
		if _, err := fmt.Fprintf(a.Out, "::error %s,title=%s::%s\n", place, githubProperty.Replace(p.Rule), githubData.Replace(p.Message(lang))); err != nil {
			return err
		}
	}
	return nil
}

// codeQuality is a problem in GitLab's code quality report.
type codeQuality struct {
	Description string `json:"description"`
	CheckName   string `json:"check_name"`
	Fingerprint string `json:"fingerprint"`
	Severity    string `json:"severity"`
	Location    struct {
		Path  string `json:"path"`
		Lines struct {
			Begin int `json:"begin"`
		} `json:"lines"`
	} `json:"location"`
}

// showGitLab writes a code quality report, which shows in merge requests. The
// fingerprint leaves out the line, so that a problem that only moved is no new one.
func (a *app) showGitLab(_ context.Context, _ *catalog.Report, problems []content.Problem, lang content.Language) error {
	report := make([]codeQuality, len(problems))
	seen := map[string]int{}
	for i, p := range problems {
		q := codeQuality{Description: p.Message(lang), CheckName: p.Rule, Severity: "major"}
		q.Location.Path, q.Location.Lines.Begin = p.Path, max(p.Line, 1)
		identity := p.Path + "\x00" + string(p.Pointer) + "\x00" + p.Rule
		seen[identity]++
		sum := sha256.Sum256(fmt.Appendf(nil, "%s\x00%d", identity, seen[identity]))
		q.Fingerprint = hex.EncodeToString(sum[:])
		report[i] = q
	}
	encoder := json.NewEncoder(a.Out)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	return encoder.Encode(report)
}
