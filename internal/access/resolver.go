package access

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"net/textproto"
	"slices"
	"strings"

	"github.com/koonti/koonti/internal/content"
)

// Config says where identities come from. Fields that are zero give none.
type Config struct {
	// Tokens are those that Koonti gave.
	Tokens *Tokens
	// Proxy is an authenticating proxy in front.
	Proxy *Proxy
	// Forge says whose a token of the forge is, and what rights it gives there. Its error
	// wraps content.ErrUnauthenticated for a token that is none, with a text fit for
	// clients. What it says is kept for a minute, its errors for some seconds.
	Forge func(ctx context.Context, token string) (content.Actor, error)
	// Local is Git's own user, who asks where a request comes from this machine and nothing
	// else gives identities; nil where the server listens to other machines too. Where Git
	// knows no address, they may only read.
	Local *content.Person
	// Open lets everyone read as those do who have the role of a reader.
	Open bool
	// Logger is told what goes wrong here; nil drops it.
	Logger *slog.Logger
}

// Resolver says who asks. It is safe for concurrent use.
type Resolver struct {
	cfg   Config
	forge *forge
}

// New makes a resolver. The error wraps content.ErrInvalid.
func New(cfg Config) (*Resolver, error) {
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	r := &Resolver{cfg: cfg}
	if cfg.Proxy != nil {
		if err := cfg.Proxy.check(); err != nil {
			return nil, err
		}
	}
	if cfg.Forge != nil {
		r.forge = newForge(cfg.Forge, cfg.Logger)
	}
	return r, nil
}

// Identity is who asks, and what must be known of how they say so.
type Identity struct {
	Actor content.Actor
	// Carried: the request carries a token, which no browser sends by itself; pages of
	// other origins may act with it.
	Carried bool
	// Foreign: a page of another origin asks. Whoever the browser would speak for is not
	// taken for the one who asks.
	Foreign bool
}

// Resolve says who sends a request; the zero Actor is nobody, who may have the role of a
// reader (see Config.Open). Wrong credentials are an error and never nobody: it wraps
// content.ErrUnauthenticated, ErrTooMany (a *TooManyError) or ErrUnavailable, and its text
// is fit for clients. It may wait for the forge.
func (r *Resolver) Resolve(req *http.Request) (Identity, error) {
	id, err := r.resolve(req)
	if err == nil && r.cfg.Open && id.Actor.Role == content.RoleNone {
		id.Actor.Role = content.RoleReader
	}
	return id, err
}

func (r *Resolver) resolve(req *http.Request) (Identity, error) {
	foreign := isForeign(req)
	if r.cfg.Proxy != nil {
		actor, err := r.cfg.Proxy.actor(req)
		if err != nil {
			return Identity{Foreign: foreign}, err
		}
		if actor.ID != "" && !foreign {
			return Identity{Actor: actor}, nil
		}
	}
	token, err := bearer(req)
	if err != nil {
		return Identity{Foreign: foreign}, err
	}
	if token != "" {
		actor, err := r.carried(req.Context(), token, r.Address(req))
		return Identity{Actor: actor, Carried: true, Foreign: foreign}, err
	}
	if r.local(req) && !foreign {
		return Identity{Actor: r.localActor()}, nil
	}
	return Identity{Foreign: foreign}, nil
}

// carried says whose a token is: one of ours, or of the forge.
func (r *Resolver) carried(ctx context.Context, token string, from netip.Addr) (content.Actor, error) {
	switch {
	case r.cfg.Tokens != nil && (r.forge == nil || strings.HasPrefix(token, prefix)):
		return r.cfg.Tokens.Actor(ctx, token, from)
	case r.forge != nil:
		return r.forge.actor(ctx, token, from)
	}
	return content.Actor{}, unknown("no tokens are taken here")
}

// maxCarried is the longest token looked at, in bytes.
const maxCarried = 1024

// bearer is the token of a request (RFC 6750, 2.1), "" where it has none. Other schemes
// are for others, such as a proxy.
func bearer(req *http.Request) (string, error) {
	token := ""
	for _, value := range req.Header.Values("Authorization") {
		scheme, rest, _ := strings.Cut(value, " ")
		if !strings.EqualFold(scheme, "Bearer") {
			continue
		}
		rest = strings.TrimSpace(rest)
		if rest == "" || len(rest) > maxCarried || token != "" || strings.ContainsFunc(rest, func(c rune) bool { return c <= ' ' || c > '~' }) {
			return "", unknown("send one token: \"Authorization: Bearer ...\"")
		}
		token = rest
	}
	return token, nil
}

// Vary are the headers of a request that decide who asks, or may do so: what caches must
// tell answers apart by.
func (r *Resolver) Vary() []string {
	vary := []string{"Authorization"}
	if r.cfg.Proxy != nil {
		vary = append(vary, "Cookie")
	}
	if r.cfg.Proxy != nil || r.cfg.Local != nil {
		vary = append(vary, "Origin", "Sec-Fetch-Site")
	}
	return vary
}

// Address is where a request comes from: the peer, or whoever a trusted proxy names as
// the first that it does not trust. It is the zero Addr where that is not known.
func (r *Resolver) Address(req *http.Request) netip.Addr {
	peer := peerOf(req)
	if r.cfg.Proxy == nil || !r.cfg.Proxy.trusts(peer) {
		return peer
	}
	hops := strings.Split(strings.Join(req.Header.Values("X-Forwarded-For"), ","), ",")
	for _, hop := range slices.Backward(hops) {
		addr, err := netip.ParseAddr(strings.TrimSpace(hop))
		if err != nil {
			return peer
		}
		if peer = addr.Unmap(); !r.cfg.Proxy.trusts(peer) {
			return peer
		}
	}
	return peer
}

