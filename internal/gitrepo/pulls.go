package gitrepo

import (
	"context"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// Where a forge offers the head of pull request n, as .../<n>/head, and where it
// is kept.
const (
	remotePulls = "refs/pull/"
	ownPulls    = ownRefs + "pulls/"
)

// maxPulls bounds the pull requests that are taken over.
const maxPulls = 10_000

// pullsOf are the numbers of the pull requests to take over, the newest first.
func (r *Repo) pullsOf(offer advertised) []int {
	if !r.cfg.Pulls {
		return nil
	}
	numbers := slices.Sorted(maps.Keys(offer.pulls))
	slices.Reverse(numbers)
	return numbers[:min(len(numbers), maxPulls)]
}

// adoptPulls keeps the heads of pull requests as the remote offers them.
func (r *Repo) adoptPulls(ctx context.Context, offer advertised) (changed bool, err error) {
	if !r.cfg.Pulls {
		return false, nil
	}
	local, err := r.rawRefs(ctx, []string{ownPulls})
	if err != nil {
		return false, err
	}
	was := make(map[int]oid, len(local))
	for _, ref := range local {
		n, err := strconv.Atoi(strings.TrimPrefix(ref.name, ownPulls))
		if err != nil {
			continue // none of these
		}
		was[n] = ref.id
		if _, ok := offer.pulls[n]; ok {
			continue
		}
		if err := r.deleteRef(ctx, ref.name); err != nil {
			return changed, err
		}
		changed = true
	}
	for _, n := range r.pullsOf(offer) {
		if was[n] == offer.pulls[n] {
			continue
		}
		err := r.setRef(ctx, ownPulls+strconv.Itoa(n), was[n], offer.pulls[n], func() error { return nil })
		if err != nil {
			return changed, err
		}
		changed = true
	}
	return changed, nil
}
