package graphql

import (
	"context"
	"errors"

	"github.com/graphql-go/graphql/language/ast"

	"github.com/koonti/koonti/internal/content"
)

// mutation is one row of the table of what can be done.
type mutation struct {
	name, description string
	// role is what the one who asks must have; finer rules are those of Proposals.
	role content.Role
	args func(b *builder) []*inputDef
	// edit is that of a draft of one edit, which the arguments say; else "".
	edit content.EditKind
	// do is nil for what changes nothing: the edits are validated.
	do func(ctx context.Context, to Proposals, by content.Actor, w *writing) (*content.Proposal, error)
}

// mutations are all of them, in the order of the SDL.
var mutations = []mutation{
	{
		name: "propose", role: content.RoleEditor, args: (*builder).proposeArgs, do: propose,
		description: "Makes a proposal of edits, which are done in order, and checked.",
	},
	{
		name: "amendProposal", role: content.RoleEditor, args: (*builder).amendArgs,
		description: "Adds edits to a proposal, or gives it another title or description.",
		do: func(ctx context.Context, to Proposals, by content.Actor, w *writing) (*content.Proposal, error) {
			return to.Amend(ctx, by, w.number, w.draft)
		},
	},
	{
		name: "commentProposal", role: content.RoleEditor,
		args: func(b *builder) []*inputDef {
			return []*inputDef{b.numberArg(), {name: "text", typ: nonNull(of(b.scalar("String")))}}
		},
		description: "Says a word on a proposal.",
		do: func(ctx context.Context, to Proposals, by content.Actor, w *writing) (*content.Proposal, error) {
			return to.Comment(ctx, by, w.number, w.text)
		},
	},
	{
		name: "reviewProposal", role: content.RoleReviewer,
		args: func(b *builder) []*inputDef {
			return []*inputDef{b.numberArg(), b.headArg(), {name: "verdict", typ: nonNull(of(b.verdict()))}, {name: "text", typ: of(b.scalar("String"))}}
		},
		description: "Gives a verdict on a proposal as it was seen.",
		do: func(ctx context.Context, to Proposals, by content.Actor, w *writing) (*content.Proposal, error) {
			return to.Review(ctx, by, w.number, w.verdict, w.head, w.text)
		},
	},
	{
		name: "mergeProposal", role: content.RoleMaintainer, args: (*builder).mergeArgs,
		description: "Merges a proposal as it was seen, field by field; readers get it by that.",
		do: func(ctx context.Context, to Proposals, by content.Actor, w *writing) (*content.Proposal, error) {
			return to.Merge(ctx, by, w.number, w.head, w.resolutions)
		},
	},
	{
		name: "closeProposal", role: content.RoleEditor, args: (*builder).numberArgs,
		description: "Closes a proposal without merging it: one's own, or as a maintainer.",
		do: func(ctx context.Context, to Proposals, by content.Actor, w *writing) (*content.Proposal, error) {
			return to.Close(ctx, by, w.number)
		},
	},
	{
		name: "reopenProposal", role: content.RoleEditor, args: (*builder).numberArgs,
		description: "Opens a closed proposal again: one's own, or as a maintainer.",
		do: func(ctx context.Context, to Proposals, by content.Actor, w *writing) (*content.Proposal, error) {
			return to.Reopen(ctx, by, w.number)
		},
	},
	{
		name: "rebaseProposal", role: content.RoleEditor, args: (*builder).mergeArgs,
		description: "Takes what is new on the target into a proposal, field by field: one's own, or as a maintainer.",
		do: func(ctx context.Context, to Proposals, by content.Actor, w *writing) (*content.Proposal, error) {
			return to.Rebase(ctx, by, w.number, w.head, w.resolutions)
		},
	},
	{
		name: "restore", role: content.RoleEditor, edit: content.EditRestore, do: propose,
		args:        func(b *builder) []*inputDef { return append(b.restored(), b.madeArgs()...) },
		description: "Proposes to give a record, or a place of it, what it had at a revision: nothing, where there was nothing.",
	},
	{
		name: "undo", role: content.RoleEditor, edit: content.EditUndo, do: propose,
		args:        func(b *builder) []*inputDef { return append(b.undone(), b.madeArgs()...) },
		description: "Proposes to take back what a commit did to a record, and to leave what came after it.",
	},
	{
		name: "validate", role: content.RoleEditor,
		args: func(b *builder) []*inputDef {
			return []*inputDef{{name: "edits", typ: nonNull(listOfNonNull(of(b.editInput())))}, b.baseArg()}
		},
		description: "Says what edits would come to, and changes nothing.",
	},
}

