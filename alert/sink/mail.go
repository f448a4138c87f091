package sink

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"mime"
	"mime/quotedprintable"
	"net"
	"net/mail"
	"net/smtp"
	"net/textproto"
	"strings"
	"time"

	"github.com/wattwerk/wattwerk/alert"
)

// MailOptions say how e-mail leaves.
type MailOptions struct {
	Server   string // HOST:PORT that takes mail
	From     string
	To       []string
	User     string // empty: no sign-in
	Password string
	Plain    bool        // go on without TLS when the server offers none
	TLS      *tls.Config // nil: the certificates of the system
}

// Mail sends messages by SMTP.
type Mail struct {
	o    MailOptions
	host string
}

// NewMail makes a sink; the addresses must be right.
func NewMail(o MailOptions) (*Mail, error) {
	host, _, err := net.SplitHostPort(o.Server)
	if err != nil || host == "" {
		return nil, fmt.Errorf("open mail: the server %q is not HOST:PORT", o.Server)
	}
	if len(o.To) == 0 {
		return nil, errors.New("open mail: nobody is named to send to")
	}
	for _, a := range append([]string{o.From}, o.To...) {
		at, err := mail.ParseAddress(a)
		if err != nil || at.Address != a {
			return nil, fmt.Errorf("open mail: %q is not an address like eva@example.org", a)
		}
	}
	if o.User != "" && o.Plain {
		return nil, errors.New("open mail: a password is not sent without TLS")
	}
	return &Mail{o: o, host: host}, nil
}

// Send hands the mail to the server; by STARTTLS, or by TLS at once on port 465.
func (s *Mail) Send(ctx context.Context, m alert.Message) error {
	conf := s.o.TLS.Clone()
	if conf == nil {
		conf = &tls.Config{MinVersion: tls.VersionTLS12}
	}
	if conf.ServerName == "" {
		conf.ServerName = s.host
	}
	conn, err := (&net.Dialer{Timeout: 10 * time.Second}).DialContext(ctx, "tcp", s.o.Server)
	if err != nil {
		return err
	}
	defer conn.Close() //nolint:errcheck // the mail is out, or it is not
	if until, ok := ctx.Deadline(); ok {
		if err := conn.SetDeadline(until); err != nil {
			return err
		}
	}
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
	safe := strings.HasSuffix(s.o.Server, ":465")
	if safe {
		conn = tls.Client(conn, conf)
	}
	c, err := smtp.NewClient(conn, s.host)
	if err != nil {
		return err
	}
	if ok, _ := c.Extension("STARTTLS"); ok && !safe {
		if err := c.StartTLS(conf); err != nil {
			return err
		}
		safe = true
	}
	if !safe && !s.o.Plain {
		return fmt.Errorf("%w: the mail server offers no TLS, and nothing is sent without unless the settings allow it", alert.ErrRefused)
	}
	if s.o.User != "" {
		if err := c.Auth(smtp.PlainAuth("", s.o.User, s.o.Password, s.host)); err != nil {
			return judge(err)
		}
	}
	if err := c.Mail(s.o.From); err != nil {
		return judge(err)
	}
	for _, to := range s.o.To {
		if err := c.Rcpt(to); err != nil {
			return judge(err)
		}
	}
	w, err := c.Data()
	if err != nil {
		return judge(err)
	}
	if _, err := w.Write(s.compose(m)); err != nil {
		return err
	}
	if err := w.Close(); err != nil {
		return judge(err)
	}
	_ = c.Quit() // the server has it
	return nil
}

// judge tells what the server refuses for good.
func judge(err error) error {
	var said *textproto.Error
	if errors.As(err, &said) && said.Code >= 500 && said.Code != 530 && said.Code != 535 {
		return fmt.Errorf("%w: %w", alert.ErrRefused, err)
	}
	return err
}

// compose writes the mail. Nothing of the message can add a header.
func (s *Mail) compose(m alert.Message) []byte {
	var b strings.Builder
	subject := strings.Map(func(r rune) rune {
		if r < ' ' {
			return ' '
		}
		return r
	}, m.Title)
	_, domain, _ := strings.Cut(s.o.From, "@")
	for _, h := range [][2]string{
		{"From", s.o.From}, {"To", strings.Join(s.o.To, ", ")}, {"Subject", mime.QEncoding.Encode("utf-8", subject)},
		{"Date", m.Time.Format(time.RFC1123Z)}, {"Message-ID", "<" + m.ID + "@" + domain + ">"}, {"Auto-Submitted", "auto-generated"},
		{"MIME-Version", "1.0"}, {"Content-Type", "text/plain; charset=utf-8"}, {"Content-Transfer-Encoding", "quoted-printable"},
	} {
		b.WriteString(h[0] + ": " + h[1] + "\r\n")
	}
	if m.Incident != "" {
		b.WriteString("References: <" + m.Incident + "@" + domain + ">\r\n") // one thread for one incident
	}
	b.WriteString("\r\n")
	w := quotedprintable.NewWriter(&b)
	_, _ = w.Write([]byte(text(m) + "\n")) // to memory
	_ = w.Close()
	return []byte(b.String())
}
