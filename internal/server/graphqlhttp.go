package server

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/munnerz/goautoneg"

	"github.com/koonti/koonti/graphql"
	"github.com/koonti/koonti/internal/content"
)

// The two media types of an answer (GraphQL over HTTP, section 5).
const (
	typeResponse = "application/graphql-response+json"
	typeJSON     = "application/json"
)

// The largest request bodies, in bytes: a query and its variables; and what those send
// who may write, in which attachments come as base64 (RFC 4648, section 4).
const (
	maxBody    = 512 << 10
	maxWritten = 48 << 20
)

// Bounds of what bodies take in memory, which is several times their size.
const (
	// largeAtOnce is how many bodies over maxBody are dealt with at once, and largePatience
	// how long the next one waits.
	largeAtOnce   = 3
	largePatience = 10 * time.Second
	// maxMarks is how many commas and brackets a body may have: each stands for a value,
	// which takes a hundred times as many bytes, and all in one request may be far fewer.
	maxMarks = 500_000
)

// admit says how large a body is read of the one who asks. The caller must call leave when
// the request has been answered. The error wraps content.ErrUnavailable, or is that of the
// request's context.
func (h *handler) admit(r *http.Request) (limit int64, leave func(), err error) {
	a := askerOf(r)
	mayWrite := a.err == nil && a.Actor.ID != "" && a.Actor.Role.Allows(content.RoleEditor)
	if !mayWrite || r.ContentLength >= 0 && r.ContentLength <= maxBody {
		return maxBody, func() {}, nil
	}
	timer := time.NewTimer(largePatience)
	defer timer.Stop()
	select {
	case h.server.large <- struct{}{}:
		return maxWritten, func() { <-h.server.large }, nil
	case <-timer.C:
		return 0, nil, fmt.Errorf("too many large requests at once; send it again: %w", content.ErrUnavailable)
	case <-r.Context().Done():
		return 0, nil, r.Context().Err()
	}
}

// tooMany reports whether a body has more values than anything may ask for.
func tooMany(body []byte) bool {
	marks, inText := 0, false
	for i := 0; i < len(body); i++ {
		switch c := body[i]; {
		case inText && c == '\\':
			i++
		case c == '"':
			inText = !inText
		case !inText && (c == ',' || c == '[' || c == '{'):
			marks++
		}
	}
	return marks > maxMarks
}

// answerKey names an answer by all that it depends on. Only answers that do not
// depend on other revisions are kept, since refs may move under those.
type answerKey struct {
	view    string
	asker   audienceKey
	request [sha256.Size]byte
}

// answer is a finished answer that was kept.
type answer struct {
	body []byte
	etag string
	// lasting: it is of commits named by their hashes, and may be kept unasked.
	lasting bool
}

// How long caches may keep an answer. What is served now is asked for anew each
// time, and sent only where its ETag is another; what is of a commit stays, but for a
// change of the types.
const (
	cacheNow     = "no-cache"
	cacheLasting = "max-age=604800"
)

// requestError is a request that is no GraphQL request at all; it is answered with
// its status whatever media type was asked for.
type requestError struct {
	status int
	allow  string
	text   string
	code   string // extensions.code; "" is BAD_REQUEST
}

func (e *requestError) Error() string { return e.text }

func (h *handler) graphql(w http.ResponseWriter, r *http.Request) error {
	header := w.Header()
	header.Add("Vary", "Accept")
	media := negotiate(r.Header.Get("Accept"))
	if media == "" {
		header.Set("Content-Type", typeJSON+"; charset=utf-8")
		return h.refuse(w, typeJSON, &requestError{status: http.StatusNotAcceptable, text: "answers are " + typeResponse + " or " + typeJSON + ", those to subscriptions " + typeEvents + "; accept one of them"})
	}
	limit, leave, err := h.admit(r)
	if err != nil {
		return h.refuse(w, media, h.server.refusal(w, err))
	}
	defer leave()
	request, err := h.request(w, r, limit)
	var refused *requestError
	if errors.As(err, &refused) {
		return h.refuse(w, media, refused)
	}
	if err != nil {
		return err
	}
	return h.answer(w, r, media, request)
}

// request reads a GraphQL request, complete, of a body of at most limit bytes. Whatever is
// no such request is a *requestError.
func (h *handler) request(w http.ResponseWriter, r *http.Request, limit int64) (graphql.Request, error) {
	if err := askerOf(r).err; err != nil {
		return graphql.Request{}, h.server.refusal(w, err)
	}
	request, err := parseRequest(w, r, limit)
	if err != nil {
		return request, err
	}
	request.Actor = askerOf(r).Actor
	request.ReadOnly = r.Method == http.MethodGet || r.Method == http.MethodHead
	if wrong := h.persisted(&request); wrong != nil {
		return request, wrong
	}
	if request.Query == "" {
		return request, bad("the query is missing: send {\"query\": \"{ ... }\"}, or /graphql?query={...}")
	}
	return request, nil
}

