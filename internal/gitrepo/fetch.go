package gitrepo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/go-git/go-git/v5/plumbing/protocol/packp"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp/capability"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp/sideband"
	"github.com/go-git/go-git/v5/plumbing/transport"
	githttp "github.com/go-git/go-git/v5/plumbing/transport/http"
	gitssh "github.com/go-git/go-git/v5/plumbing/transport/ssh"
	"golang.org/x/crypto/ssh"
)

const (
	// maxHaves bounds the commits that a server is told of, to find what is common.
	maxHaves    = 2_000
	havesPerRef = 100
	dialTimeout = 30 * time.Second
)

// advertised is what a remote has to offer.
type advertised struct {
	refs  map[string]oid // branches and tags, tags not followed
	head  string         // the branch that HEAD names, "" when not told
	pulls map[int]oid    // heads of pull requests
}

// Fetch makes a mirror what its remote is: new commits are fetched, branches and
// tags that are gone are deleted, forced ones follow, HEAD names the remote's
// branch. With Config.Pulls the heads of pull requests are kept likewise, the
// newest 10,000; one that is gone is dropped. Other refs are left alone. Objects come first
// and refs after, so readers never meet a commit that is not there; with nothing
// new nothing is written. changed tells whether any ref, or HEAD, is another.
//
// A remote that has nothing, although the mirror has, is an error: what is
// served is not taken away by a remote set up anew. ErrUnsupported when the
// repository is no mirror.
func (r *Repo) Fetch(ctx context.Context) (changed bool, err error) {
	r.fetching.Lock()
	defer r.fetching.Unlock()
	ep, err := r.source()
	if err != nil {
		return false, fmt.Errorf("fetch into %s: %w", r.gitDir, err)
	}
	r.store.sweep(24 * time.Hour)
	if ep.Protocol == "file" {
		changed, err = r.fetchLocal(ctx, ep.Path)
	} else {
		changed, err = r.fetchRemote(ctx, ep)
	}
	if err != nil {
		return changed, fmt.Errorf("fetch from %s: %w", storedURL(ep), err)
	}
	if changed {
		err = r.compact(ctx)
	}
	return changed, err
}

// source is where to fetch from: what Mirror was given, else the configuration's.
func (r *Repo) source() (*transport.Endpoint, error) {
	if r.remote != nil {
		return r.remote, nil
	}
	stored, err := r.remoteURL()
	if err != nil {
		return nil, err
	}
	return endpoint(stored)
}

// fetchRemote speaks to a server.
func (r *Repo) fetchRemote(ctx context.Context, ep *transport.Endpoint) (changed bool, err error) {
	session, err := r.connect(ep)
	if err != nil {
		return false, err
	}
	defer func() { session.Close() }() // a connection that failed has been told of
	ar, err := session.AdvertisedReferencesContext(ctx)
	if errors.Is(err, transport.ErrEmptyRemoteRepository) {
		ar, err = packp.NewAdvRefs(), nil
	}
	if err != nil {
		return false, err
	}
	if len(ar.Shallows) > 0 {
		return false, fmt.Errorf("%w: so is the remote, and a mirror needs the past", ErrShallow)
	}
	offer := readAdvertised(ar)
	request := packp.NewUploadPackRequestFromCapabilities(ar.Capabilities)
	if ar.Capabilities.Supports(capability.NoProgress) {
		if err := request.Capabilities.Set(capability.NoProgress); err != nil {
			return false, err
		}
	}
	if request.Wants = r.wants(offer); len(request.Wants) > 0 {
		if request.Haves, err = r.haves(ctx); err != nil {
			return false, err
		}
		if err := r.receive(ctx, session, request); err != nil {
			return false, err
		}
	}
	return r.adopt(ctx, offer)
}

func (r *Repo) connect(ep *transport.Endpoint) (transport.UploadPackSession, error) {
	auth, err := r.credentials(ep, Credentials{})
	if err != nil {
		return nil, err
	}
	return clientOf(ep).NewUploadPackSession(ep, auth)
}

func clientOf(ep *transport.Endpoint) transport.Transport {
	if ep.Protocol == "ssh" {
		return gitssh.DefaultClient
	}
	return githttp.DefaultClient
}

// credentials are those given, else what the configuration says. nil leaves it to
// the URL.
func (r *Repo) credentials(ep *transport.Endpoint, given Credentials) (transport.AuthMethod, error) {
	if ep.Protocol == "ssh" {
		auth, err := r.sshKey(ep.User)
		return patient{auth}, err
	}
	if given == (Credentials{}) {
		given = Credentials{r.cfg.Username, r.cfg.Password}
	}
	if given == (Credentials{}) {
		return nil, nil
	}
	return &githttp.BasicAuth{Username: given.Username, Password: given.Password}, nil
}

// sshKey is the key of the configuration, else the agent, else the user's own.
func (r *Repo) sshKey(user string) (gitssh.AuthMethod, error) {
	key := r.cfg.SSHKey
	if key == "" && os.Getenv("SSH_AUTH_SOCK") == "" {
		key = ownKey()
	}
	if key == "" {
		auth, err := gitssh.NewSSHAgentAuth(user)
		if err != nil {
			return nil, fmt.Errorf("%w: start an agent or name a key file", err)
		}
		return auth, nil
	}
	auth, err := gitssh.NewPublicKeysFromFile(user, key, "")
	if err != nil {
		return nil, fmt.Errorf("read ssh key %s: %w", key, err)
	}
	return auth, nil
}

