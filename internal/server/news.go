package server

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/koonti/koonti/internal/content"
)

// HeraldConfig says who is told of proposals. What is "" or nil is not told.
type HeraldConfig struct {
	// URL gets a notice of each event, signed with Secret: see Notifier.
	URL    string
	Secret []byte
	// Mail sends what concerns them to those who are asked for a review, wrote, or
	// commented.
	Mail *Mailer
	// Public is the address of this server, for links; "" leaves them out.
	Public string
	// Language is that of mails; nil is English.
	Language func() content.Language
	// Logger takes what was told, and what could not be; nil drops it. No address and no
	// secret is logged.
	Logger *slog.Logger
	// Waits are the pauses before each new try; five, of 1 s to 5 min.
	Waits []time.Duration
}

// Herald tells of proposals as it happens, in order.
type Herald struct {
	cfg   HeraldConfig
	hook  hook
	hooks chan content.ProposalNews
	mails chan letter
}

// queued is how much may wait to be told; what comes then is dropped, and logged.
const queued = 1000

// NewHerald makes a herald that does nothing before Run.
func NewHerald(cfg HeraldConfig) *Herald {
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if cfg.Waits == nil {
		cfg.Waits = defaultWaits
	}
	if cfg.Language == nil {
		cfg.Language = func() content.Language { return "en" }
	}
	return &Herald{cfg, newHook(cfg.URL, cfg.Secret), make(chan content.ProposalNews, queued), make(chan letter, queued)}
}

// News takes what happened. It never blocks.
func (h *Herald) News(news []content.ProposalNews) {
	for _, n := range news {
		if h.cfg.URL != "" {
			h.put(n, func() bool { return offer(h.hooks, n) })
		}
		if h.cfg.Mail == nil {
			continue
		}
		for _, l := range letters(n, h.cfg.Language(), h.cfg.Public) {
			h.put(n, func() bool { return offer(h.mails, l) })
		}
	}
}

func offer[T any](queue chan T, v T) bool {
	select {
	case queue <- v:
		return true
	default:
		return false
	}
}

func (h *Herald) put(n content.ProposalNews, offer func() bool) {
	if !offer() {
		h.cfg.Logger.Error("too much waits to be told: dropped", "proposal", n.Proposal.Number)
	}
}

// RunHooks posts notices until ctx ends, and then returns nil.
func (h *Herald) RunHooks(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case n := <-h.hooks:
			id, notice := "msg_"+rand.Text(), noticeOf(n)
			h.deliver(ctx, "notice", n.Proposal.Number, func() error { return h.hook.post(ctx, id, notice) })
		}
	}
}

// RunMails sends mails until ctx ends, and then returns nil.
func (h *Herald) RunMails(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case l := <-h.mails:
			h.deliver(ctx, "mail", l.number, func() error { return h.cfg.Mail.send(ctx, l) })
		}
	}
}

// deliver tries until it is taken or the tries are used up.
func (h *Herald) deliver(ctx context.Context, what string, number int, send func() error) {
	for try := 0; ; try++ {
		err := send()
		switch {
		case err == nil:
			h.cfg.Logger.Info("told of a proposal", "by", what, "proposal", number, "tries", try+1)
			return
		case try == len(h.cfg.Waits) || errors.Is(err, errUndeliverable):
			h.cfg.Logger.Error("given up telling of a proposal", "by", what, "proposal", number, "tries", try+1, "err", err)
			return
		}
		h.cfg.Logger.Warn("not told of a proposal, trying again", "by", what, "proposal", number, "err", err, "wait", h.cfg.Waits[try])
		select {
		case <-ctx.Done():
			return
		case <-time.After(h.cfg.Waits[try]):
		}
	}
}

// proposalNotice is the body of a notice. It names nobody's address.
type proposalNotice struct {
	Type      string             `json:"type"`
	Timestamp time.Time          `json:"timestamp"`
	Data      proposalNoticeData `json:"data"`
}

type proposalNoticeData struct {
	Number int    `json:"number"`
	Title  string `json:"title"`
	State  string `json:"state"`
	Actor  string `json:"actor"`
	Author string `json:"author"`
	Head   string `json:"head"`
	Branch string `json:"branch"`
	URL    string `json:"url,omitempty"`
}

func noticeOf(n content.ProposalNews) proposalNotice {
	p := n.Proposal
	kind := strings.ToLower(string(n.Event.Kind))
	return proposalNotice{"proposal." + kind, n.Event.At.UTC(), proposalNoticeData{
		p.Number, p.Title, string(p.State), n.Event.Actor.Name, p.Author.Name, string(cmp.Or(n.Event.Head, p.Head)), p.Branch, p.URL,
	}}
}

// letter is one mail to one person.
type letter struct {
	number            int
	to, subject, body string
	// thread is the same for all letters about one proposal.
	thread string
}

