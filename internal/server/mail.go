package server

import (
	"context"
	"errors"
	"fmt"
	"net"
	netmail "net/mail"
	"net/url"
	"strconv"
	"time"

	"github.com/wneessen/go-mail"

	"github.com/koonti/koonti/internal/content"
)

// Mailer sends mail through one server (RFC 5321). It is safe for concurrent use.
type Mailer struct {
	client *mail.Client
	from   string
	domain string
}

// MailConfig says how mail is sent.
type MailConfig struct {
	// Server is smtp://user@host:port, where the connection is encrypted by STARTTLS
	// unless the host is this machine, or smtps://, where it is from the beginning. The
	// user may be left out.
	Server string
	// Password is that of the user. It is never logged.
	Password string
	// From is the address that mail comes from.
	From string
}

// mailTimeout is how long sending one mail may take.
const mailTimeout = 30 * time.Second

// NewMailer checks a configuration; nothing is sent. The error says which part is wrong.
func NewMailer(cfg MailConfig) (*Mailer, error) {
	u, err := url.Parse(cfg.Server)
	if err != nil || u.Hostname() == "" || u.Scheme != "smtp" && u.Scheme != "smtps" {
		return nil, fmt.Errorf("the mail server is smtp://user@host:port or smtps://user@host:port: %w", content.ErrInvalid)
	}
	from, err := netmail.ParseAddress(cfg.From)
	if err != nil {
		return nil, fmt.Errorf("%q is no address that mail can come from: %w", cfg.From, content.ErrInvalid)
	}
	options := []mail.Option{mail.WithTimeout(mailTimeout), mail.WithTLSPortPolicy(mail.TLSMandatory)}
	auth := mail.SMTPAuthAutoDiscover
	if u.Scheme == "smtps" {
		options = append(options, mail.WithSSLPort(false))
	} else if isLoopback(u.Hostname()) {
		options = append(options, mail.WithTLSPortPolicy(mail.TLSOpportunistic))
		auth = mail.SMTPAuthPlain // nobody listens on the way, and the former wants TLS for it
	}
	if port := u.Port(); port != "" {
		n, err := strconv.Atoi(port)
		if err != nil {
			return nil, fmt.Errorf("%q is no port: %w", port, content.ErrInvalid)
		}
		options = append(options, mail.WithPort(n))
	}
	if u.User != nil {
		options = append(options, mail.WithSMTPAuth(auth), mail.WithUsername(u.User.Username()), mail.WithPassword(cfg.Password))
	}
	client, err := mail.NewClient(u.Hostname(), options...)
	if err != nil {
		return nil, fmt.Errorf("set up mail: %w", err)
	}
	return &Mailer{client, from.String(), from.Address}, nil
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// errUndeliverable says that a mail was refused for good: it is not sent again, and does
// not hold up those behind it.
var errUndeliverable = errors.New("the mail is refused for good")

// send sends one letter. The error names no address, and so has nothing of what the server
// said but the code; it wraps errUndeliverable where that is 5xx (RFC 5321, 4.2.1).
func (m *Mailer) send(ctx context.Context, l letter) error {
	msg := mail.NewMsg()
	if err := msg.From(m.from); err != nil {
		return fmt.Errorf("write a mail: %w", err)
	}
	if err := msg.To(l.to); err != nil {
		return nil // what somebody wrote for an address, and no server could take
	}
	msg.Subject(l.subject)
	msg.SetMessageID()
	msg.SetDate()
	thread := "<" + l.thread + "." + m.domain + ">"
	msg.SetGenHeader(mail.HeaderReferences, thread)
	msg.SetGenHeader(mail.HeaderInReplyTo, thread)
	msg.SetGenHeader("Auto-Submitted", "auto-generated") // RFC 3834, section 5
	msg.SetBodyString(mail.TypeTextPlain, l.body)
	err := m.client.DialAndSendWithContext(ctx, msg)
	var refused *mail.SendError
	switch {
	case err == nil:
		return nil
	case !errors.As(err, &refused):
		return fmt.Errorf("send a mail: %w", err)
	case refused.ErrorCode() >= 500:
		return fmt.Errorf("send a mail: %w: %s (%d)", errUndeliverable, refused.Reason, refused.ErrorCode())
	}
	return fmt.Errorf("send a mail: %s (%d)", refused.Reason, refused.ErrorCode())
}
