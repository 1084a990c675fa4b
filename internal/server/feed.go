package server

import (
	"cmp"
	"context"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/text/language"

	"github.com/koonti/koonti/internal/content"
)

// Feeds of changes, by RFC 4287 (Atom): the newest first, without those that change no
// value. What identifies an entry is the UUID (RFC 9562, version 5) of the change's key,
// which holds the hash of its commit: it is the same on every server, in every language
// and for good. What identifies a feed is its address.

const (
	typeAtom = "application/atom+xml"
	// allChanges is the feed over all collections. A collection of that name has none.
	allChanges = "changes"
	// feedSize is how many changes a feed tells of unless ?first= says, mostFeed how
	// many at most.
	feedSize, mostFeed = 50, 500
	// feedTimeout bounds the making of a feed.
	feedTimeout = 10 * time.Second
	// feedBytes is how long a feed may be before the values of further changes are left
	// out.
	feedBytes = 4 << 20
	// feedRetry is what a client is told to wait, in seconds, while the history is read.
	feedRetry = "10"
)

// feedPath is the address of a feed on this server.
func feedPath(name content.CollectionName) string {
	return "/feeds/" + url.PathEscape(string(name)) + ".atom"
}

// feedRequest is what a feed is asked for.
type feedRequest struct {
	// collection is nil for the feeds of all changes, and of proposals.
	collection *content.Collection
	proposals  bool
	lang       content.Language
	first      int
	// role is that of the one who asks.
	role content.Role
	// base is the address of the server, self that of the feed as it was asked for.
	base, self string
}

func (h *handler) feed(w http.ResponseWriter, r *http.Request) error {
	view := h.catalog.Current()
	header := w.Header()
	header.Add("Vary", "Accept-Language")
	asked, err := newFeedRequest(view.Model, r)
	if err != nil {
		return err
	}
	if asked.proposals {
		return h.proposalFeed(w, r, view, asked)
	}
	etag := etagOf(fmt.Appendf(nil, "%s %s %s %s %v", view.Key, asked.lang, asked.self, h.server.cfg.Version, askerOf(r).Actor.Role))
	header.Set("ETag", etag)
	header.Set("Cache-Control", cacheControl(r, cacheNow))
	if matches(r.Header.Get("If-None-Match"), etag) {
		w.WriteHeader(http.StatusNotModified)
		return nil
	}
	ctx, cancel := context.WithTimeout(r.Context(), feedTimeout)
	defer cancel()
	feed, err := h.newFeed(ctx, view, asked)
	if err != nil {
		if statusOf(err) == http.StatusServiceUnavailable {
			header.Set("Retry-After", feedRetry)
		}
		return err
	}
	text, err := feed.text()
	if err != nil {
		return err
	}
	header.Set("Content-Type", typeAtom+"; charset=utf-8")
	_, err = io.WriteString(w, text)
	return ignoreGone(err)
}

// proposalFeed answers the feed of proposals, which change without the view.
func (h *handler) proposalFeed(w http.ResponseWriter, r *http.Request, view *content.View, asked feedRequest) error {
	ctx, cancel := context.WithTimeout(r.Context(), feedTimeout)
	defer cancel()
	feed, err := h.newProposalFeed(ctx, view, asked)
	if err != nil {
		return err
	}
	text, err := feed.text()
	if err != nil {
		return err
	}
	return serveText(w, r, typeAtom+"; charset=utf-8", etagOf([]byte(text)), text)
}

// text is the document.
func (f *atomFeed) text() (string, error) {
	text, err := xml.Marshal(f)
	if err != nil {
		return "", fmt.Errorf("write a feed: %w", err)
	}
	return xml.Header + string(text), nil
}

// newAtomFeed is a feed without entries.
func newAtomFeed(asked feedRequest, title string) *atomFeed {
	feed := &atomFeed{Lang: string(asked.lang), Title: title, Generator: "Koonti"}
	feed.ID, _, _ = strings.Cut(asked.self, "?")
	feed.Links = []atomLink{{"self", typeAtom, asked.self}, {"alternate", "text/html", asked.base + "/"}}
	return feed
}