// letters are what is to be written about an event: to each whom it concerns, but for the
// one who made it happen.
func letters(n content.ProposalNews, lang content.Language, public string) []letter {
	p, line := n.Proposal, newsTexts.in(lang)[n.Event.Kind]
	if n.Event.Kind == content.EventOpened {
		line = askedText.in(lang)
	}
	if line == "" {
		return nil
	}
	var body strings.Builder
	fmt.Fprintf(&body, line+"\n\n%s\n", n.Event.Actor.Name, p.Number, p.Title)
	if words := strings.TrimSpace(n.Event.Text); words != "" {
		fmt.Fprintf(&body, "\n> %s\n", strings.ReplaceAll(words, "\n", "\n> "))
	}
	if link := linkOf(p, public); link != "" {
		fmt.Fprintf(&body, "\n%s\n", link)
	}
	var out []letter
	for _, to := range concerned(n) {
		out = append(out, letter{p.Number, to, fmt.Sprintf("[#%d] %s", p.Number, p.Title), body.String(), fmt.Sprintf("proposal-%d", p.Number)})
	}
	return out
}

// linkOf is the page of the forge, else what answers for the proposal here.
func linkOf(p *content.Proposal, public string) string {
	if p.URL != "" || public == "" {
		return p.URL
	}
	return strings.TrimSuffix(public, "/") + fmt.Sprintf("/feeds/proposals.atom#%d", p.Number)
}

// mostConcerned bounds to how many one event is told.
const mostConcerned = 50

// concerned are the addresses of those whom an event concerns, each once: who is asked
// for a review, at the beginning and whenever the proposal is edited; else its author and
// those who reviewed it or commented.
func concerned(n content.ProposalNews) []string {
	p := n.Proposal
	var out []string
	seen := map[string]bool{strings.ToLower(n.Event.Actor.Email): true, "": true}
	add := func(address string) {
		key := strings.ToLower(address)
		if strings.Contains(address, "@") && !seen[key] && len(out) < mostConcerned {
			seen[key] = true
			out = append(out, address)
		}
	}
	if n.Event.Kind == content.EventOpened || n.Event.Kind == content.EventEdited {
		for _, who := range p.Requested {
			add(who)
		}
	}
	if n.Event.Kind == content.EventOpened {
		return out
	}
	add(p.Author.Email)
	for _, r := range p.Reviews {
		add(r.Person.Email)
	}
	for _, c := range p.Comments {
		add(c.Person.Email)
	}
	return out
}

type newsText map[content.Language]map[content.EventKind]string

func (t newsText) in(lang content.Language) map[content.EventKind]string {
	if texts := t[lang]; texts != nil {
		return texts
	}
	return t["en"]
}

// askedText is what those read who are asked for a review.
var askedText = phrase{"%s pyytää katselmoimaan ehdotuksen %d:", "%s ber om granskning av förslag %d:", "%s asks for a review of proposal %d:"}

// newsTexts say what happened: who, and the number of the proposal.
var newsTexts = newsText{
	"fi": {
		content.EventOpened: "%s teki ehdotuksen %d:", content.EventEdited: "%s muutti ehdotusta %d:",
		content.EventCommented: "%s kommentoi ehdotusta %d:", content.EventApproved: "%s hyväksyi ehdotuksen %d:",
		content.EventChangesRequested: "%s pyytää muutoksia ehdotukseen %d:", content.EventReviewed: "%s katselmoi ehdotuksen %d:",
		content.EventMerged: "%s julkaisi ehdotuksen %d:", content.EventClosed: "%s sulki ehdotuksen %d:", content.EventReopened: "%s avasi uudelleen ehdotuksen %d:",
	},
	"sv": {
		content.EventOpened: "%s gjorde förslag %d:", content.EventEdited: "%s ändrade förslag %d:",
		content.EventCommented: "%s kommenterade förslag %d:", content.EventApproved: "%s godkände förslag %d:",
		content.EventChangesRequested: "%s ber om ändringar i förslag %d:", content.EventReviewed: "%s granskade förslag %d:",
		content.EventMerged: "%s publicerade förslag %d:", content.EventClosed: "%s stängde förslag %d:", content.EventReopened: "%s öppnade på nytt förslag %d:",
	},
	"en": {
		content.EventOpened: "%s opened proposal %d:", content.EventEdited: "%s changed proposal %d:",
		content.EventCommented: "%s commented on proposal %d:", content.EventApproved: "%s approved proposal %d:",
		content.EventChangesRequested: "%s asks for changes to proposal %d:", content.EventReviewed: "%s reviewed proposal %d:",
		content.EventMerged: "%s merged proposal %d:", content.EventClosed: "%s closed proposal %d:", content.EventReopened: "%s reopened proposal %d:",
	},
}
