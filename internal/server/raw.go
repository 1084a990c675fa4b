package server

import (
	"bytes"
	"context"
	"fmt"
	"html/template"
	"mime"
	"net/http"
	"path"
	"strings"
	"time"

	"github.com/koonti/koonti/internal/content"
)

// view returns the view that the request asks for: the one served, or that of
// ?at=.
func (h *handler) view(r *http.Request) (*content.View, error) {
	if revision := r.URL.Query().Get("at"); revision != "" {
		return h.revisions(r).At(r.Context(), revision)
	}
	return h.catalog.Current(), nil
}

// record answers with the bytes of one record as they are in Git.
func (h *handler) record(w http.ResponseWriter, r *http.Request) error {
	view, err := h.view(r)
	if err != nil {
		return err
	}
	id, isJSON := strings.CutSuffix(r.PathValue("file"), ".json")
	ref := content.Ref{Collection: content.CollectionName(r.PathValue("collection")), ID: content.ID(id)}
	record := view.Snapshot.Record(ref)
	if !isJSON || record == nil {
		return fmt.Errorf("there is no record at /records/%s/%s; addresses are /records/<collection>/<id>.json: %w",
			ref.Collection, r.PathValue("file"), content.ErrNotFound)
	}
	return serveText(w, r, "application/json; charset=utf-8", `W/"`+string(record.Blob)+`"`, record.Source)
}

func (h *handler) sdl(w http.ResponseWriter, r *http.Request) error {
	view, err := h.asked(r)
	if err != nil {
		return err
	}
	schema, err := h.server.schema(view.Model)
	if err != nil {
		return err
	}
	text := schema.SDL()
	return serveText(w, r, "text/plain; charset=utf-8", etagOf([]byte(text)), text)
}

// serveText answers with a text that must be asked for anew each time, but is sent
// only where it changed.
func serveText(w http.ResponseWriter, r *http.Request, contentType, etag, text string) error {
	w.Header().Set("Content-Type", contentType)
	w.Header().Set("ETag", etag)
	w.Header().Set("Cache-Control", cacheControl(r, cacheNow))
	if matches(r.Header.Get("If-None-Match"), etag) {
		w.WriteHeader(http.StatusNotModified)
		return nil
	}
	_, err := w.Write([]byte(text))
	return ignoreGone(err)
}

// inline are the attachments that a browser may show in place; all others are
// offered for saving, since they could run scripts in our name.
var inline = map[string]string{
	".pdf": "application/pdf", ".png": "image/png", ".jpg": "image/jpeg", ".jpeg": "image/jpeg",
	".gif": "image/gif", ".webp": "image/webp", ".txt": "text/plain; charset=utf-8", ".csv": "text/csv; charset=utf-8",
}

// file answers with an attachment. Its type goes by its name and must agree with
// its first bytes; whatever does not is plain bytes to be saved.
func (h *handler) file(w http.ResponseWriter, r *http.Request) error {
	view, err := h.view(r)
	if err != nil {
		return err
	}
	name := r.PathValue("path")
	file, ok := view.Snapshot.File(name)
	if !ok {
		return fmt.Errorf("there is no attachment at %s: %w", name, content.ErrNotFound)
	}
	data, err := h.catalog.Read(r.Context(), file)
	if err != nil {
		return err
	}
	contentType, shown := typeOf(name, data)
	header := w.Header()
	header.Set("Content-Type", contentType)
	header.Set("Content-Security-Policy", "default-src 'none'; sandbox")
	header.Set("ETag", `"`+string(file.Blob)+`"`)
	header.Set("Cache-Control", cacheControl(r, cacheNow))
	if !shown {
		header.Set("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": path.Base(name)}))
	}
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(data))
	return nil
}

func typeOf(name string, data []byte) (contentType string, shown bool) {
	want, ok := inline[strings.ToLower(path.Ext(name))]
	if !ok {
		return "application/octet-stream", false
	}
	base, _, _ := strings.Cut(want, ";")
	sniffed, _, _ := strings.Cut(http.DetectContentType(data), ";")
	if sniffed != base && !(strings.HasPrefix(base, "text/") && sniffed == "text/plain") {
		return "application/octet-stream", false
	}
	return want, true
}

