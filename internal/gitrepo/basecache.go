package gitrepo

import (
	"sync"

	"github.com/hashicorp/golang-lru/v2/simplelru"
)

// baseCache keeps objects by their place, bounded in bytes: neighbours in a pack
// are rebuilt from one another, and a loose tree is looked into again and again.
type baseCache struct {
	limit int64

	mu   sync.Mutex // guards lru, held
	lru  *simplelru.LRU[place, object]
	held int64
}

// place is an offset in a pack, or the name of a loose object.
type place struct {
	pack   uint64
	offset int64
	loose  oid
}

func (p *pack) place(offset int64) place { return place{pack: p.serial, offset: offset} }

// overhead is roughly what an entry costs beside its bytes.
const overhead = 200

func newBaseCache(limit int64) *baseCache {
	c := &baseCache{limit: limit}
	// The number of entries is bounded by the bytes; NewLRU fails on zero only.
	c.lru, _ = simplelru.NewLRU(int(limit/overhead)+1, func(_ place, o object) { c.held -= cost(o) })
	return c
}

func cost(o object) int64 { return int64(len(o.data)) + overhead }

func (c *baseCache) get(at place) (object, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.lru.Get(at)
}

// put keeps o, unless it would push out most of the others.
func (c *baseCache) put(at place, o object) {
	if cost(o) > c.limit/4 {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.lru.Contains(at) {
		return
	}
	c.held += cost(o)
	c.lru.Add(at, o)
	for c.held > c.limit {
		c.lru.RemoveOldest()
	}
}
