package server

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/koonti/koonti/graphql"
	"github.com/koonti/koonti/internal/content"
)

// GraphQL over Server-Sent Events, "distinct connections mode": each operation has a
// stream of its own, of events `next` that hold a response each, and of one `complete`.
// Subscriptions are answered in no other way; queries may be. What is no GraphQL request
// at all, and what finds no room, is answered with its HTTP status instead. "Single
// connection mode", which begins with PUT, is not spoken: PUT and DELETE are answered
// with 405.

// typeEvents is the media type of a stream (HTML standard, server-sent events).
const typeEvents = "text/event-stream"

// Defaults of Config.
const (
	defaultSubscriptions = 200
	defaultKeepAlive     = 15 * time.Second
	defaultPatience      = 15 * time.Second
	defaultGiveUp        = time.Minute
)

const (
	// tryAgain is how often a history that cannot be read is asked again.
	tryAgain = time.Second
	// retryAfter is what a client who finds no room is told to wait, in seconds.
	retryAfter = "30"
)

// audience are the subscriptions that are open. The zero value is empty.
type audience struct {
	mu     sync.Mutex
	open   map[*stream]context.CancelFunc // guarded by mu
	closed bool                           // guarded by mu
	news   chan struct{}                  // guarded by mu; closed when a view is served
}

// enter takes a stream in, unless most are there already or the server stops. leave
// must be called where it returned true.
func (a *audience) enter(s *stream, end context.CancelFunc, most int) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.closed || len(a.open) >= most {
		return false
	}
	if a.open == nil {
		a.open = map[*stream]context.CancelFunc{}
	}
	a.open[s] = end
	return true
}

func (a *audience) leave(s *stream) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.open, s)
}

func (a *audience) size() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.open)
}

// heard returns a channel that is closed once a view is served.
func (a *audience) heard() <-chan struct{} {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.news == nil {
		a.news = make(chan struct{})
	}
	return a.news
}

func (a *audience) tell() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.news != nil {
		close(a.news)
		a.news = nil
	}
}

// close ends all streams, and lets no other in.
func (a *audience) close() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.closed = true
	for s, end := range a.open {
		end()
		s.control.SetWriteDeadline(time.Now()) // where it is being written to
	}
}

// Published tells the subscribers that a view is served. It is meant for catalog.Config,
// and does not block.
func (s *Server) Published(*content.View) { s.audience.tell() }

// stream is one answer of many events. It is written to by one goroutine.
type stream struct {
	w        http.ResponseWriter
	control  *http.ResponseController
	patience time.Duration
	wrote    time.Time
	// missing is since when the history is; zero where it is there.
	missing time.Time
}

// begin sends the headers of a stream. The time that an answer may take does not hold for
// it: each write has its own.
func (s *stream) begin() error {
	header := s.w.Header()
	header.Set("Content-Type", typeEvents+"; charset=utf-8")
	header.Set("Cache-Control", "no-store")
	header.Set("X-Accel-Buffering", "no") // for proxies that would wait for more
	return s.write(context.Background(), []byte(":\n\n"))
}

// write sends text at once. It fails where the client does not take it in time.
func (s *stream) write(ctx context.Context, text []byte) error {
	if err := s.control.SetWriteDeadline(time.Now().Add(s.patience)); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return err
	}
	if err := ctx.Err(); err != nil { // after the deadline is set: see audience.close
		return err
	}
	if _, err := s.w.Write(text); err != nil {
		return err
	}
	s.wrote = time.Now()
	return s.control.Flush()
}

// next sends a response.
func (s *stream) next(ctx context.Context, id string, body []byte) error {
	var b bytes.Buffer
	b.WriteString("event: next\n")
	if id != "" {
		b.WriteString("id: " + id + "\n")
	}
	for line := range bytes.SplitSeq(body, []byte("\n")) {
		b.WriteString("data: ")
		b.Write(line)
		b.WriteByte('\n')
	}
	b.WriteByte('\n')
	return s.write(ctx, b.Bytes())
}

// complete ends the operation, not the connection. The empty data is what makes browsers
// tell of it.
func (s *stream) complete(ctx context.Context) error {
	return s.write(ctx, []byte("event: complete\ndata:\n\n"))
}

// once answers with a single response.
func (s *stream) once(ctx context.Context, body []byte) error {
	if err := s.begin(); err != nil {
		return err
	}
	if err := s.next(ctx, "", body); err != nil {
		return err
	}
	return s.complete(ctx)
}

