package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/koonti/koonti/internal/catalog"
	"github.com/koonti/koonti/internal/check"
	"github.com/koonti/koonti/internal/content"
	"github.com/koonti/koonti/internal/gitrepo"
)

// driverFlags are the flags of koonti merge-driver.
type driverFlags struct {
	path, lang string
	ancestor   bool
}

func (a *app) mergeDriver() *cobra.Command {
	var flags driverFlags
	c := &cobra.Command{
		Use:   "merge-driver BASE OURS THEIRS --path PATH",
		Short: "Merge two versions of a record field by field, for Git",
		Long: `Git runs this where it merges records, once 'koonti git-setup' has told it to
(gitattributes(5), "Defining a custom merge driver"). What one side left as it was is
taken from the other: field by field, items of a list by their key, sets value by
value; a list without a key is one value. The result is written to OURS in canonical
text.

Where both sides changed one place, the file keeps the value of ours, without any
marks: it can be read and served, and Git does not commit it until you have chosen.
Both values are told. While Git rebases, ours is the branch that you rebase onto.

Exit code: 0 merged, 1 some places need a choice, 2 not merged at all: OURS is as it
was.`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 3 || flags.path == "" {
				return &hintError{errors.New("say BASE, OURS, THEIRS and --path"), "Git does: run 'koonti git-setup' once in the repository."}
			}
			return nil
		},
		RunE: func(c *cobra.Command, args []string) error {
			return a.runMergeDriver(c.Context(), args[0], args[1], args[2], flags)
		},
	}
	a.content(c)
	c.Flags().StringVar(&flags.path, "path", "", "where the record lies in the repository")
	c.Flags().StringVar(&flags.lang, "lang", "", "language of the messages: fi, sv or en (default: that of the environment)")
	c.Flags().BoolVar(&flags.ancestor, "ancestor", false, "merge for a common ancestor that nobody sees: a place in conflict gets a value that no side has")
	return c
}

func (a *app) runMergeDriver(ctx context.Context, base, ours, theirs string, flags driverFlags) error {
	lang, err := language(flags.lang)
	if err != nil {
		return err
	}
	err = a.merge(ctx, base, ours, theirs, lang, flags)
	if err == nil || errors.Is(err, errProblems) {
		return err
	}
	words := mergeWords[lang]
	return &hintError{fmt.Errorf("%s: %s: %w", plain(flags.path), words.notMerged, explain(err)), fmt.Sprintf(words.byHand, shellWord(":3:"+flags.path), shellWord(flags.path))}
}

func (a *app) merge(ctx context.Context, base, ours, theirs string, lang content.Language, flags driverFlags) error {
	model, collection, err := a.collectionOf(ctx, flags.path)
	if err != nil {
		return err
	}
	three, err := readThree(base, ours, theirs)
	if err != nil {
		return err
	}
	var choose func(content.Conflict) (*content.Value, bool)
	if flags.ancestor {
		choose = undecided
	}
	differ := content.NewDiffer(collection)
	merged, conflicts := differ.Merge(three[0], three[1], three[2], choose)
	text := content.Format(merged, collection.Root, model.Languages)
	if err := os.WriteFile(ours, []byte(text), 0o666); err != nil {
		return fmt.Errorf("write the merged record: %w", err)
	}
	if len(conflicts) == 0 {
		return nil
	}
	written, err := content.Parse(text)
	if err != nil {
		written = nil // over a limit: the places have no lines
	}
	teller := conflictTeller{a.Err, mergeWords[lang], flags.path, text, func(at content.Pointer) (content.Pointer, bool) {
		return differ.Trace(written, three[1], at)
	}, written}
	for _, c := range conflicts {
		teller.tell(c)
	}
	fmt.Fprintf(a.Err, mergeWords[lang].next, shellWord(flags.path))
	return errProblems
}

// undecided settles a conflict by a value that no record has, so that in the merge that
// the ancestor is made for no side seems to have left the place as it was.
func undecided(c content.Conflict) (*content.Value, bool) {
	both := &content.Value{Kind: content.Object}
	add := func(name string, v *content.Value) {
		if v != nil {
			kid := *v
			kid.Name = name
			both.Kids = append(both.Kids, kid)
		}
	}
	add("<<<<<<< ours", c.Ours)
	add(">>>>>>> theirs", c.Theirs)
	return both, true
}

// readThree reads the three versions; the first is nil where its file is empty: there
// was no record.
func readThree(paths ...string) (three [3]*content.Value, err error) {
	for i, path := range paths {
		file, err := os.Open(path)
		if err != nil {
			return three, fmt.Errorf("read a version of the record: %w", err)
		}
		source, err := io.ReadAll(io.LimitReader(file, content.MaxBytes+1))
		if err = errors.Join(err, file.Close()); err != nil {
			return three, fmt.Errorf("read a version of the record: %w", err)
		}
		if i == 0 && len(source) == 0 {
			continue
		}
		if three[i], err = content.Parse(string(source)); err != nil {
			return three, fmt.Errorf("%s: %w", []string{"base", "ours", "theirs"}[i], err)
		}
	}
	return three, nil
}

