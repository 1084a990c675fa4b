package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/koonti/koonti/internal/access"
	"github.com/koonti/koonti/internal/content"
)

func (a *app) token() *cobra.Command {
	c := &cobra.Command{
		Use:   "token",
		Short: "Say who may read what is not published, and who may write",
		Long: `Tokens let people and programs read proposals, unpublished revisions and people's
addresses, and write. Each has a role; a role includes those before it: reader, editor
(proposes), reviewer (approves), maintainer (merges). The file of tokens holds no secret,
only its hash, and may be edited by hand: a running server sees each change at once.`,
		Args: func(c *cobra.Command, args []string) error { return unknownCommand(c, args) },
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(a.tokenAdd(), a.tokenList(), a.tokenRemove())
	return c
}

// tokenFlags are the flags of koonti token add.
type tokenFlags struct{ file, email, role, expires string }

func (a *app) tokenAdd() *cobra.Command {
	var flags tokenFlags
	c := &cobra.Command{
		Use:   "add NAME",
		Short: "Give someone a token, which is shown this once",
		Long: `Gives a token to NAME, who is the author of what is written with it, and prints it:
it is shown this once, and nothing but its hash is kept.`,
		Example: `  koonti token add "Aino Virtanen" --email aino@example.org --role editor
  koonti token add importer --email importer@example.org --role editor --expires 90d`,
		Args: oneArg("say whose token it is", `For example: koonti token add "Aino Virtanen" --email aino@example.org --role editor`),
		RunE: func(_ *cobra.Command, args []string) error { return a.runTokenAdd(args[0], flags, time.Now()) },
	}
	addTokens(c, &flags.file)
	c.Flags().StringVar(&flags.email, "email", "", "e-mail address, as it is in commits")
	c.Flags().StringVar(&flags.role, "role", "", "reader, editor, reviewer or maintainer")
	c.Flags().StringVar(&flags.expires, "expires", "", "how long it holds (90d, 12h) or its last day (2027-01-31); default: for good")
	c.MarkFlagRequired("email")
	c.MarkFlagRequired("role")
	return c
}

func oneArg(missing, hint string) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		if len(args) != 1 {
			return &hintError{errors.New(missing), hint}
		}
		return nil
	}
}

func (a *app) runTokenAdd(name string, flags tokenFlags, now time.Time) error {
	path, err := tokensFile(flags.file)
	if err != nil {
		return &hintError{err, "Name a file with --tokens."}
	}
	t := access.Token{Name: name, Email: flags.email}
	if t.Role, err = access.ParseRole(flags.role); err != nil {
		return err
	}
	if t.Expires, err = access.ParseExpiry(flags.expires, now); err != nil {
		return err
	}
	token, id, err := access.Add(path, t)
	if err != nil {
		return err
	}
	fmt.Fprintln(a.Out, token)
	fmt.Fprintf(a.Err, "The token %s of %s <%s>, %s, is in %s. It is not shown again; send it as \"Authorization: Bearer ...\".\n", id, t.Name, t.Email, t.Role, path)
	return nil
}

func (a *app) tokenList() *cobra.Command {
	var file string
	c := &cobra.Command{
		Use:   "list",
		Short: "Show who has tokens",
		Args:  noArgs,
		RunE:  func(*cobra.Command, []string) error { return a.runTokenList(file, time.Now()) },
	}
	addTokens(c, &file)
	return c
}

func (a *app) runTokenList(file string, now time.Time) error {
	path, err := tokensFile(file)
	if err != nil {
		return &hintError{err, "Name a file with --tokens."}
	}
	tokens, err := access.List(path)
	if err != nil && !(errors.Is(err, fs.ErrNotExist) && file == "") {
		return err
	}
	if len(tokens) == 0 {
		fmt.Fprintln(a.Out, "Nobody has a token.")
		return nil
	}
	w := tabwriter.NewWriter(a.Out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "ID\tROLE\tENDS\tWHO")
	for _, t := range tokens {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s <%s>\n", t.ID, t.Role, ends(t, now), t.Name, t.Email)
	}
	return w.Flush()
}

func ends(t access.Token, now time.Time) string {
	switch {
	case t.Expires.IsZero():
		return "never"
	case t.Expired(now):
		return "has ended"
	}
	return t.Expires.UTC().Format("2006-01-02 15:04 UTC")
}

func (a *app) tokenRemove() *cobra.Command {
	var file string
	c := &cobra.Command{
		Use:     "remove NAME|ID",
		Short:   "Take a token back",
		Example: "  koonti token remove \"Aino Virtanen\"\n  koonti token remove k7f3q2ab",
		Args:    oneArg("say which token", "Give the id that 'koonti token list' shows, or a name."),
		RunE:    func(_ *cobra.Command, args []string) error { return a.runTokenRemove(args[0], file) },
	}
	addTokens(c, &file)
	return c
}

func (a *app) runTokenRemove(name, file string) error {
	path, err := tokensFile(file)
	if err != nil {
		return &hintError{err, "Name a file with --tokens."}
	}
	gone, err := access.Remove(path, name)
	var several *access.AmbiguousError
	switch {
	case errors.As(err, &several):
		return &hintError{err, "Say which by its id."}
	case errors.Is(err, content.ErrNotFound), errors.Is(err, fs.ErrNotExist):
		return &hintError{err, "'koonti token list' shows who has one."}
	case err != nil:
		return err
	}
	fmt.Fprintf(a.Out, "The token %s of %s <%s> opens nothing any more.\n", gone.ID, gone.Name, gone.Email)
	return nil
}
