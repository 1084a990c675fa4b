package cli

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"

	"github.com/spf13/cobra"

	"github.com/koonti/koonti/internal/access"
	"github.com/koonti/koonti/internal/content"
	"github.com/koonti/koonti/internal/gitrepo"
)

// accessFlags say who may do what on a server.
type accessFlags struct {
	tokens, header, role, roleHeader string
	trusted                          []string
	open                             bool
}

func (f *accessFlags) add(c *cobra.Command) {
	addTokens(c, &f.tokens)
	c.Flags().StringVar(&f.header, "auth-header", "", "header in which an authenticating proxy says who asks: \"Name <e-mail>\", an address or a login; its secret is "+proxySecret+" of the environment")
	c.Flags().StringSliceVar(&f.trusted, "auth-trusted", []string{"127.0.0.0/8", "::1/128"}, "addresses of the proxy")
	c.Flags().StringVar(&f.role, "auth-role", string(content.RoleReader), "role of those whom the proxy names: reader, editor, reviewer or maintainer")
	c.Flags().StringVar(&f.roleHeader, "auth-role-header", "", "header in which the proxy says their role, instead")
	c.Flags().BoolVar(&f.open, "open", false, "show proposals, unpublished revisions and people's addresses to everyone")
}

func addTokens(c *cobra.Command, file *string) {
	c.Flags().StringVar(file, "tokens", "", "file of tokens (default: koonti/tokens in your folder of configuration)")
}

// proxySecret names the environment variable with what the proxy sends in
// access.SecretHeader; a flag would show in the list of processes.
const proxySecret = "KOONTI_PROXY_SECRET"

// resolver says who asks a server that listens on addr.
// forge, where it is not nil, says whose its tokens are.
func (f accessFlags) resolver(repo *gitrepo.Repo, addr net.Addr, forge func(context.Context, string) (content.Actor, error), log *slog.Logger) (*access.Resolver, error) {
	cfg := access.Config{Open: f.open, Forge: forge, Logger: log}
	var err error
	if cfg.Tokens, err = f.openTokens(log); err != nil {
		return nil, err
	}
	if cfg.Proxy, err = f.proxy(); err != nil {
		return nil, err
	}
	name, email := repo.UserIdentity()
	if access.IsLoopback(addr) && f.tokens == "" && cfg.Proxy == nil && forge == nil {
		cfg.Local = &content.Person{Name: name, Email: email}
	}
	r, err := access.New(cfg)
	if err != nil {
		return nil, &hintError{err, "See --auth-header, --auth-trusted and --auth-role of 'koonti serve --help'; the secret is " + proxySecret + " of the environment."}
	}
	log.Info("identities", "tokens", cfg.Tokens.Any(), "proxy", cfg.Proxy != nil, "git_user", cfg.Local != nil && !cfg.Tokens.Any(), "open", f.open)
	return r, nil
}

// openTokens opens the file of tokens: one that is named must be there.
func (f accessFlags) openTokens(log *slog.Logger) (*access.Tokens, error) {
	path, err := tokensFile(f.tokens)
	if errors.Is(err, content.ErrNotFound) {
		return nil, nil // no folder of configuration, so no tokens
	}
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(path); f.tokens != "" && err != nil {
		return nil, &hintError{fmt.Errorf("read --tokens: %w", err), "Make it with 'koonti token add NAME --email E --role editor --tokens " + path + "'."}
	}
	tokens, err := access.OpenTokens(path, log)
	if err != nil {
		return nil, &hintError{err, "Mend the line, or take it out and give another token with 'koonti token add'."}
	}
	return tokens, nil
}

func tokensFile(flag string) (string, error) {
	if flag != "" {
		return flag, nil
	}
	return access.DefaultFile()
}

func (f accessFlags) proxy() (*access.Proxy, error) {
	if f.header == "" {
		if f.roleHeader != "" {
			return nil, errors.New("--auth-role-header needs --auth-header")
		}
		return nil, nil
	}
	p := &access.Proxy{Header: f.header, RoleHeader: f.roleHeader, Role: content.Role(f.role), Secret: os.Getenv(proxySecret)}
	for _, text := range f.trusted {
		prefix, err := parsePrefix(text)
		if err != nil {
			return nil, fmt.Errorf("--auth-trusted %s is no address and no range of addresses such as 10.0.0.0/8", text)
		}
		p.Trusted = append(p.Trusted, prefix)
	}
	return p, nil
}

func parsePrefix(text string) (netip.Prefix, error) {
	if addr, err := netip.ParseAddr(text); err == nil {
		return netip.PrefixFrom(addr.Unmap(), addr.Unmap().BitLen()), nil
	}
	return netip.ParsePrefix(text)
}