func (h *handler) healthz(w http.ResponseWriter, r *http.Request) error {
	writeJSON(w, http.StatusOK, map[string]string{"status": "alive"})
	return nil
}

// readiness is what /readyz says.
type readiness struct {
	Ready       bool        `json:"ready"`
	Reason      string      `json:"reason,omitempty"`
	Commit      string      `json:"commit"`
	Ref         string      `json:"ref,omitempty"`
	PublishedAt time.Time   `json:"publishedAt"`
	Records     int         `json:"records"`
	Problems    int         `json:"problems"`
	ModelStale  bool        `json:"modelStale"`
	Stale       []staleFile `json:"stale"`
	StaleCount  int         `json:"staleCount"`
	HeldBack    *heldBack   `json:"heldBack"`
	Remote      *remote     `json:"remote,omitempty"`
}

type staleFile struct {
	Path   string `json:"path"`
	From   string `json:"servedFrom"`
	Reason string `json:"reason"`
}

type heldBack struct {
	Since  time.Time `json:"since"`
	Reason string    `json:"reason"`
}

type remote struct {
	FetchedAt *time.Time `json:"fetchedAt"`
	Error     string     `json:"error,omitempty"`
}

// listedStale bounds how many stale records /readyz names.
const listedStale = 50

// readyProbe is how long readiness waits for the repository.
const readyProbe = 5 * time.Second

// readyz answers 200 while content can be served from the repository, and says what
// is stale or held back. Stale content is served: it does not make us unready.
func (h *handler) readyz(w http.ResponseWriter, r *http.Request) error {
	view, status := h.catalog.Current(), h.catalog.Status()
	stale := staleRecords(view)
	out := readiness{
		Ready: true, Commit: string(view.Commit), Ref: view.Ref, PublishedAt: view.Published, Records: view.Snapshot.Count(),
		Problems: len(view.Problems), ModelStale: view.ModelStale, StaleCount: len(stale), Stale: []staleFile{},
	}
	for _, record := range stale[:min(len(stale), listedStale)] {
		reason := ""
		if problems := view.ProblemsOf(record.Path); len(problems) > 0 {
			reason = place(problems[0])
		}
		out.Stale = append(out.Stale, staleFile{record.Path, string(record.From), reason})
	}
	if !status.HeldBack.IsZero() {
		out.HeldBack = &heldBack{status.HeldBack, status.Reason}
	}
	if !status.Fetched.IsZero() || status.FetchError != "" {
		out.Remote = &remote{Error: status.FetchError}
		if !status.Fetched.IsZero() {
			out.Remote.FetchedAt = &status.Fetched
		}
	}
	ctx, cancel := context.WithTimeout(r.Context(), readyProbe)
	defer cancel()
	code := http.StatusOK
	if err := h.catalog.Ready(ctx); err != nil {
		h.server.log.Error("not ready", "err", err)
		out.Ready, out.Reason, code = false, "the repository cannot be read; see the log", http.StatusServiceUnavailable
	}
	writeJSON(w, code, out)
	return nil
}

// place says a problem with its line and column.
func place(p content.Problem) string {
	return fmt.Sprintf("%d:%d: %s", p.Line, p.Column, p.Message("en"))
}

// firstPage is what the first page shows.
type firstPage struct {
	*content.View
	// Feeds: there is a history to follow.
	Feeds bool
	// Proposals: there are some, or may be, that the one who asks may read.
	Proposals bool
}

// index is the first page a person sees.
func (h *handler) index(w http.ResponseWriter, r *http.Request) error {
	view := h.catalog.Current()
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Cache-Control", "no-cache")
	w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'")
	var page bytes.Buffer
	shown := firstPage{view, h.server.cfg.GraphQL.Histories != nil, h.server.cfg.GraphQL.Proposals != nil && askerOf(r).Actor.Role.Allows(content.RoleReader)}
	if err := indexPage.Execute(&page, shown); err != nil {
		return fmt.Errorf("write the first page: %w", err)
	}
	_, err := w.Write(page.Bytes())
	return ignoreGone(err)
}

