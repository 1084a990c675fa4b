package server

import (
	"cmp"
	"context"
	"fmt"
	"html"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/koonti/koonti/graphql"
	"github.com/koonti/koonti/internal/content"
)

// allProposals is the feed of what happens to proposals. A collection of that name has none.
const allProposals = "proposals"

// happening is one event of one proposal; n counts the events of that from 0.
type happening struct {
	proposal *content.Proposal
	n        int
}

func (h happening) event() *content.ProposalEvent { return &h.proposal.Events[h.n] }

// newProposalFeed tells the newest events of all proposals to those who may read them.
func (h *handler) newProposalFeed(ctx context.Context, view *content.View, asked feedRequest) (*atomFeed, error) {
	if !asked.role.Allows(content.RoleReader) {
		return nil, fmt.Errorf("proposals are shown to those who have the role %s; send \"Authorization: Bearer ...\" with a token: %w", content.RoleReader, content.ErrForbidden)
	}
	service := h.server.cfg.GraphQL.Proposals
	if service == nil {
		return nil, fmt.Errorf("there are no proposals here: %w", content.ErrUnavailable)
	}
	page, err := service.Proposals(ctx, content.ProposalQuery{})
	if err != nil {
		return nil, err
	}
	var all []happening
	for _, p := range page.Proposals {
		for i := range p.Events {
			all = append(all, happening{p, i})
		}
	}
	slices.SortStableFunc(all, func(a, b happening) int {
		return cmp.Or(b.event().At.Compare(a.event().At), b.proposal.Number-a.proposal.Number, b.n-a.n)
	})
	feed := newAtomFeed(asked, "Koonti · "+feedTexts.proposals.in(asked.lang))
	feed.Updated = atomTime(cmp.Or(view.CommittedAt.UTC(), view.Published.UTC()))
	for i, happened := range all[:min(len(all), asked.first)] {
		if i == 0 {
			feed.Updated = atomTime(happened.event().At)
		}
		feed.Entries = append(feed.Entries, happened.entry(asked))
	}
	return feed, nil
}

func (h happening) entry(asked feedRequest) atomEntry {
	p, e := h.proposal, h.event()
	link := cmp.Or(p.URL, asked.base+"/graphql?query="+url.QueryEscape(fmt.Sprintf("{proposal(number:%d){title state description reviews{verdict}}}", p.Number)))
	line := fmt.Sprintf(strings.TrimSuffix(newsTexts.in(asked.lang)[e.Kind], ":"), nameOf(e.Actor, asked), p.Number)
	text := "<p>" + html.EscapeString(line) + "</p>"
	if words := strings.TrimSpace(e.Text); words != "" {
		text += "<blockquote>" + strings.ReplaceAll(html.EscapeString(words), "\n", "<br>") + "</blockquote>"
	}
	return atomEntry{
		ID:    changeUUID(fmt.Sprintf("proposal %d %d %s %s", p.Number, h.n, e.Kind, atomTime(e.At))),
		Title: fmt.Sprintf("#%d %s: %s", p.Number, p.Title, line), Updated: atomTime(e.At), Authors: []atomPerson{{Name: nameOf(e.Actor, asked), Email: e.Actor.Email}},
		Links: []atomLink{{"alternate", "text/html", link}}, Content: atomText{"html", text},
		Categories: []atomCategory{{string(e.Kind), asked.base + "/schema.graphql#ProposalEventKind", ""}, {strconv.Itoa(p.Number), asked.base + "/feeds/proposals", ""}},
	}
}

func nameOf(p content.Person, asked feedRequest) string {
	return cmp.Or(strings.TrimSpace(graphql.Discreet(asked.role, p.Name)), feedTexts.nobody.in(asked.lang))
}