func propose(ctx context.Context, to Proposals, by content.Actor, w *writing) (*content.Proposal, error) {
	return to.Propose(ctx, by, w.draft)
}

// mutationRoots are the fields of Mutation. They are nullable: an error of one must not
// take away what is told of those that were done.
func (b *builder) mutationRoots() []*fieldDef {
	out := make([]*fieldDef, len(mutations))
	for i := range mutations {
		m := &mutations[i]
		answer := b.proposalResult
		if m.do == nil {
			answer = b.validationResult
		}
		out[i] = &fieldDef{
			name: m.name, typ: of(answer()), args: append(m.args(b), b.inheritedArg()), place: place{kind: rootMutation, mutation: m},
			description: m.description + " It needs the role `" + string(m.role) + "`.",
		}
	}
	return out
}

// may checks that the one who asks may do it, and that it is not too much.
func (p *planner) may(f *planField) bool {
	m := f.def.place.mutation
	if p.writes++; p.writes > p.limits.Mutations {
		p.fail(tooLarge("The request has more than %d mutations.", p.limits.Mutations), f.nodes[0])
		return false
	}
	switch {
	case p.actor.ID == "":
		p.fail(newError(CodeUnauthenticated, "%q needs an identity that has the role %q.", m.name, m.role), f.nodes[0])
		return false
	case !p.actor.Role.Allows(m.role):
		p.fail(newError(CodeForbidden, "%q needs the role %q.", m.name, m.role), f.nodes[0])
		return false
	}
	return true
}

// mutate answers the root fields one after another, each in full before the next begins
// (June 2018, 6.2.2), in the order of the query, which graphql-go does not keep where
// there are fragments. Each reads afresh: what was done before may be in it. Where one
// cannot be answered, what is told of those that were done stays.
func (s *Schema) mutate(ctx context.Context, view *content.View, revisions Revisions, p *plan) *Response {
	b := []byte{'{'}
	var errs []*Error
	for i, f := range p.root.fields {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(content.AppendString(b, f.key), ':')
		if f.def.place.kind == typename {
			b = content.AppendString(b, p.root.typ.name)
			continue
		}
		answer, err := s.newRequest(ctx, view, revisions, p).alone(ctx, f, s.limits.AnswerBytes-len(b))
		b, errs = append(b, answer...), append(errs, err...)
	}
	response := s.newRequest(ctx, view, revisions, p).respond(append(b, '}'), errs)
	response.Revisioned, response.Pinned = true, false
	return response
}

// alone executes one root field and writes what it answers.
func (r *request) alone(ctx context.Context, f *planField, limit int) ([]byte, []*Error) {
	null := []byte("null")
	if err := ctx.Err(); err != nil {
		return null, []*Error{r.at(f, newError(r.visible(err).Code, "It was not begun: %s.", r.visible(err).Message))}
	}
	result := r.walk(ctx, r.plan.document.only(r.plan.operation, f), "")
	if err := firstError(r.stop, ctx.Err()); err != nil {
		return null, []*Error{r.at(f, newError(r.visible(err).Code, "It may have been done: %s.", r.visible(err).Message))}
	}
	data, _ := result.Data.(map[string]any)
	w := writer{request: r, limit: limit}
	w.value(f, data[f.key])
	if w.err != nil {
		return null, []*Error{r.at(f, r.visible(w.err))}
	}
	return w.b, r.errorsOf(result.Errors)
}

