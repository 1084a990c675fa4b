package cli

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"

	"github.com/spf13/cobra"

	"github.com/koonti/koonti/graphql"
	"github.com/koonti/koonti/internal/catalog"
	"github.com/koonti/koonti/internal/content"
	"github.com/koonti/koonti/internal/gitrepo"
	"github.com/koonti/koonti/internal/history"
	"github.com/koonti/koonti/internal/proposal"
	"github.com/koonti/koonti/internal/server"
)

// officeFlags say where proposals live on a server, and who is told of them.
type officeFlags struct {
	forge                                 string
	fourEyes                              bool
	onProposal, smtp, mailFrom, publicURL string
}

func (f *officeFlags) add(c *cobra.Command) {
	c.Flags().StringVar(&f.forge, "forge", "", "where proposals live: gitea=URL for pull requests of the Gitea or Forgejo that --remote is on; its service token is "+forgeToken+" of the environment (default: in the repository itself)")
	c.Flags().BoolVar(&f.fourEyes, "four-eyes", false, "nobody approves or merges their own proposal alone")
	c.Flags().StringVar(&f.onProposal, "on-proposal", "", "URL that a notice of each event of a proposal is posted to; signed with "+hookSecret+" of the environment")
	c.Flags().StringVar(&f.smtp, "smtp", "", "mail server for those whom proposals concern, smtp://user@host:port or smtps://; the password is "+smtpSecret+" of the environment")
	c.Flags().StringVar(&f.mailFrom, "mail-from", "", "address that mail comes from")
	c.Flags().StringVar(&f.publicURL, "public-url", "", "address of this server as others reach it, for links")
	c.MarkFlagsRequiredTogether("smtp", "mail-from")
}

// forgeToken and forgeHookSecret name the environment variables with the token of the
// service's account on the forge, and with what the forge signs its webhooks with.
const (
	forgeToken      = "KOONTI_FORGE_TOKEN"
	forgeHookSecret = "KOONTI_FORGE_HOOK_SECRET"
)

// smtpSecret names the environment variable with the password of --smtp.
const smtpSecret = "KOONTI_SMTP_PASSWORD"

// office is what a server needs for proposals. It is made before the catalog, which it
// gets with open.
type office struct {
	flags   officeFlags
	index   *history.Index
	cat     *catalog.Catalog
	service *proposal.Service
	herald  *server.Herald
}

// newOffice makes an office over a forge; shows says that the forge has a place where
// summaries are shown.
func newOffice(s *serving, forge proposal.Forge, shows bool) (*office, error) {
	o := &office{flags: s.flags.office, index: s.remembering.index}
	var err error
	if o.herald, err = o.newHerald(s.log); err != nil {
		return nil, err
	}
	cfg := proposal.Config{
		Repo: s.repo, Forge: forge, Content: o, Target: o.target, API: graphql.Compare, Owners: ownersOf(s.repo, s.outside), FourEyes: o.flags.fourEyes,
		Moved: o.moved, News: o.herald.News, Logger: s.log,
	}
	if shows {
		cfg.Summary, cfg.Poll = o.summary, s.flags.fetch
	}
	o.service = proposal.New(cfg)
	return o, nil
}

func (o *office) newHerald(log *slog.Logger) (*server.Herald, error) {
	if err := checkHook("--on-proposal", o.flags.onProposal, log); err != nil {
		return nil, err
	}
	cfg := server.HeraldConfig{URL: o.flags.onProposal, Secret: []byte(os.Getenv(hookSecret)), Public: o.flags.publicURL, Language: o.language, Logger: log}
	if o.flags.smtp != "" {
		var err error
		if cfg.Mail, err = server.NewMailer(server.MailConfig{Server: o.flags.smtp, Password: os.Getenv(smtpSecret), From: o.flags.mailFrom}); err != nil {
			return nil, &hintError{err, "See --smtp and --mail-from of 'koonti serve --help'."}
		}
	}
	return server.NewHerald(cfg), nil
}

// language is the first of the content that mails speak; English where they speak none.
func (o *office) language() content.Language {
	for _, lang := range o.cat.Current().Model.Languages {
		for _, spoken := range content.MessageLanguages {
			if lang == spoken {
				return lang
			}
		}
	}
	return "en"
}

func (o *office) target() string { return o.cat.Current().Ref }

// moved has a merge served before it is answered.
func (o *office) moved(ctx context.Context) {
	_, _ = o.cat.Reload(ctx) // a failure is the catalog's to tell, and to try again
}

// Own and At implement proposal.Content.
func (o *office) Own(ctx context.Context, commit content.Hash) (*content.View, error) {
	return o.cat.Own(ctx, commit)
}

// At implements proposal.Content.
func (o *office) At(ctx context.Context, revision string) (*content.View, error) {
	return o.cat.At(ctx, revision)
}

// ownersOf reads the owners in force at a commit.
func ownersOf(repo *gitrepo.Repo, outside *catalog.OutsideModel) proposal.OwnersOf {
	return func(ctx context.Context, commit content.Hash) (*content.Owners, *content.Model, error) {
		in, err := catalog.OwnersAt(ctx, catalog.Config{Repo: repo, Model: outside}, string(commit))
		if err != nil {
			return nil, nil, fmt.Errorf("read who must approve: %w", err)
		}
		return in.Owners, in.Model, nil
	}
}

// checkHook refuses an address that notices cannot be posted to.
func checkHook(flag, address string, log *slog.Logger) error {
	if address == "" {
		return nil
	}
	if !isWebAddress(address) {
		return errors.New(flag + " must be an http or https URL")
	}
	if os.Getenv(hookSecret) == "" {
		log.Warn("notices are not signed: set " + hookSecret + " to a secret shared with the one who is told")
	}
	return nil
}