// negotiate picks the media type of the answer; "" where none is acceptable.
// Without a wish it is application/json, which every client can read.
func negotiate(accept string) string {
	if strings.TrimSpace(accept) == "" {
		return typeJSON
	}
	return goautoneg.Negotiate(accept, []string{typeJSON, typeResponse, typeEvents})
}

func (h *handler) answer(w http.ResponseWriter, r *http.Request, media string, request graphql.Request) error {
	view, err := h.asked(r)
	if err != nil {
		return h.refuse(w, media, h.server.refusal(w, err))
	}
	schema, err := h.server.schema(view.Model)
	if err != nil {
		return err
	}
	if kind, _ := schema.Operation(request); kind == graphql.OperationMutation {
		return h.mutate(w, r, media, view, schema, request)
	}
	key := answerKey{view.Key, askerOf(r).key(), hashRequest(request)}
	if kept, ok := h.server.answers.Get(key); ok {
		h.server.metrics.queries.WithLabelValues("kept").Inc()
		return h.write(w, r, media, http.StatusOK, kept)
	}
	response := schema.Do(r.Context(), view, h.revisions(r), request)
	h.auditAnswer(r, response)
	h.server.metrics.queries.WithLabelValues(outcome(response)).Inc()
	if r.Context().Err() != nil {
		return r.Context().Err()
	}
	done := &answer{response.Body, etagOf(response.Body), response.Pinned && !response.Failed}
	if response.Executed && !response.Revisioned && !response.Failed && len(response.Body) <= largestKept {
		h.server.answers.Add(key, done)
	}
	return h.write(w, r, media, statusFor(media, response), done)
}

// asked is the view that a request is for: that being served, or with ?view= a revision
// by its own types, such as a proposal that changes them.
func (h *handler) asked(r *http.Request) (*content.View, error) {
	revision := r.URL.Query().Get("view")
	if revision == "" {
		return h.catalog.Current(), nil
	}
	view, err := h.revisions(r).At(r.Context(), revision)
	if err != nil {
		return nil, err
	}
	if view, err = h.catalog.Own(r.Context(), view.Commit); err != nil {
		return nil, err
	}
	return view, graphql.Fits(view.Model, h.catalog.Current().Model)
}

// mutate runs a mutation, if the one who asks may write as much. Its answer is kept
// nowhere.
func (h *handler) mutate(w http.ResponseWriter, r *http.Request, media string, view *content.View, schema *graphql.Schema, request graphql.Request) error {
	if r.URL.Query().Has("view") {
		return h.refuse(w, media, bad("a mutation is not sent to a view of its own; leave ?view= out"))
	}
	if err := h.mayRun(r, schema, request); err != nil {
		return h.refuse(w, media, h.server.refusal(w, err))
	}
	response := schema.Do(r.Context(), view, h.revisions(r), request)
	h.auditAnswer(r, response)
	h.server.metrics.queries.WithLabelValues(outcome(response)).Inc()
	return h.write(w, r, media, statusFor(media, response), &answer{body: response.Body})
}

func outcome(r *graphql.Response) string {
	switch {
	case !r.Executed:
		return "refused"
	case r.Failed:
		return "errors"
	}
	return "ok"
}

// statusFor is the status of an answer (GraphQL over HTTP, sections 6.4.1 and
// 6.4.2): a client that accepts only application/json gets 200 for whatever was a
// well-formed request.
func statusFor(media string, r *graphql.Response) int {
	if r.Code == graphql.CodeMethod {
		return http.StatusMethodNotAllowed
	}
	if media == typeJSON {
		return http.StatusOK
	}
	return r.Status
}

func (h *handler) write(w http.ResponseWriter, r *http.Request, media string, status int, a *answer) error {
	header := w.Header()
	header.Set("Content-Type", media+"; charset=utf-8")
	if status == http.StatusMethodNotAllowed {
		header.Set("Allow", "POST")
	}
	if status != http.StatusOK || r.Method == http.MethodPost {
		header.Set("Cache-Control", "no-store")
		w.WriteHeader(status)
		_, err := w.Write(a.body)
		return ignoreGone(err)
	}
	header.Set("ETag", a.etag)
	header.Set("Cache-Control", cacheControl(r, cacheNow))
	if a.lasting {
		header.Set("Cache-Control", cacheControl(r, cacheLasting))
	}
	if matches(r.Header.Get("If-None-Match"), a.etag) {
		w.WriteHeader(http.StatusNotModified)
		return nil
	}
	_, err := w.Write(a.body)
	return ignoreGone(err)
}

// ignoreGone: a client that went away is no failure of ours.
func ignoreGone(error) error { return nil }

