package server

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/koonti/koonti/internal/content"
)

var empty = content.NewSnapshot(nil, nil, nil)

// builder is a service that builds a static site when it is told to; it fails the
// first times.
type builder struct {
	mu      sync.Mutex
	fails   int
	tries   int
	ids     map[string]bool
	commits []string
	bad     []string
}

func (b *builder) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	b.mu.Lock()
	defer b.mu.Unlock()
	body, _ := io.ReadAll(r.Body)
	mac := hmac.New(sha256.New, []byte("secret"))
	mac.Write([]byte(r.Header.Get("webhook-id") + "." + r.Header.Get("webhook-timestamp") + "." + string(body)))
	if r.Header.Get("webhook-signature") != "v1,"+base64.StdEncoding.EncodeToString(mac.Sum(nil)) {
		b.bad = append(b.bad, r.Header.Get("webhook-signature"))
	}
	b.tries++
	b.ids[r.Header.Get("webhook-id")] = true
	if b.tries <= b.fails {
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	var n notice
	if err := json.Unmarshal(body, &n); err != nil || n.Type != "view.published" {
		b.bad = append(b.bad, string(body))
	}
	b.commits = append(b.commits, n.Data.Commit)
}

func TestNewViewsAreTold(t *testing.T) {
	for _, test := range []struct {
		name  string
		fails int
		waits []time.Duration
		tries int
		want  string
	}{
		{"at once", 0, []time.Duration{time.Hour}, 1, "abc"},
		{"after two failures", 2, []time.Duration{time.Millisecond, time.Millisecond}, 3, "abc"},
		{"never", 9, []time.Duration{time.Millisecond}, 2, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			b := &builder{fails: test.fails, ids: map[string]bool{}}
			site := httptest.NewServer(b)
			defer site.Close()
			n := NewNotifier(NotifierConfig{URL: site.URL, Secret: []byte("secret"), Waits: test.waits})
			n.tell(context.Background(), &content.View{Commit: "abc", Snapshot: empty})
			got := ""
			if len(b.commits) > 0 {
				got = b.commits[0]
			}
			if b.tries != test.tries || got != test.want || len(b.bad) > 0 || len(b.ids) != 1 {
				t.Errorf("%d tries under %d ids, told %q, bad %q", b.tries, len(b.ids), got, b.bad)
			}
		})
	}
}

func TestANewerViewTakesThePlaceOfOneNotTold(t *testing.T) {
	b := &builder{fails: 1, ids: map[string]bool{}}
	site := httptest.NewServer(b)
	defer site.Close()
	n := NewNotifier(NotifierConfig{URL: site.URL, Secret: []byte("secret"), Waits: []time.Duration{time.Hour}})
	for _, commit := range []content.Hash{"one", "two", "three"} {
		n.Published(&content.View{Commit: commit, Snapshot: empty})
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- n.Run(ctx) }()
	for {
		b.mu.Lock()
		tries := b.tries
		b.mu.Unlock()
		if tries == 1 {
			break
		}
		time.Sleep(time.Millisecond)
	}
	n.Published(&content.View{Commit: "four", Snapshot: empty})
	deadline := time.Now().Add(10 * time.Second)
	for told := false; !told && time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		b.mu.Lock()
		told = len(b.commits) > 0
		b.mu.Unlock()
	}
	cancel()
	if err := <-done; err != nil || len(b.commits) != 1 || b.commits[0] != "four" || len(b.ids) != 2 {
		t.Errorf("told %v in %d notices, %v", b.commits, len(b.ids), err)
	}
}
