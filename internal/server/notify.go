package server

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strconv"
	"time"

	"github.com/koonti/koonti/internal/content"
)

// NotifierConfig says whom to tell of new views.
type NotifierConfig struct {
	URL string
	// Secret signs the notices; empty sends them unsigned.
	Secret []byte
	// Logger takes what was told, and what could not be; nil drops it. The URL and
	// the secret are never logged.
	Logger *slog.Logger
	// Waits are the pauses before each new try; five, of 1 s to 5 min.
	Waits []time.Duration
}

// Notifier posts a notice whenever a new view is served, so that static sites can be
// built anew. A notice holds no content, only that there is some: whoever gets it
// asks for what it needs. It is sent as the Standard Webhooks specification says:
// the headers webhook-id, webhook-timestamp and webhook-signature, "v1," and the
// base64 HMAC-SHA256 of "id.timestamp.body".
type Notifier struct {
	cfg    NotifierConfig
	newest chan *content.View
	hook   hook
}

// notice is the body of a notice.
type notice struct {
	Type      string     `json:"type"`
	Timestamp time.Time  `json:"timestamp"`
	Data      noticeData `json:"data"`
}

type noticeData struct {
	Key      string `json:"key"`
	Commit   string `json:"commit"`
	Ref      string `json:"ref"`
	Records  int    `json:"records"`
	Problems int    `json:"problems"`
}

// defaultWaits are the pauses before each new try.
var defaultWaits = []time.Duration{time.Second, 5 * time.Second, 30 * time.Second, 2 * time.Minute, 5 * time.Minute}

// noticeTimeout is how long one try may take.
const noticeTimeout = 10 * time.Second

// NewNotifier makes a notifier that does nothing before Run.
func NewNotifier(cfg NotifierConfig) *Notifier {
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if cfg.Waits == nil {
		cfg.Waits = defaultWaits
	}
	return &Notifier{cfg: cfg, newest: make(chan *content.View, 1), hook: newHook(cfg.URL, cfg.Secret)}
}

// Published takes note of a view. It never blocks: a notice not sent yet gives way
// to the newer one. It has one caller at a time.
func (n *Notifier) Published(view *content.View) {
	select {
	case <-n.newest:
	default:
	}
	n.newest <- view
}

// Run sends notices until ctx ends, and then returns nil.
func (n *Notifier) Run(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case view := <-n.newest:
			n.tell(ctx, view)
		}
	}
}

// tell sends one notice, again and again until it is taken, a newer one comes, or
// the tries are used up.
func (n *Notifier) tell(ctx context.Context, view *content.View) {
	id := "msg_" + rand.Text()
	for try := 0; ; try++ {
		err := n.post(ctx, id, view)
		if err == nil {
			n.cfg.Logger.Info("notice taken", "commit", string(view.Commit), "tries", try+1)
			return
		}
		if try == len(n.cfg.Waits) {
			n.cfg.Logger.Error("notice given up", "commit", string(view.Commit), "tries", try+1, "err", err)
			return
		}
		n.cfg.Logger.Warn("notice not taken, trying again", "commit", string(view.Commit), "err", err, "wait", n.cfg.Waits[try])
		select {
		case <-ctx.Done():
			return
		case view = <-n.newest:
			id, try = "msg_"+rand.Text(), -1
		case <-time.After(n.cfg.Waits[try]):
		}
	}
}

func (n *Notifier) post(ctx context.Context, id string, view *content.View) error {
	return n.hook.post(ctx, id, notice{"view.published", view.Published.UTC(), noticeData{
		view.Key, string(view.Commit), view.Ref, view.Snapshot.Count(), len(view.Problems),
	}})
}

// hook is an address that notices are posted to, as the Standard Webhooks specification
// says.
type hook struct {
	url    string
	secret []byte
	client *http.Client
}

func newHook(url string, secret []byte) hook {
	return hook{url, secret, &http.Client{Timeout: noticeTimeout}}
}

// post sends one notice, once. id is the same at each try.
func (h hook) post(ctx context.Context, id string, notice any) error {
	body, err := json.Marshal(notice)
	if err != nil {
		return err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, h.url, bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("the address for notices is malformed: %w", content.ErrInvalid)
	}
	timestamp := strconv.FormatInt(time.Now().Unix(), 10)
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("User-Agent", "koonti")
	request.Header.Set("webhook-id", id)
	request.Header.Set("webhook-timestamp", timestamp)
	if len(h.secret) > 0 {
		mac := hmac.New(sha256.New, h.secret)
		fmt.Fprintf(mac, "%s.%s.%s", id, timestamp, body)
		request.Header.Set("webhook-signature", "v1,"+base64.StdEncoding.EncodeToString(mac.Sum(nil)))
	}
	response, err := h.client.Do(request)
	if err != nil {
		return fmt.Errorf("no answer from the address for notices: %w", content.ErrUnavailable)
	}
	defer response.Body.Close()
	io.Copy(io.Discard, io.LimitReader(response.Body, 64<<10))
	if response.StatusCode/100 != 2 {
		return fmt.Errorf("answered %s: %w", response.Status, content.ErrUnavailable)
	}
	return nil
}
