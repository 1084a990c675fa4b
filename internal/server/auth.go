package server

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"time"

	"github.com/koonti/koonti/graphql"
	"github.com/koonti/koonti/internal/access"
	"github.com/koonti/koonti/internal/content"
)

// Defaults of Config: what a person does by hand, and a program that takes its time.
const (
	defaultWriteEvery = time.Second
	defaultWriteBurst = 20
)

// asker is who sends a request, or why that cannot be said.
type asker struct {
	access.Identity
	err error
}

type askerContext struct{}

// askerOf is who sends a request that came through asked; nobody else.
func askerOf(r *http.Request) asker {
	a, _ := r.Context().Value(askerContext{}).(asker)
	return a
}

// ActorOf returns who sends a request, as the handlers of this package have it: the zero
// Actor where that is nobody.
func ActorOf(ctx context.Context) content.Actor {
	a, _ := ctx.Value(askerContext{}).(asker)
	return a.Actor
}

// audienceKey tells those apart who may be answered differently.
type audienceKey struct {
	role content.Role
	id   string
}

func (a asker) key() audienceKey { return audienceKey{a.Actor.Role, a.Actor.ID} }

type handle = func(http.ResponseWriter, *http.Request) error

// asked lets a handler know who asks. Where credentials are wrong it must say so itself.
func (s *Server) asked(serve handle) handle {
	return func(w http.ResponseWriter, r *http.Request) error {
		var a asker
		if s.cfg.Access != nil {
			a.Identity, a.err = s.cfg.Access.Resolve(r)
			for _, name := range s.cfg.Access.Vary() {
				w.Header().Add("Vary", name)
			}
		}
		r = r.WithContext(context.WithValue(r.Context(), askerContext{}, a))
		if a.err != nil {
			s.audit(r, "identity", a.err.Error())
		}
		return serve(w, r)
	}
}

// identified is asked for handlers that answer nobody whose credentials are wrong.
func (s *Server) identified(serve handle) handle {
	return s.asked(func(w http.ResponseWriter, r *http.Request) error {
		err := askerOf(r).err
		if err != nil {
			sayWhen(w, err)
			return err
		}
		if err = serve(w, r); errors.Is(err, content.ErrForbidden) || errors.Is(err, content.ErrUnauthenticated) {
			s.audit(r, r.URL.Path, err.Error())
		}
		return err
	})
}

// mayWrite is nil where the one who asks may write at all, and so many times now; what
// their role must be for this or that, those know who do it. The error wraps
// content.ErrUnauthenticated, ErrForbidden or ErrTooMany, and has been logged with what
// was tried.
func (s *Server) mayWrite(r *http.Request, what string, writes int) error {
	a := askerOf(r)
	err := a.err
	switch role := a.Actor.Role; {
	case err != nil:
		return err // logged already
	case a.Foreign && !a.Carried:
		err = fmt.Errorf("a page of another origin may write with a token only: %w", content.ErrForbidden)
	case a.Actor.ID == "":
		err = fmt.Errorf("writing needs an identity; send \"Authorization: Bearer ...\" with a token: %w", content.ErrUnauthenticated)
	case !role.Allows(content.RoleEditor):
		err = fmt.Errorf("writing needs the role %s; yours is %s: %w", content.RoleEditor, role, content.ErrForbidden)
	default:
		err = s.writes.AllowAll(a.Actor.ID, writes)
	}
	if err != nil {
		s.audit(r, what, err.Error())
	}
	return err
}

// audit logs what was refused to whom, and from where. Neither holds a token.
func (s *Server) audit(r *http.Request, what, reason string) {
	a, remote := askerOf(r), r.RemoteAddr
	if s.cfg.Access != nil {
		if from := s.cfg.Access.Address(r); from.IsValid() {
			remote = from.String()
		}
	}
	s.log.Warn("refused", "actor", a.Actor.String(), "role", string(a.Actor.Role), "what", what, "remote", remote, "reason", reason)
}

// sayWhen tells one who asked too often when to come back.
func sayWhen(w http.ResponseWriter, err error) {
	var often *access.TooManyError
	if errors.As(err, &often) {
		w.Header().Set("Retry-After", strconv.Itoa(int(math.Ceil(often.After.Seconds()))))
	}
}

// refusal says in GraphQL's way why a request was not run.
func (s *Server) refusal(w http.ResponseWriter, err error) *requestError {
	sayWhen(w, err)
	code, text := graphql.Describe(err)
	if code == graphql.CodeInternal {
		s.log.Error("request failed", "err", err)
	}
	return &requestError{status: statusOf(err), code: string(code), text: text}
}

// mayRun is nil where the one who asks may have a request executed.
func (h *handler) mayRun(r *http.Request, schema *graphql.Schema, request graphql.Request) error {
	kind, fields := schema.Operation(request)
	if request.ReadOnly || kind != graphql.OperationMutation {
		return nil
	}
	return h.server.mayWrite(r, "mutation", fields)
}

// auditAnswer logs what an answer refuses.
func (h *handler) auditAnswer(r *http.Request, response *graphql.Response) {
	for _, err := range response.Errors {
		if err.Code == graphql.CodeForbidden || err.Code == graphql.CodeUnauthenticated {
			h.server.audit(r, "graphql", err.Message)
		}
	}
}

// revisions are those that the one who asks may read.
func (h *handler) revisions(r *http.Request) graphql.Revisions {
	if askerOf(r).Actor.Role.Allows(content.RoleReader) {
		return h.catalog
	}
	return published{h.catalog}
}

// published are the revisions that everyone may read.
type published struct{ catalog Catalog }

func (p published) At(ctx context.Context, revision string) (*content.View, error) {
	return p.catalog.PublishedAt(ctx, revision)
}

// cacheControl says who may keep an answer: everyone, unless it is somebody's.
func cacheControl(r *http.Request, policy string) string {
	if askerOf(r).Actor.ID == "" {
		return "public, " + policy
	}
	return "private, " + policy
}

// stillAsked reports whether the one who subscribed is still who they were, with the
// same rights or more: what a token opens ends with it.
func (h *handler) stillAsked(r *http.Request) bool {
	if h.server.cfg.Access == nil {
		return true
	}
	now, err := h.server.cfg.Access.Resolve(r)
	if err != nil {
		return !errors.Is(err, content.ErrUnauthenticated)
	}
	was := askerOf(r).Actor
	return now.Actor.ID == was.ID && now.Actor.Role.Allows(was.Role)
}