// collectionOf returns the collection whose records lie where path is, with the shape
// of its records, by the model and schemas that are there now: in the work tree, or in
// HEAD where there is none.
func (a *app) collectionOf(ctx context.Context, path string) (*content.Model, *content.Collection, error) {
	repo, err := a.open()
	if err != nil {
		return nil, nil, err
	}
	defer repo.Close()
	read := currentFiles(ctx, repo)
	model, err := a.modelAlone(read)
	if err != nil {
		return nil, nil, err
	}
	collection, _ := model.Match(path)
	if collection == nil {
		return nil, nil, errors.New("no collection of the model has its records there; 'koonti git-setup' names the places anew")
	}
	schema, problems := check.CompileSchema(collection.Schema, read)
	if schema == nil {
		return nil, nil, &catalog.ModelUnusableError{Problems: problems}
	}
	check.NewChecker(model, map[content.CollectionName]*check.Schema{collection.Name: schema})
	return model, collection, nil
}

// modelAlone reads the model without its schemas: no shapes are known.
func (a *app) modelAlone(read check.Read) (*content.Model, error) {
	outside, err := a.outside()
	if err != nil {
		return nil, err
	}
	if outside == nil {
		source, err := read(catalog.DefaultModel)
		if err != nil {
			return nil, fmt.Errorf("read the model: %w", err)
		}
		outside = &catalog.OutsideModel{Name: catalog.DefaultModel, Source: source}
	}
	model, problems := check.ReadModel(outside.Name, outside.Source)
	if model == nil {
		return nil, explain(&catalog.ModelUnusableError{Problems: problems})
	}
	return model, nil
}

// currentFiles reads files of the work tree and nothing outside it, or of HEAD where
// there is no work tree.
func currentFiles(ctx context.Context, repo *gitrepo.Repo) check.Read {
	if repo.WorkTree() == "" {
		return func(name string) (string, error) { return atHead(ctx, repo, name) }
	}
	return func(name string) (string, error) {
		root, err := os.OpenRoot(repo.WorkTree())
		if err != nil {
			return "", err
		}
		defer root.Close()
		file, err := root.Open(name)
		if err != nil {
			return "", err
		}
		defer file.Close()
		source, err := io.ReadAll(io.LimitReader(file, content.MaxBytes+1))
		return lineFeeds(string(source)), err
	}
}

func atHead(ctx context.Context, repo *gitrepo.Repo, name string) (string, error) {
	_, head, err := repo.Head(ctx)
	if err != nil {
		return "", err
	}
	commit, err := repo.Commit(ctx, head)
	if err != nil {
		return "", err
	}
	entry, err := repo.Lookup(ctx, commit.Tree, name)
	if err != nil {
		return "", err
	}
	source, err := repo.Blob(ctx, entry.Hash)
	return string(source), err
}

// mergeText is what koonti merge-driver says in one language.
type mergeText struct {
	conflict, base, ours, theirs, absent string
	// next is what to do about conflicts, byHand about a file that was not merged.
	next, notMerged, byHand string
}

var mergeWords = map[content.Language]mergeText{
	"fi": {
		"kummallakin puolella on muutettu kohtaa %s", "ennen", "meidän", "heidän", "(ei mitään)",
		"Tiedostossa on näissä kohdissa meidän arvomme. Valitse tai kirjoita oikea arvo, ja sitten: git add %s\n",
		"ei yhdistetty, tiedostossa on vain meidän versiomme",
		"Toisen puolen version näyttää: git show %s\nYhdistä käsin, ja sitten: git add %s",
	},
	"sv": {
		"båda sidorna har ändrat %s", "före", "vår", "deras", "(inget)",
		"Filen har på dessa ställen vårt värde. Välj eller skriv det rätta, och sedan: git add %s\n",
		"inte sammanslagen, filen har bara vår version",
		"Den andra sidans version visas av: git show %s\nSlå ihop för hand, och sedan: git add %s",
	},
	"en": {
		"both sides changed %s", "base", "ours", "theirs", "(nothing)",
		"The file has the value of ours in these places. Choose or write the right one, then: git add %s\n",
		"not merged, the file has our version alone",
		"To see the version of the other side: git show %s\nMerge by hand, then: git add %s",
	},
}

// conflictTeller tells conflicts to people.
type conflictTeller struct {
	out    io.Writer
	words  mergeText
	path   string
	text   string // as written
	placed func(ours content.Pointer) (content.Pointer, bool)
	root   *content.Value // of text; nil where it cannot be read again
}

func (t *conflictTeller) tell(c content.Conflict) {
	place := t.path
	if line := t.line(c); line > 0 {
		place = fmt.Sprintf("%s:%d", t.path, line)
	}
	field := string(c.Pointer)
	if field == "" {
		field = "/"
	}
	fmt.Fprintf(t.out, "%s: "+t.words.conflict+"\n", plain(place), plain(field))
	writeSides(t.out, t.words, c.Base, c.Ours, c.Theirs)
}

// shownWidth is how much of a value is shown, in columns.
const shownWidth = 300

// line is where ours stands in the text written; 0 where it does not.
func (t *conflictTeller) line(c content.Conflict) int {
	if t.root == nil || c.Ours == nil {
		return 0
	}
	at, ok := t.placed(c.Pointer)
	if !ok {
		return 0
	}
	line, _ := content.Position(t.text, int(t.root.At(at).Start))
	return line
}

// shellWord is text as one word of a shell's command line.
func shellWord(text string) string {
	if text != "" && !strings.ContainsFunc(text, special) {
		return text
	}
	return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
}

// special are the characters that a shell may make something of.
func special(r rune) bool {
	return r > '~' || r < '0' && !strings.ContainsRune("-./+,", r) || strings.ContainsRune(";<=>?[\\]^`{|}", r)
}