func newFeedRequest(m *content.Model, r *http.Request) (feedRequest, error) {
	out := feedRequest{first: feedSize, role: askerOf(r).Actor.Role, base: baseOf(r)}
	name, isFeed := strings.CutSuffix(r.PathValue("file"), ".atom")
	out.proposals = isFeed && name == allProposals
	if isFeed && name != allChanges && !out.proposals {
		out.collection = m.Collection(content.CollectionName(name))
	}
	if !isFeed || name != allChanges && !out.proposals && out.collection == nil {
		return out, fmt.Errorf("there is no feed at %s; there are /feeds/changes.atom, /feeds/proposals.atom and /feeds/<collection>.atom: %w", r.URL.Path, content.ErrNotFound)
	}
	asked, kept := r.URL.Query(), url.Values{}
	if text := asked.Get("first"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 || n > mostFeed {
			return out, fmt.Errorf("first must be a number from 1 to %d: %w", mostFeed, content.ErrInvalid)
		}
		out.first = n
		kept.Set("first", strconv.Itoa(n))
	}
	spoken := feedLanguages(m)
	out.lang = preferred(spoken, r.Header.Get("Accept-Language"))
	if text := asked.Get("lang"); text != "" {
		out.lang = content.Language(strings.ToLower(text))
		if !slices.Contains(spoken, out.lang) {
			return out, fmt.Errorf("lang must be one of %v: %w", spoken, content.ErrInvalid)
		}
		kept.Set("lang", string(out.lang))
	}
	out.self = out.base + feedPath(content.CollectionName(name))
	if len(kept) > 0 {
		out.self += "?" + kept.Encode()
	}
	return out, nil
}

// baseOf is the address by which a client reached the server, as far as it is known.
func baseOf(r *http.Request) string {
	scheme := "http"
	if r.TLS != nil || strings.EqualFold(r.Header.Get("X-Forwarded-Proto"), "https") {
		scheme = "https"
	}
	return (&url.URL{Scheme: scheme, Host: cmp.Or(r.Host, "localhost")}).String()
}

// feedLanguages are those of the content and those of our own texts, the one that counts
// where nobody asks for another first.
func feedLanguages(m *content.Model) []content.Language {
	var out []content.Language
	for _, lang := range slices.Concat(m.Languages, content.MessageLanguages) {
		if !slices.Contains(out, lang) {
			out = append(out, lang)
		}
	}
	if len(m.Languages) == 0 {
		slices.Reverse(out) // English first
	}
	return out
}

// preferred picks the language that an Accept-Language header wishes for (RFC 9110,
// 12.5.4); the first where it has none of them.
func preferred(spoken []content.Language, header string) content.Language {
	tags := make([]language.Tag, len(spoken))
	for i, lang := range spoken {
		tags[i] = language.Make(string(lang))
	}
	_, i := language.MatchStrings(language.NewMatcher(tags), header)
	return spoken[i]
}

// The document (RFC 4287, section 4).

type atomFeed struct {
	XMLName   xml.Name    `xml:"http://www.w3.org/2005/Atom feed"`
	Lang      string      `xml:"http://www.w3.org/XML/1998/namespace lang,attr"`
	ID        string      `xml:"id"`
	Title     string      `xml:"title"`
	Updated   string      `xml:"updated"`
	Generator string      `xml:"generator"`
	Links     []atomLink  `xml:"link"`
	Entries   []atomEntry `xml:"entry"`
}

type atomLink struct {
	Rel  string `xml:"rel,attr"`
	Type string `xml:"type,attr"`
	Href string `xml:"href,attr"`
}

type atomEntry struct {
	ID         string         `xml:"id"`
	Title      string         `xml:"title"`
	Updated    string         `xml:"updated"`
	Authors    []atomPerson   `xml:"author"`
	Links      []atomLink     `xml:"link"`
	Categories []atomCategory `xml:"category"`
	Content    atomText       `xml:"content"`
}

type atomPerson struct {
	Name  string `xml:"name"`
	Email string `xml:"email,omitempty"`
}

type atomCategory struct {
	Term   string `xml:"term,attr"`
	Scheme string `xml:"scheme,attr"`
	Label  string `xml:"label,attr,omitempty"`
}

type atomText struct {
	Type string `xml:"type,attr"`
	Text string `xml:",chardata"`
}

func (h *handler) newFeed(ctx context.Context, view *content.View, asked feedRequest) (*atomFeed, error) {
	config := h.server.cfg.GraphQL
	if config.Histories == nil {
		return nil, fmt.Errorf("there is no history here: %w", content.ErrUnavailable)
	}
	past, err := config.Histories.Past(ctx, view)
	if err != nil {
		return nil, err
	}
	w := &feedWriter{feedRequest: asked, view: view, past: past, commits: map[content.Hash]*content.Commit{}}
	q := content.ChangeQuery{Limit: asked.first}
	title := "Koonti · " + feedTexts.changes.in(w.lang)
	if c := asked.collection; c != nil {
		q.Collection = c.Name
		title += " · " + w.label(c.Name)
	}
	page, err := past.Changes(ctx, q)
	if err != nil {
		return nil, err
	}
	updated := cmp.Or(view.CommittedAt.UTC(), view.Published.UTC())
	feed := newAtomFeed(asked, title)
	for i := range page.Changes {
		c := &page.Changes[i]
		entry, err := w.entry(ctx, c)
		if err != nil {
			return nil, err
		}
		feed.Entries = append(feed.Entries, entry)
		if i == 0 || c.At.After(updated) {
			updated = c.At
		}
	}
	feed.Updated = atomTime(updated)
	return feed, nil
}

func atomTime(t time.Time) string { return t.UTC().Format(time.RFC3339) }