func peerOf(req *http.Request) netip.Addr {
	peer, err := netip.ParseAddrPort(req.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	return peer.Addr().Unmap()
}

// isForeign reports whether a page of another origin asks, as browsers say it; programs
// say nothing. Here reading counts as well: the library lets it pass, since it looks for
// those who change something.
func isForeign(req *http.Request) bool {
	asIfWriting := &http.Request{Method: http.MethodPost, URL: req.URL, Host: req.Host, Header: req.Header}
	return new(http.CrossOriginProtection).Check(asIfWriting) != nil
}

// Proxy is an authenticating proxy in front of the server.
type Proxy struct {
	// Header is where it says who asks: "Name <e-mail>", an e-mail address, or a login.
	Header string
	// RoleHeader is where it says their role; "" where it does not. Role is that of those
	// of whom it does not.
	RoleHeader string
	Role       content.Role
	// Trusted are the addresses that it may have.
	Trusted []netip.Prefix
	// Secret is what it sends in SecretHeader, so that nobody else on a trusted address is
	// taken for it.
	Secret string
}

// SecretHeader is where a proxy shows that it is the one.
const SecretHeader = "X-Koonti-Proxy-Secret"

// minSecret is how short a secret of a proxy may be, in bytes.
const minSecret = 16

func (p *Proxy) check() error {
	for _, name := range []string{p.Header, p.RoleHeader} {
		canonical := textproto.CanonicalMIMEHeaderKey(name)
		ours := []string{"Authorization", "Cookie", "Host", "Origin", "X-Forwarded-For", SecretHeader}
		if !isHeaderName(name) || slices.Contains(ours, canonical) {
			return fmt.Errorf("%q cannot be the header in which a proxy says who asks: %w", clip(name), content.ErrInvalid)
		}
	}
	switch {
	case p.Header == "":
		return fmt.Errorf("the header in which the proxy says who asks is missing: %w", content.ErrInvalid)
	case strings.EqualFold(p.Header, p.RoleHeader):
		return fmt.Errorf("the header of the role is that of the identity: %w", content.ErrInvalid)
	case len(p.Trusted) == 0:
		return fmt.Errorf("no address is trusted to be that of the proxy: %w", content.ErrInvalid)
	case len(p.Secret) < minSecret:
		return fmt.Errorf("the secret of the proxy must have %d characters or more: %w", minSecret, content.ErrInvalid)
	}
	_, err := ParseRole(string(p.Role))
	return err
}

// isHeaderName reports whether a name can be that of a header; "" can.
func isHeaderName(name string) bool {
	return !strings.ContainsFunc(name, func(c rune) bool { return c != '-' && (c < '0' || c > 'z' || c > '9' && c < 'A' || c > 'Z' && c < 'a') })
}

func (p *Proxy) trusts(addr netip.Addr) bool {
	return slices.ContainsFunc(p.Trusted, func(prefix netip.Prefix) bool { return prefix.Contains(addr) })
}

// actor is who the proxy says asks; the zero Actor where it says nothing. A header that
// is not the proxy's is an error.
func (p *Proxy) actor(req *http.Request) (content.Actor, error) {
	said := req.Header.Values(p.Header)
	if len(said) == 0 || len(said) == 1 && strings.TrimSpace(said[0]) == "" {
		return content.Actor{}, nil
	}
	if !p.trusts(peerOf(req)) {
		return content.Actor{}, unknown("an identity is taken from trusted addresses only")
	}
	if secret := req.Header.Values(SecretHeader); len(secret) != 1 || !equal(secret[0], p.Secret) {
		return content.Actor{}, unknown("an identity is taken from the proxy only, and its secret is missing or wrong")
	}
	if len(said) > 1 {
		return content.Actor{}, unknown("the proxy names more than one who asks")
	}
	actor, err := parseSaid(said[0])
	if err != nil {
		return content.Actor{}, unknown("the proxy says who asks in a way that cannot be read: %v", err)
	}
	actor.Role, err = p.role(req)
	return actor, err
}

func (p *Proxy) role(req *http.Request) (content.Role, error) {
	if p.RoleHeader == "" {
		return p.Role, nil
	}
	switch said := req.Header.Values(p.RoleHeader); {
	case len(said) == 0 || len(said) == 1 && strings.TrimSpace(said[0]) == "":
		return p.Role, nil
	case len(said) == 1:
		role, err := ParseRole(strings.ToLower(strings.TrimSpace(said[0])))
		if err == nil {
			return role, nil
		}
	}
	return content.RoleNone, unknown("the proxy gives a role that there is not; there are %s", roleNames())
}

// local reports whether Git's own user asks. Behind a proxy on this machine everyone
// would: whatever a proxy may have touched is not local. The Host must be this machine's
// too, since any site may give its name the address 127.0.0.1 (DNS rebinding).
func (r *Resolver) local(req *http.Request) bool {
	if r.cfg.Local == nil || r.cfg.Proxy != nil || r.cfg.Forge != nil || r.cfg.Tokens.Any() {
		return false
	}
	return peerOf(req).IsLoopback() && arrivedLocally(req) && isLocalHost(req.Host) && !passedOn(req) && stayedHere(req)
}

func (r *Resolver) localActor() content.Actor {
	who := *r.cfg.Local
	who.Identity = content.IdentityClaimed
	if checkEmail(who.Email) != nil || checkName(who.Name) != nil {
		return content.Actor{Person: who, Role: content.RoleReader, ID: "local"}
	}
	return content.Actor{Person: who, Role: content.RoleMaintainer, ID: strings.ToLower(who.Email)}
}