var indexPage = template.Must(template.New("index").Funcs(template.FuncMap{
	"count":     func(v *content.View, name content.CollectionName) int { return v.Snapshot.Set(name).Len() },
	"short":     func(h content.Hash) string { return string(h[:min(len(h), 10)]) },
	"feed":      feedPath,
	"proposals": func() content.CollectionName { return allProposals },
	"query":     func(c *content.Collection) string { return "{" + c.Plural + "{totalCount nodes{id title}}}" },
}).Parse(`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Koonti</title>
{{if .Feeds}}<link rel="alternate" type="application/atom+xml" title="All changes" href="{{feed "changes"}}">
{{range .Model.Collections}}<link rel="alternate" type="application/atom+xml" title="Changes of {{.Name}}" href="{{feed .Name}}">
{{end}}{{end}}{{if .Proposals}}<link rel="alternate" type="application/atom+xml" title="Proposals" href="{{feed proposals}}">
{{end}}<style>
body { font: 1.0625rem/1.6 system-ui, sans-serif; max-width: 44rem; margin: 2rem auto; padding: 0 1rem; color: #1b1b1b; background: #fff; }
table { border-collapse: collapse; } th, td { text-align: left; padding: .25rem 1.5rem .25rem 0; border-bottom: 1px solid #767676; }
main > div { overflow-x: auto; } @media (max-width: 30rem) { ul { padding-left: 1.25rem; } th, td { padding-right: .6rem; font-size: .94rem; } li code { overflow-wrap: anywhere; } }
td.n { text-align: right; font-variant-numeric: tabular-nums; } a { color: #00408f; } code { font-size: .95em; }
</style>
</head>
<body>
<main>
<h1>Koonti</h1>
<p>Serving {{.Snapshot.Count}} records{{with .Ref}} of <code>{{.}}</code>{{end}}{{with .Commit}} at commit <code>{{short .}}</code>{{end}}.
{{if .ModelStale}}The model as it is now cannot be used; an older one is in use. {{end -}}
{{with .Problems}}<a href="/graphql?query=%7Bproblems%7Bpath%20line%20column%20message%7D%7D">{{len .}} {{if eq (len .) 1}}problem{{else}}problems{{end}}</a> of the content known.{{else}}No problems are known.{{end}}</p>
<h2>Ask</h2>
<ul>
<li>GraphQL: <code>POST /graphql</code>, or <code>GET /graphql?query={…}</code>; its types: <a href="/schema.graphql">/schema.graphql</a></li>
<li>One record as it is in Git: <code>/records/&lt;collection&gt;/&lt;id&gt;.json</code>, with <code>?at=</code> a branch, tag, commit or date</li>
{{if .Feeds}}<li>Changes as they come: <a href="{{feed "changes"}}">{{feed "changes"}}</a> for feed readers (Atom), <code>subscription { changes { … } }</code> for programs</li>
{{end}}{{if .Proposals}}<li>Proposals: <a href="/graphql?query=%7Bproposals(state:OPEN)%7BtotalCount%20nodes%7Bnumber%20title%20author%7Bname%7D%7D%7D%7D">those that are open</a>, <a href="{{feed proposals}}">{{feed proposals}}</a> for feed readers; made with <code>mutation { propose(…) }</code> or <code>koonti propose</code></li>
{{end}}<li>For operators: <a href="/healthz">/healthz</a>, <a href="/readyz">/readyz</a>, <a href="/metrics">/metrics</a></li>
</ul>
<h2>Collections</h2>
{{if .Model.Collections}}<div><table>
<thead><tr><th scope="col">Collection</th><th scope="col">Type</th><th scope="col">Records</th>{{if .Feeds}}<th scope="col">Changes</th>{{end}}</tr></thead>
<tbody>{{$v := .}}{{range .Model.Collections}}
<tr><td>{{if .Plural}}<a href="/graphql?query={{query .}}">{{.Name}}</a>{{else}}{{.Name}}{{end}}</td><td><code>{{.Type}}</code></td><td class="n">{{count $v.View .Name}}</td>{{if $v.Feeds}}<td><a href="{{feed .Name}}" aria-label="Atom feed of {{.Name}}">Atom</a></td>{{end}}</tr>{{end}}
</tbody></table></div>{{else}}<p>The model has no collections yet.</p>{{end}}
</main>
</body>
</html>
`))
