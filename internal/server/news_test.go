package server

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/mail"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
	"github.com/google/go-cmp/cmp"

	"github.com/koonti/koonti/internal/content"
)

var (
	liisa = content.Person{Name: "Liisa", Email: "liisa@example.org"}
	matti = content.Person{Name: "Matti", Email: "matti@example.org"}
	ritva = content.Person{Name: "Ritva", Email: "Ritva@example.org"}
)

func newsOf(kind content.EventKind, by content.Person, text string) content.ProposalNews {
	p := &content.Proposal{
		Number: 12, Title: "Oikaisu", State: content.ProposalOpen, Author: liisa, Branch: "refs/heads/proposals/12", Head: "abc",
		Requested: []string{"matti@example.org", "Kukaan", "matti@example.org"},
		Comments:  []content.Comment{{Person: ritva}}, Reviews: []content.Review{{Person: matti}},
	}
	return content.ProposalNews{Proposal: p, Event: content.ProposalEvent{Kind: kind, Actor: by, At: time.Unix(0, 0), Text: text, Head: "abc"}}
}

func TestThoseAreToldWhomAnEventConcerns(t *testing.T) {
	for _, c := range []struct {
		name string
		kind content.EventKind
		by   content.Person
		want []string
	}{
		{"opening: who is asked for a review", content.EventOpened, liisa, []string{"matti@example.org"}},
		{"a comment: author and others, but for the one who wrote it", content.EventCommented, ritva, []string{"liisa@example.org", "matti@example.org"}},
		{"an approval", content.EventApproved, matti, []string{"liisa@example.org", "Ritva@example.org"}},
		{"an edition: who is asked, too", content.EventEdited, liisa, []string{"matti@example.org", "Ritva@example.org"}},
		{"a merge by somebody else", content.EventMerged, content.Person{Name: "Ylläpito"}, []string{"liisa@example.org", "matti@example.org", "Ritva@example.org"}},
	} {
		if diff := cmp.Diff(c.want, concerned(newsOf(c.kind, c.by, ""))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, diff)
		}
	}
}

// mailServer is a real SMTP server on loopback, which refuses the first mails.
type mailServer struct {
	mu      sync.Mutex
	refuses int
	got     []received
	address string
}

type received struct{ from, to, text string }

func newMailServer(t *testing.T, refuses int) *mailServer {
	t.Helper()
	m := &mailServer{refuses: refuses}
	server := smtp.NewServer(m)
	server.AllowInsecureAuth = true
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	m.address = listener.Addr().String()
	done := make(chan error, 1)
	go func() { done <- server.Serve(listener) }()
	t.Cleanup(func() {
		server.Close()
		if err := <-done; err != nil && !errors.Is(err, smtp.ErrServerClosed) {
			t.Errorf("mail server: %v", err)
		}
	})
	return m
}

func (m *mailServer) NewSession(*smtp.Conn) (smtp.Session, error) {
	return &mailSession{server: m}, nil
}

func (m *mailServer) letters() []received {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.got)
}

type mailSession struct {
	server *mailServer
	user   string
	letter received
}

func (s *mailSession) AuthMechanisms() []string { return []string{sasl.Plain} }

func (s *mailSession) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, username, password string) error {
		if username != "koonti" || password != "salainen" {
			return errors.New("wrong password")
		}
		s.user = username
		return nil
	}), nil
}

func (s *mailSession) Mail(from string, _ *smtp.MailOptions) error {
	if s.user == "" {
		return smtp.ErrAuthRequired
	}
	s.letter.from = from
	return nil
}

func (s *mailSession) Rcpt(to string, _ *smtp.RcptOptions) error {
	s.letter.to = to
	if strings.HasPrefix(to, "nobody@") {
		return &smtp.SMTPError{Code: 550, Message: "there is no " + to}
	}
	return nil
}

func (s *mailSession) Data(r io.Reader) error {
	text, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	s.server.mu.Lock()
	defer s.server.mu.Unlock()
	if s.server.refuses > 0 {
		s.server.refuses--
		return &smtp.SMTPError{Code: 451, Message: "try again"}
	}
	s.letter.text = string(text)
	s.server.got = append(s.server.got, s.letter)
	return nil
}

func (s *mailSession) Reset()        {}
func (s *mailSession) Logout() error { return nil }

// running runs a herald until the test ends.
func running(t *testing.T, cfg HeraldConfig) *Herald {
	t.Helper()
	h := NewHerald(cfg)
	ctx, cancel := context.WithCancel(context.Background())
	var group sync.WaitGroup
	group.Go(func() { h.RunHooks(ctx) })
	group.Go(func() { h.RunMails(ctx) })
	t.Cleanup(func() {
		cancel()
		group.Wait()
	})
	return h
}

// within waits until what holds.
func within(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(15 * time.Second); !holds(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("after 15 s still not: %s", what)
		}
	}
}