// events answers a GraphQL request with a stream.
func (h *handler) events(w http.ResponseWriter, r *http.Request) error {
	w.Header().Add("Vary", "Accept")
	s := &stream{w: w, control: http.NewResponseController(w), patience: h.server.cfg.Patience}
	limit, leave, err := h.admit(r)
	if err != nil {
		return h.refuse(w, typeJSON, h.server.refusal(w, err))
	}
	leave = sync.OnceFunc(leave)
	defer leave()
	request, err := h.request(w, r, limit)
	var wrong *requestError
	if errors.As(err, &wrong) {
		if wrong.status == http.StatusOK {
			h.server.metrics.queries.WithLabelValues("refused").Inc()
			return ignoreGone(s.once(r.Context(), wrong.body()))
		}
		return h.refuse(w, typeJSON, wrong)
	}
	if err != nil {
		return err
	}
	request.Resume = r.Header.Get("Last-Event-ID")
	view := h.catalog.Current()
	schema, err := h.server.schema(view.Model)
	if err != nil {
		return err
	}
	sub, response := schema.Subscribe(view, request)
	if sub == nil && response == nil {
		if err := h.mayRun(r, schema, request); err != nil {
			return h.refuse(w, typeJSON, h.server.refusal(w, err))
		}
		response = schema.Do(r.Context(), view, h.revisions(r), request)
		h.auditAnswer(r, response)
	}
	switch {
	case r.Context().Err() != nil:
		return r.Context().Err()
	case sub != nil && r.ContentLength > maxBody: // it would be kept as long as the stream
		return h.refuse(w, typeJSON, &requestError{status: http.StatusRequestEntityTooLarge, text: fmt.Sprintf("the request is over %d bytes", maxBody)})
	case sub != nil:
		leave()
		return h.follow(s, r, sub)
	}
	h.server.metrics.queries.WithLabelValues(outcome(response)).Inc()
	if response.Code == graphql.CodeMethod {
		return h.write(w, r, typeJSON, http.StatusMethodNotAllowed, &answer{body: response.Body})
	}
	return ignoreGone(s.once(r.Context(), response.Body))
}

// follow sends what is served to a subscriber until one of them leaves.
func (h *handler) follow(s *stream, r *http.Request, sub *graphql.Subscription) error {
	ctx, end := context.WithCancel(r.Context())
	defer end()
	audience := &h.server.audience
	if !audience.enter(s, end, h.server.cfg.Subscriptions) {
		s.w.Header().Set("Retry-After", retryAfter)
		return h.refuse(s.w, typeJSON, &requestError{
			status: http.StatusServiceUnavailable, code: string(graphql.CodeUnavailable),
			text: "there is no room for another subscription now; try again later",
		})
	}
	defer audience.leave(s)
	h.server.metrics.queries.WithLabelValues("subscribed").Inc()
	if err := s.begin(); err != nil || r.Method == http.MethodHead {
		return ignoreGone(err)
	}
	for {
		heard := audience.heard() // before the view is taken
		view := h.catalog.Current()
		if !h.stillAsked(r) {
			return ignoreGone(s.complete(ctx))
		}
		if done, err := h.bring(ctx, s, sub, view, h.revisions(r)); err != nil || done {
			return err
		}
		if !h.wait(ctx, s, heard, sub.Behind(view)) {
			return nil
		}
	}
}

// bring sends what a view brings, and reports whether the stream is at its end.
func (h *handler) bring(ctx context.Context, s *stream, sub *graphql.Subscription, view *content.View, revisions graphql.Revisions) (done bool, err error) {
	schema, err := h.server.schema(view.Model)
	if err != nil {
		return true, err
	}
	if refused := sub.Move(schema); refused != nil {
		err := s.next(ctx, "", refused.Body)
		if err == nil {
			err = s.complete(ctx)
		}
		return true, ignoreGone(err)
	}
	missing := s.missing
	s.missing = time.Time{}
	for e := range sub.Next(ctx, view, revisions) {
		if e.Later {
			if s.missing = cmp.Or(missing, time.Now()); time.Since(s.missing) < h.server.cfg.GiveUp {
				return false, nil
			}
			e.Last = true
		}
		err := s.next(ctx, e.ID, e.Body)
		if err == nil && e.Last {
			err = s.complete(ctx)
		}
		if err != nil || e.Last {
			return true, ignoreGone(err)
		}
	}
	return false, nil
}

// wait returns once there may be something to bring, with signs of life meanwhile; false
// where the stream should end.
func (h *handler) wait(ctx context.Context, s *stream, heard <-chan struct{}, behind bool) bool {
	for {
		pause := max(0, h.server.cfg.KeepAlive-time.Since(s.wrote))
		if behind {
			pause = min(pause, tryAgain)
		}
		timer := time.NewTimer(pause)
		select {
		case <-ctx.Done():
			timer.Stop()
			return false
		case <-heard:
			timer.Stop()
			return true
		case <-timer.C:
		}
		if time.Since(s.wrote) >= h.server.cfg.KeepAlive {
			if err := s.write(ctx, []byte(":\n\n")); err != nil {
				return false
			}
		}
		if behind {
			return true
		}
	}
}

// split sends those who ask for a stream to one handler and all others to another, which
// compresses: a stream must be sent as it comes.
func split(events, others http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if negotiate(r.Header.Get("Accept")) == typeEvents {
			events.ServeHTTP(w, r)
			return
		}
		others.ServeHTTP(w, r)
	})
}