func (h *handler) refuse(w http.ResponseWriter, media string, e *requestError) error {
	h.server.metrics.queries.WithLabelValues("refused").Inc()
	if e.allow != "" {
		w.Header().Set("Allow", e.allow)
	}
	w.Header().Set("Content-Type", media+"; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(e.status)
	_, err := w.Write(append(e.body(), '\n'))
	return ignoreGone(err)
}

// body is the response that says what is wrong.
func (e *requestError) body() []byte {
	code := cmp.Or(e.code, "BAD_REQUEST")
	body, _ := json.Marshal(map[string]any{"errors": []any{map[string]any{"message": e.text, "extensions": map[string]any{"code": code}}}})
	return body
}

// parseRequest reads a GraphQL request from the URL or the body (GraphQL over HTTP,
// section 5.4 and 5.5). Whatever is no such request is a *requestError.
func parseRequest(w http.ResponseWriter, r *http.Request, limit int64) (graphql.Request, error) {
	switch r.Method {
	case http.MethodGet, http.MethodHead:
		return fromURL(r.URL.RawQuery)
	case http.MethodPost:
		return fromBody(w, r, limit)
	}
	return graphql.Request{}, &requestError{status: http.StatusMethodNotAllowed, allow: "GET, HEAD, POST", text: "ask with POST, or with GET for queries"}
}

func bad(format string, args ...any) *requestError {
	return &requestError{status: http.StatusBadRequest, text: fmt.Sprintf(format, args...)}
}

func fromURL(raw string) (request graphql.Request, err error) {
	values, err := url.ParseQuery(raw)
	if err != nil {
		return request, bad("the query string of the address cannot be read: %v", err)
	}
	request.Query, request.OperationName = values.Get("query"), values.Get("operationName")
	for name, target := range map[string]*map[string]any{"variables": &request.Variables, "extensions": &request.Extensions} {
		text := values.Get(name)
		if text == "" {
			continue
		}
		if err := decode([]byte(text), target); err != nil {
			return request, bad("the parameter %s must be a JSON object", name)
		}
	}
	return request, nil
}

func fromBody(w http.ResponseWriter, r *http.Request, limit int64) (request graphql.Request, err error) {
	media, parameters, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || media != typeJSON {
		return request, &requestError{status: http.StatusUnsupportedMediaType, text: "send the request as Content-Type: application/json"}
	}
	if charset := parameters["charset"]; charset != "" && !strings.EqualFold(charset, "utf-8") {
		return request, &requestError{status: http.StatusUnsupportedMediaType, text: "send the request in UTF-8"}
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, limit))
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) {
		return request, &requestError{status: http.StatusRequestEntityTooLarge, text: fmt.Sprintf("the request is over %d bytes", limit)}
	}
	if err != nil {
		return request, bad("the request could not be read")
	}
	if tooMany(body) {
		return request, &requestError{status: http.StatusRequestEntityTooLarge, text: fmt.Sprintf("the request has more than %d values", maxMarks)}
	}
	return decodeRequest(body)
}

func decodeRequest(body []byte) (request graphql.Request, err error) {
	var fields map[string]json.RawMessage
	if err := decode(body, &fields); err != nil {
		return request, bad("the body must be one JSON object with the query in it: {\"query\": \"{ ... }\"}")
	}
	if fields == nil {
		return request, bad("the body must be one JSON object with the query in it: {\"query\": \"{ ... }\"}")
	}
	for _, f := range []struct {
		name   string
		target any
		what   string
	}{
		{"query", &request.Query, "a string"}, {"operationName", &request.OperationName, "a string"},
		{"variables", &request.Variables, "an object"}, {"extensions", &request.Extensions, "an object"},
	} {
		raw := fields[f.name]
		if raw == nil || string(raw) == "null" {
			continue
		}
		if err := decode(raw, f.target); err != nil {
			return request, bad("%s must be %s", f.name, f.what)
		}
	}
	return request, nil
}

// decode reads exactly one JSON value, numbers digit for digit.
func decode(data []byte, target any) error {
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.UseNumber()
	if err := decoder.Decode(target); err != nil {
		return err
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return fmt.Errorf("more than one JSON value: %w", content.ErrInvalid)
	}
	return nil
}

func hashRequest(request graphql.Request) [sha256.Size]byte {
	variables, _ := json.Marshal(request.Variables)
	hash := sha256.New()
	fmt.Fprintf(hash, "%d %d ", len(request.Query), len(request.OperationName))
	io.WriteString(hash, request.Query)
	io.WriteString(hash, request.OperationName)
	hash.Write(variables)
	return [sha256.Size]byte(hash.Sum(nil))
}

// etagOf is weak, since compression changes the bytes (RFC 9110, section 8.8.1).
func etagOf(body []byte) string {
	sum := sha256.Sum256(body)
	return `W/"` + hex.EncodeToString(sum[:12]) + `"`
}

// matches compares an If-None-Match header with etag (RFC 9110, section 13.1.2).
func matches(header, etag string) bool {
	for candidate := range strings.SplitSeq(header, ",") {
		candidate = strings.TrimSpace(candidate)
		if candidate == "*" || strings.TrimPrefix(candidate, "W/") == strings.TrimPrefix(etag, "W/") {
			return header != ""
		}
	}
	return false
}