// only is a document with one root field of an operation, and no other operation.
func (d *document) only(op *operation, f *planField) *ast.Document {
	node := *op.node
	set := *op.node.SelectionSet
	set.Selections = make([]ast.Selection, len(f.nodes))
	for i, n := range f.nodes {
		set.Selections[i] = n
	}
	node.SelectionSet = &set
	out := &ast.Document{Kind: d.ast.Kind, Definitions: []ast.Node{&node}}
	for _, def := range d.ast.Definitions {
		if fragment, ok := def.(*ast.FragmentDefinition); ok {
			out.Definitions = append(out.Definitions, fragment)
		}
	}
	return out
}

// result is the source of the fields of a ProposalPayload.
type result struct {
	proposal *content.Proposal
	refusal  *content.Refusal
	lang     content.Language
}

// validation is the source of the fields of a ValidatePayload.
type validation struct {
	problems []content.Problem
	refusal  *content.Refusal
	lang     content.Language
}

func readMutation(ctx context.Context, c *call) (any, error) {
	if c.config.Proposals == nil {
		return nil, newError(CodeUnavailable, "there are no proposals here")
	}
	w, by, lang, do := c.bound.writing, c.plan.actor, c.bound.lang, c.place.mutation.do
	if do == nil {
		problems, err := c.config.Proposals.Validate(ctx, by, w.draft)
		refusal, err := refused(err)
		return validation{problems, refusal, lang}, err
	}
	p, err := do(ctx, c.config.Proposals, by, w)
	refusal, err := refused(err)
	return result{p, refusal, lang}, err
}

// refused tells a refusal, which is an answer, from an error.
func refused(err error) (*content.Refusal, error) {
	var refusal *content.Refusal
	if errors.As(err, &refusal) {
		return refusal, nil
	}
	return nil, err
}

func refusalOr(r *content.Refusal, lang content.Language) any {
	if r == nil {
		return nil
	}
	return spoken[*content.Refusal]{r, lang}
}

// refusalOf makes a reader of a refusal.
func refusalOf(read func(*content.Refusal, content.Language) any) reader {
	return from(func(r spoken[*content.Refusal]) any { return read(r.of, r.lang) })
}

// OperationKind is one of the kinds of operations.
type OperationKind string

// The kinds of operations (June 2018, 2.3).
const (
	OperationQuery        OperationKind = ast.OperationTypeQuery
	OperationMutation     OperationKind = ast.OperationTypeMutation
	OperationSubscription OperationKind = ast.OperationTypeSubscription
)

// Operation says what a request asks for before any of it is done: what kind it is of, and
// by how many root fields, which for a mutation is how much would be written. kind is ""
// where the request is refused, which Do tells. Variables are not looked at. It costs what
// validating does, once per text.
func (s *Schema) Operation(request Request) (kind OperationKind, fields int) {
	defer func() {
		if recover() != nil {
			kind, fields = "", 0 // Do meets it again, and tells
		}
	}()
	d, op, errs := s.find(request)
	if len(errs) > 0 {
		return "", 0
	}
	return OperationKind(op.kind), len(d.rootKeys(op))
}

// rootKeys are the response keys of the root fields of an operation, whatever @skip and
// @include leave of them.
func (d *document) rootKeys(op *operation) map[string]bool {
	keys, spread := map[string]bool{}, map[string]bool{}
	var visit func(set *ast.SelectionSet)
	visit = func(set *ast.SelectionSet) {
		for _, s := range set.Selections {
			switch s := s.(type) {
			case *ast.Field:
				keys[responseKey(s)] = true
			case *ast.InlineFragment:
				visit(s.SelectionSet)
			case *ast.FragmentSpread:
				if name := s.Name.Value; !spread[name] {
					spread[name] = true
					visit(d.fragments[name].SelectionSet)
				}
			}
		}
	}
	visit(op.node.SelectionSet)
	return keys
}
