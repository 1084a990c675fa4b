package access

import (
	"net/netip"
	"sync"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
	"golang.org/x/time/rate"

	"github.com/koonti/koonti/internal/content"
)

// TooManyError is the error of one who asks too often.
type TooManyError struct {
	// After is how long to wait.
	After time.Duration
}

func (e *TooManyError) Error() string { return "too many attempts; wait a little" }

// Unwrap returns content.ErrTooMany.
func (e *TooManyError) Unwrap() error { return content.ErrTooMany }

// Throttle bounds how often each of many does something: some times at once, then once
// each interval. It remembers those who were here last. It is safe for concurrent use.
type Throttle[K comparable] struct {
	mu       sync.Mutex // a limiter is made once
	limiters *lru.Cache[K, *rate.Limiter]
	every    time.Duration
	burst    int
}

const keptLimiters = 1 << 14

// NewThrottle makes one that allows burst times at once, and then once each interval.
func NewThrottle[K comparable](every time.Duration, burst int) *Throttle[K] {
	t := &Throttle[K]{every: every, burst: burst}
	t.limiters, _ = lru.New[K, *rate.Limiter](keptLimiters)
	return t
}

// Allow counts one time, or is a *TooManyError.
func (t *Throttle[K]) Allow(who K) error { return t.AllowAll(who, 1) }

// AllowAll counts so many times at once, or none and is a *TooManyError. More than are
// allowed at once count as that many.
func (t *Throttle[K]) AllowAll(who K, times int) error {
	reserved := t.limiter(who).ReserveN(time.Now(), min(times, t.burst))
	if wait := reserved.Delay(); wait > 0 {
		reserved.Cancel()
		return &TooManyError{wait}
	}
	return nil
}

func (t *Throttle[K]) limiter(who K) *rate.Limiter {
	t.mu.Lock()
	defer t.mu.Unlock()
	limiter, ok := t.limiters.Get(who)
	if !ok {
		limiter = rate.NewLimiter(rate.Every(t.every), t.burst)
		t.limiters.Add(who, limiter)
	}
	return limiter
}

// network is what one who has an address has for the asking: of IPv6, a /64 (RFC 6177).
func network(from netip.Addr) netip.Prefix {
	from = from.Unmap().WithZone("")
	bits := from.BitLen()
	if from.Is6() {
		bits = 64
	}
	prefix, _ := from.Prefix(bits) // the zero Addr has the zero Prefix
	return prefix
}
