package gitrepo

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp/capability"
	"github.com/go-git/go-git/v5/plumbing/transport"
)

// PushRef is a change of one ref of a remote: a branch, or one under refs/koonti/.
type PushRef struct {
	Name string // full
	// Was is what it must still be there, "" that it must not be there; Is is the
	// commit it becomes, "" that it is deleted.
	Was, Is Hash
}

// Credentials are what an HTTP server is told, such as a forge's token as
// Password, with the Username that it wants beside. The zero value leaves it to
// Config, else to the URL.
type Credentials struct{ Username, Password string }

// Push changes refs of the remote that the repository is a mirror of; see PushTo.
// The mirror's own refs follow with the next Fetch. ErrUnsupported when the
// repository is no mirror.
func (r *Repo) Push(ctx context.Context, refs []PushRef) error {
	ep, err := r.source()
	if err == nil {
		err = r.pushTo(ctx, ep, Credentials{}, refs)
	}
	if err != nil {
		return fmt.Errorf("push from %s: %w", r.gitDir, err)
	}
	return nil
}

// PushTo changes refs of another repository, after the objects that it lacks. url
// is what Mirror takes; a repository on this machine is written to without a git
// program and without its hooks. Each ref is changed if it still is what it was;
// of several all or none, where the server can do that, which GitHub, Gitea and
// git itself can. On a path they are changed one after the other, each error
// ending it.
//
// ErrChanged when a ref is not there as it was; ErrRejected, with the server's
// words and those of its hooks, when the server refuses; ErrCheckedOut for a
// branch that a work tree on this machine has checked out; ErrNotFound when there
// is no such commit; ErrUnsupported for other names than UpdateRef takes.
func (r *Repo) PushTo(ctx context.Context, url string, as Credentials, refs []PushRef) error {
	ep, err := endpoint(url)
	if err == nil {
		err = r.pushTo(ctx, ep, as, refs)
	}
	if err != nil {
		return fmt.Errorf("push to %s: %w", Redact(url), err)
	}
	return nil
}

func (r *Repo) pushTo(ctx context.Context, ep *transport.Endpoint, as Credentials, refs []PushRef) error {
	if len(refs) == 0 {
		return nil
	}
	commands := make([]*packp.Command, 0, len(refs))
	for _, ref := range refs {
		c, err := r.command(ref)
		if err != nil {
			return fmt.Errorf("ref %q: %w", clip(ref.Name), err)
		}
		commands = append(commands, c)
	}
	if ep.Protocol == "file" {
		return r.pushLocal(ctx, ep.Path, refs, commands)
	}
	err := r.pushRemote(ctx, ep, as, commands)
	if errors.Is(err, ErrRejected) && r.lost(ctx, ep, as, commands) {
		return fmt.Errorf("%w: %w", ErrChanged, err)
	}
	return err
}

func (r *Repo) command(ref PushRef) (*packp.Command, error) {
	if err := writableRef(ref.Name); err != nil {
		return nil, err
	}
	was, err := orZero(ref.Was)
	if err != nil {
		return nil, err
	}
	is, err := orZero(ref.Is)
	if err != nil {
		return nil, err
	}
	if ref.Is != "" {
		err = r.holds(ref.Is, plumbing.CommitObject)
	} else if ref.Was == "" {
		err = fmt.Errorf("%w: neither what it was nor what it becomes", ErrUnsupported)
	}
	return &packp.Command{Name: plumbing.ReferenceName(ref.Name), Old: was, New: is}, err
}

// pushLocal writes to a repository on this machine.
func (r *Repo) pushLocal(ctx context.Context, path string, refs []PushRef, commands []*packp.Command) (err error) {
	to, err := Open(path, Config{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, to.Close()) }()
	there, err := to.rawRefs(ctx, []string{"refs/"})
	if err != nil {
		return err
	}
	now := map[string]oid{}
	for _, ref := range there {
		now[ref.name] = ref.id
	}
	if err := stillThere(now, commands); err != nil {
		return err
	}
	ids, err := r.lacking(ctx, tipsOf(commands), r.known(now))
	if err != nil {
		return err
	}
	if _, err := to.store.copyPack(ctx, r.store, ids); err != nil {
		return err
	}
	for _, ref := range refs {
		if err := to.Update(ctx, RefUpdate{Name: ref.Name, Was: ref.Was, Is: ref.Is, Message: "push"}); err != nil {
			return err
		}
	}
	return nil
}

// stillThere tells by ErrChanged which ref is not what it was.
func stillThere(now map[string]oid, commands []*packp.Command) error {
	for _, c := range commands {
		if id := now[c.Name.String()]; id != c.Old {
			is := "is not there"
			if !id.IsZero() {
				is = "is " + fromOID(id).Short()
			}
			return fmt.Errorf("ref %q %s: %w", c.Name, is, ErrChanged)
		}
	}
	return nil
}

// tipsOf are the commits that refs become.
func tipsOf(commands []*packp.Command) []oid {
	var tips []oid
	for _, c := range commands {
		if !c.New.IsZero() {
			tips = append(tips, c.New)
		}
	}
	return tips
}