// patient bounds how long a connection may take: go-git gives dialling no context.
type patient struct{ gitssh.AuthMethod }

func (p patient) ClientConfig() (*ssh.ClientConfig, error) {
	config, err := p.AuthMethod.ClientConfig()
	if err == nil {
		config.Timeout = dialTimeout
	}
	return config, err
}

// ownKey is the user's own key, as ssh would find it.
func ownKey() string {
	home, err := os.UserHomeDir()
	if err != nil {
		return ""
	}
	for _, name := range []string{"id_ed25519", "id_ecdsa", "id_rsa"} {
		path := filepath.Join(home, ".ssh", name)
		if _, err := os.Stat(path); err == nil {
			return path
		}
	}
	return ""
}

// readAdvertised keeps the branches and tags of an advertisement.
func readAdvertised(ar *packp.AdvRefs) advertised {
	offer := advertised{refs: map[string]oid{}, pulls: map[int]oid{}}
	for name, id := range ar.References {
		offer.add(name, id)
	}
	all, err := ar.AllReferences() // finds out what HEAD names, as far as that is told
	if err != nil {
		return offer
	}
	if head, ok := all["HEAD"]; ok {
		offer.head = head.Target().String()
	}
	return offer
}

func (a *advertised) add(name string, id oid) {
	for _, prefix := range mirrored {
		if under(name, prefix) && validRef(name) {
			a.refs[name] = id
		}
	}
	digits, ok := strings.CutPrefix(name, remotePulls)
	if !ok {
		return
	}
	if digits, ok = strings.CutSuffix(digits, "/head"); ok && isNumber(digits) {
		if n, err := strconv.Atoi(digits); err == nil {
			a.pulls[n] = id
		}
	}
}

// wants are the objects offered that are not here, each once.
func (r *Repo) wants(offer advertised) []oid {
	var wants []oid
	asked := map[oid]bool{}
	want := func(id oid) {
		if !asked[id] && !r.store.has(id) {
			asked[id] = true
			wants = append(wants, id)
		}
	}
	for _, id := range offer.refs {
		want(id)
	}
	for _, n := range r.pullsOf(offer) {
		want(offer.pulls[n])
	}
	return wants
}

// haves are commits of the mirror, the newest of each ref first.
func (r *Repo) haves(ctx context.Context) ([]oid, error) {
	refs, err := r.rawRefs(ctx, append([]string{ownPulls}, mirrored...))
	if err != nil {
		return nil, err
	}
	var haves []oid
	told := map[oid]bool{}
	for _, ref := range refs {
		id, err := r.peel(ref.id)
		if err != nil {
			continue // a tag of something else, or broken: the server need not know it
		}
		for range havesPerRef {
			if told[id] || len(haves) == maxHaves {
				break
			}
			told[id] = true
			haves = append(haves, id)
			c, err := r.Commit(ctx, fromOID(id))
			if err != nil {
				return nil, err
			}
			next, err := c.firstParent()
			if err != nil || next == "" {
				break
			}
			if id, err = next.oid(); err != nil {
				return nil, err
			}
		}
	}
	return haves, nil
}

// receive asks for a pack and keeps it.
func (r *Repo) receive(ctx context.Context, s transport.UploadPackSession, request *packp.UploadPackRequest) (err error) {
	answer, err := s.UploadPack(ctx, request)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, answer.Close()) }()
	var in io.Reader = answer
	switch {
	case request.Capabilities.Supports(capability.Sideband):
		in = sideband.NewDemuxer(sideband.Sideband, answer)
	case request.Capabilities.Supports(capability.Sideband64k):
		in = sideband.NewDemuxer(sideband.Sideband64k, answer)
	}
	return r.store.storePack(ctx, in)
}

// adopt makes branches, tags and HEAD what the remote offers.
func (r *Repo) adopt(ctx context.Context, offer advertised) (changed bool, err error) {
	local, err := r.rawRefs(ctx, mirrored)
	if err != nil {
		return false, err
	}
	if len(offer.refs) == 0 && len(local) > 0 {
		return false, fmt.Errorf("the remote has no branches, the mirror has: %w; "+
			"if that is meant, remove the mirror", ErrNotFound)
	}
	// Deleted first: a branch may be gone to make room for one below its name.
	was := make(map[string]oid, len(local))
	for _, ref := range local {
		was[ref.name] = ref.id
		if _, ok := offer.refs[ref.name]; ok {
			continue
		}
		if err := r.deleteRef(ctx, ref.name); err != nil {
			return changed, err
		}
		changed = true
	}
	for name, id := range offer.refs {
		if was[name] == id {
			continue
		}
		if err := r.setRef(ctx, name, was[name], id, func() error { return nil }); err != nil {
			return changed, err
		}
		changed = true
	}
	pulled, err := r.adoptPulls(ctx, offer)
	if err != nil {
		return changed || pulled, err
	}
	moved, err := r.adoptHead(ctx, offer.head)
	return changed || pulled || moved, err
}

func (r *Repo) adoptHead(ctx context.Context, branch string) (bool, error) {
	if !under(branch, "refs/heads") || !validRef(branch) {
		return false, nil
	}
	now, _, err := r.follow("HEAD")
	if err != nil && !errors.Is(err, ErrNotFound) {
		return false, err
	}
	if now == branch {
		return false, nil
	}
	return true, r.setHead(ctx, branch)
}
