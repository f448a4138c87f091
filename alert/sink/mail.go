package sink

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net"
	"net/mail"
	"net/smtp"
	"net/textproto"
	"strings"
	"time"

	"github.com/wattwerk/wattwerk/alert"
	"github.com/wattwerk/wattwerk/internal/recipients"
)

// MailOptions say how e-mail leaves.
type MailOptions struct {
	Server   string // HOST:PORT that takes mail
	From     string
	To       []string // who is told of alerts; empty: it takes letters alone
	Language string   // of messages about alerts; empty: English
	User     string   // empty: no sign-in
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

var errNobody = fmt.Errorf("%w: nobody is named to send to", alert.ErrRefused)

// Send hands the mail to the server; by STARTTLS, or by TLS at once on port 465.
func (s *Mail) Send(ctx context.Context, m alert.Message) error {
	if len(s.o.To) == 0 {
		return errNobody
	}
	to := s.o.To
	if len(m.To) > 0 {
		to = m.To
	}
	return s.send(ctx, to, s.compose(m))
}

// File is a file that goes along with a [Letter].
type File struct {
	Name string // of ASCII letters, digits, dots and dashes
	Type string // media type
	Data []byte
}

// Letter is a mail that is not about an alert.
type Letter struct {
	ID      string // of letters, digits and dashes; the same when it is sent again
	To      []string
	Left    []string // who of them is left, when the others have it; empty: all
	Time    time.Time
	Subject string
	Text    string
	Files   []File
}

// SendLetter hands a letter to the server, as Send does.
func (s *Mail) SendLetter(ctx context.Context, l Letter) error {
	for _, a := range l.To {
		if at, err := mail.ParseAddress(a); err != nil || at.Address != a {
			return fmt.Errorf("%w: %q is not an address like eva@example.org", alert.ErrRefused, a)
		}
	}
	if len(l.To) == 0 {
		return errNobody
	}
	data, err := s.letter(l)
	if err != nil {
		return err
	}
	if len(l.Left) > 0 {
		return s.send(ctx, l.Left, data)
	}
	return s.send(ctx, l.To, data)
}

// send gives a mail to those whom the server takes it for: an [recipients.Partly] says
// who the others are. It fails when there are none.
func (s *Mail) send(ctx context.Context, addresses []string, data []byte) error {
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
	others, err := address(c, addresses)
	if err != nil {
		return err
	}
	w, err := c.Data()
	if err != nil {
		return judge(err)
	}
	if _, err := w.Write(data); err != nil {
		return err
	}
	if err := w.Close(); err != nil {
		return judge(err)
	}
	_ = c.Quit() // the server has it
	if len(others.Left)+len(others.Refused) > 0 {
		return &others
	}
	return nil
}

// address names the recipients, and gives those that the server does not take.
// It fails when it takes none.
func address(c *smtp.Client, addresses []string) (others recipients.Partly, err error) {
	var later []string
	for _, to := range addresses {
		err := c.Rcpt(to)
		if err == nil {
			continue
		}
		if said := new(textproto.Error); !errors.As(err, &said) {
			return others, err // the server is gone
		}
		said := to + ": " + err.Error()
		if errors.Is(judge(err), alert.ErrRefused) {
			others.Refused = append(others.Refused, said)
		} else {
			others.Left, later = append(others.Left, to), append(later, said)
		}
	}
	if len(later) > 0 {
		others.Why = errors.New(strings.Join(later, "; "))
	}
	switch {
	case len(others.Left)+len(others.Refused) < len(addresses):
		return others, nil
	case len(later) > 0:
		return others, errors.New(others.Error())
	}
	return others, fmt.Errorf("%w: %s", alert.ErrRefused, others.Error())
}

// judge tells what the server refuses for good.
func judge(err error) error {
	var said *textproto.Error
	if errors.As(err, &said) && said.Code >= 500 && said.Code != 530 && said.Code != 535 {
		return fmt.Errorf("%w: %w", alert.ErrRefused, err)
	}
	return err
}

// head begins a mail. Nothing that is said can add a header.
func (s *Mail) head(id string, to []string, subject string, at time.Time, more ...[2]string) *bytes.Buffer {
	b := new(bytes.Buffer)
	subject = strings.Map(func(r rune) rune {
		if r < ' ' {
			return ' '
		}
		return r
	}, subject)
	for _, h := range append([][2]string{
		{"From", s.o.From}, {"To", strings.Join(to, ", ")}, {"Subject", mime.QEncoding.Encode("utf-8", subject)},
		{"Date", at.Format(time.RFC1123Z)}, {"Message-ID", "<" + id + "@" + s.domain() + ">"}, {"Auto-Submitted", "auto-generated"}, {"MIME-Version", "1.0"},
	}, more...) {
		b.WriteString(h[0] + ": " + h[1] + "\r\n")
	}
	return b
}

func (s *Mail) domain() string {
	_, domain, _ := strings.Cut(s.o.From, "@")
	return domain
}

var plainText = [][2]string{{"Content-Type", "text/plain; charset=utf-8"}, {"Content-Transfer-Encoding", "quoted-printable"}}

// compose writes the mail of an alert.
func (s *Mail) compose(m alert.Message) []byte {
	more := plainText
	if m.Incident != "" { // one thread for one incident
		more = append(more[:2:2], [2]string{"References", "<" + m.Incident + "@" + s.domain() + ">"})
	}
	title, sentence := m.Say(s.o.Language)
	b := s.head(m.ID, s.o.To, title, m.Time, more...)
	b.WriteString("\r\n")
	w := quotedprintable.NewWriter(b)
	_, _ = w.Write([]byte(text(sentence, &m) + "\n")) // to memory
	_ = w.Close()
	return b.Bytes()
}

// letter writes a letter, its text first.
func (s *Mail) letter(l Letter) ([]byte, error) {
	var body bytes.Buffer
	parts := multipart.NewWriter(&body)
	w, err := parts.CreatePart(textproto.MIMEHeader{plainText[0][0]: {plainText[0][1]}, plainText[1][0]: {plainText[1][1]}})
	if err != nil {
		return nil, err
	}
	q := quotedprintable.NewWriter(w)
	_, err = q.Write([]byte(l.Text))
	if err = errors.Join(err, q.Close()); err != nil {
		return nil, err
	}
	for _, f := range l.Files {
		if w, err = parts.CreatePart(textproto.MIMEHeader{
			"Content-Type": {f.Type}, "Content-Transfer-Encoding": {"base64"},
			"Content-Disposition": {mime.FormatMediaType("attachment", map[string]string{"filename": f.Name})},
		}); err != nil {
			return nil, err
		}
		text := base64.StdEncoding.EncodeToString(f.Data)
		for len(text) > 0 {
			n := min(len(text), 76)
			if _, err := io.WriteString(w, text[:n]+"\r\n"); err != nil {
				return nil, err
			}
			text = text[n:]
		}
	}
	if err := parts.Close(); err != nil {
		return nil, err
	}
	b := s.head(l.ID, l.To, l.Subject, l.Time, [2]string{"Content-Type", mime.FormatMediaType("multipart/mixed", map[string]string{"boundary": parts.Boundary()})})
	b.WriteString("\r\n")
	b.Write(body.Bytes())
	return b.Bytes(), nil
}