// known are those of a remote's commits that are here too.
func (r *Repo) known(refs map[string]oid) []oid {
	var known []oid
	for _, id := range refs {
		if !r.store.has(id) {
			continue
		}
		if commit, err := r.peel(id); err == nil {
			known = append(known, commit)
		}
	}
	return known
}

// pushRemote speaks to a server.
func (r *Repo) pushRemote(ctx context.Context, ep *transport.Endpoint, as Credentials, commands []*packp.Command) error {
	session, ar, err := r.receiver(ctx, ep, as)
	if err != nil {
		return err
	}
	defer func() { session.Close() }() // a connection that failed has been told of
	if err := stillThere(ar.References, commands); err != nil {
		return err
	}
	request, words, err := pushRequest(ar.Capabilities, commands)
	if err != nil {
		return err
	}
	if tips := tipsOf(commands); len(tips) > 0 {
		ids, err := r.lacking(ctx, tips, r.known(ar.References))
		if err != nil {
			return err
		}
		pack, err := r.packFor(ctx, ids)
		if err != nil {
			return err
		}
		defer os.Remove(pack.Name())
		defer pack.Close()
		request.Packfile = pack
	}
	report, err := session.ReceivePack(ctx, request)
	switch {
	case report != nil && report.Error() != nil:
		return fmt.Errorf("%w: %s%s", ErrRejected, report.Error(), words)
	case err != nil:
		return fmt.Errorf("%w%s", err, words)
	case report == nil:
		return fmt.Errorf("%w: it did not say what became of the push%s", ErrRejected, words)
	}
	return nil
}

// receiver begins a push: it gives the refs there, and what the server can do.
func (r *Repo) receiver(ctx context.Context, ep *transport.Endpoint, as Credentials) (transport.ReceivePackSession, *packp.AdvRefs, error) {
	auth, err := r.credentials(ep, as)
	if err != nil {
		return nil, nil, err
	}
	session, err := clientOf(ep).NewReceivePackSession(ep, auth)
	if err != nil {
		return nil, nil, err
	}
	ar, err := session.AdvertisedReferencesContext(ctx)
	if err != nil {
		session.Close()
		return nil, nil, err
	}
	return session, ar, nil
}

// pushRequest asks for what is needed to know how it went. words will hold what
// the server says meanwhile.
func pushRequest(can *capability.List, commands []*packp.Command) (*packp.ReferenceUpdateRequest, *serverWords, error) {
	request := packp.NewReferenceUpdateRequestFromCapabilities(can)
	words := &serverWords{}
	request.Commands, request.Progress = commands, words
	if !can.Supports(capability.ReportStatus) {
		return nil, nil, fmt.Errorf("%w: the server would not tell how it went", ErrUnsupported)
	}
	wanted := []capability.Capability{capability.Sideband64k}
	if len(commands) > 1 {
		wanted = append(wanted, capability.Atomic)
	}
	if slices.ContainsFunc(commands, func(c *packp.Command) bool { return c.New.IsZero() }) {
		if !can.Supports(capability.DeleteRefs) {
			return nil, nil, fmt.Errorf("%w: the server lets no ref be deleted", ErrUnsupported)
		}
		wanted = append(wanted, capability.DeleteRefs)
	}
	for _, c := range wanted {
		if !can.Supports(c) {
			continue
		}
		if err := request.Capabilities.Set(c); err != nil {
			return nil, nil, err
		}
	}
	return request, words, nil
}

// packFor writes a pack to a file of its own, to be read from its beginning.
func (r *Repo) packFor(ctx context.Context, ids []oid) (*os.File, error) {
	f, err := os.CreateTemp("", "koonti-push-*.pack")
	if err != nil {
		return nil, err
	}
	err = r.store.steady(func(list *packList) error {
		if err := f.Truncate(0); err != nil {
			return err
		}
		if _, err := f.Seek(0, io.SeekStart); err != nil {
			return err
		}
		_, err := list.copyTo(ctx, f, r.store, ids)
		return err
	})
	if err == nil {
		_, err = f.Seek(0, io.SeekStart)
	}
	if err != nil {
		return nil, errors.Join(err, f.Close(), os.Remove(f.Name()))
	}
	return f, nil
}

// lost asks the remote anew whether a ref was changed by another: what a server
// says of it differs from one to the next.
func (r *Repo) lost(ctx context.Context, ep *transport.Endpoint, as Credentials, commands []*packp.Command) bool {
	session, ar, err := r.receiver(ctx, ep, as)
	if err != nil {
		return false
	}
	defer session.Close()
	return slices.ContainsFunc(commands, func(c *packp.Command) bool {
		now := ar.References[c.Name.String()]
		return now != c.Old && now != c.New
	})
}

// serverWords keeps the beginning of what a server says beside its answer.
type serverWords struct{ said bytes.Buffer }

func (w *serverWords) Write(p []byte) (int, error) {
	const most = 4 << 10
	w.said.Write(p[:min(len(p), most-min(most, w.said.Len()))])
	return len(p), nil
}

// String is what was said as one line to follow others; "" for nothing.
func (w *serverWords) String() string {
	text := strings.Join(strings.FieldsFunc(plainText(w.said.String()), func(c rune) bool { return c < ' ' }), "; ")
	if text == "" {
		return ""
	}
	return "; it says: " + text
}