func TestMailIsSentThroughARealServer(t *testing.T) {
	server := newMailServer(t, 1)
	mailer, err := NewMailer(MailConfig{Server: "smtp://koonti@" + server.address, Password: "salainen", From: "Koonti <koonti@example.org>"})
	if err != nil {
		t.Fatal(err)
	}
	h := running(t, HeraldConfig{
		Mail: mailer, Public: "https://koonti.example.org/", Language: func() content.Language { return "fi" }, Waits: []time.Duration{time.Millisecond, time.Millisecond},
	})
	h.News([]content.ProposalNews{newsOf(content.EventCommented, ritva, "Mistä luku on?\nLähde puuttuu.")})
	within(t, "two letters", func() bool { return len(server.letters()) == 2 })
	first := server.letters()[0]
	if first.from != "koonti@example.org" || first.to != "liisa@example.org" {
		t.Errorf("from %s to %s", first.from, first.to)
	}
	msg, err := mail.ReadMessage(strings.NewReader(first.text))
	if err != nil {
		t.Fatal(err)
	}
	body, _ := io.ReadAll(msg.Body)
	if got := msg.Header.Get("Subject"); got != "[#12] Oikaisu" {
		t.Errorf("subject %q", got)
	}
	for _, want := range []string{"Ritva kommentoi ehdotusta 12:", "> L=C3=A4hde puuttuu.", "https://koonti.example.org/feeds/proposals.atom#12"} {
		if !strings.Contains(string(body), want) {
			t.Errorf("%q is not in\n%s", want, body)
		}
	}
	for _, l := range server.letters() {
		if strings.Contains(strings.ToLower(l.text), "ritva@") {
			t.Errorf("a letter shows somebody's address:\n%s", l.text)
		}
	}
}

// Anyone who proposes may ask any address for a review: one that there is not holds up
// nobody else's mail, and is not logged; nothing that people write becomes a header.
func TestMailToNobodyHoldsUpNoOther(t *testing.T) {
	server, log := newMailServer(t, 0), &journal{}
	mailer, err := NewMailer(MailConfig{Server: "smtp://koonti@" + server.address, Password: "salainen", From: "koonti@example.org"})
	if err != nil {
		t.Fatal(err)
	}
	h := running(t, HeraldConfig{Mail: mailer, Waits: []time.Duration{time.Hour}, Logger: slog.New(slog.NewJSONHandler(log, nil))})
	news := newsOf(content.EventOpened, ritva, "")
	p := *news.Proposal
	p.Title = "Hello\r\nBcc: eve@example.org\r\n\r\nBuy"
	p.Requested = []string{"nobody@example.org", "x@example.org\r\nBcc: eve@example.org", "x@example.org, eve@example.org", "somebody@example.org"}
	news.Proposal = &p
	h.News([]content.ProposalNews{news})
	within(t, "the letter behind it", func() bool { return len(server.letters()) == 1 })
	letter := server.letters()[0]
	msg, err := mail.ReadMessage(strings.NewReader(letter.text))
	if err != nil || letter.to != "somebody@example.org" || msg.Header.Get("Bcc") != "" {
		t.Errorf("to %s, %v:\n%s", letter.to, err, letter.text)
	}
	if text := log.String(); !strings.Contains(text, "given up telling") || strings.Contains(text, "nobody@") {
		t.Errorf("logged:\n%s", text)
	}
}

func TestMailConfigurationSaysWhatIsWrong(t *testing.T) {
	for server, want := range map[string]string{
		"mail.example.org": "smtp://user@host:port", "http://mail.example.org": "smtp://user@host:port", "smtp://": "smtp://user@host:port",
	} {
		if _, err := NewMailer(MailConfig{Server: server, From: "a@example.org"}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", server, err)
		}
	}
	if _, err := NewMailer(MailConfig{Server: "smtp://mail.example.org", From: "nobody"}); err == nil || !strings.Contains(err.Error(), `"nobody" is no address`) {
		t.Errorf("from: %v", err)
	}
}

func TestEventsAreToldInOrderToAWebhook(t *testing.T) {
	var mu sync.Mutex
	var got []string
	fails := 2
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		body, _ := io.ReadAll(r.Body)
		if fails--; fails >= 0 {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		mac := hmac.New(sha256.New, []byte("secret"))
		mac.Write([]byte(r.Header.Get("webhook-id") + "." + r.Header.Get("webhook-timestamp") + "." + string(body)))
		if r.Header.Get("webhook-signature") != "v1,"+base64.StdEncoding.EncodeToString(mac.Sum(nil)) {
			got = append(got, "badly signed")
		}
		var n proposalNotice
		if err := json.Unmarshal(body, &n); err != nil || strings.Contains(string(body), "@") {
			got = append(got, "bad body "+string(body))
		}
		got = append(got, n.Type+" "+n.Data.Title+" "+n.Data.Actor)
	}))
	defer receiver.Close()
	h := running(t, HeraldConfig{URL: receiver.URL, Secret: []byte("secret"), Waits: []time.Duration{time.Millisecond, time.Millisecond}})
	h.News([]content.ProposalNews{newsOf(content.EventOpened, liisa, ""), newsOf(content.EventApproved, matti, "")})
	h.News([]content.ProposalNews{newsOf(content.EventMerged, ritva, "")})
	within(t, "three notices", func() bool { mu.Lock(); defer mu.Unlock(); return len(got) == 3 })
	want := []string{"proposal.opened Oikaisu Liisa", "proposal.approved Oikaisu Matti", "proposal.merged Oikaisu Ritva"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("notices (-want +got):\n%s", diff)
	}
}
