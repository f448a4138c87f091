package sink_test

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"io"
	"net"
	"net/http/httptest"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/wattwerk/wattwerk/alert"
	"github.com/wattwerk/wattwerk/alert/sink"
)

// safeServer takes mail by STARTTLS alone, from who signs in as eva. What it is
// told in the clear and what it is told behind TLS are given apart.
type safeServer struct {
	addr  string
	roots *x509.CertPool
	plain chan string
	mails chan string
}

func newSafeServer(t *testing.T) *safeServer {
	t.Helper()
	// Its certificate, for 127.0.0.1, is that of any test server.
	web := httptest.NewTLSServer(nil)
	web.Close()
	s := &safeServer{roots: x509.NewCertPool(), plain: make(chan string, 100), mails: make(chan string, 10)}
	s.roots.AddCert(web.Certificate())
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.addr = l.Addr().String()
	done := make(chan struct{})
	t.Cleanup(func() { _ = l.Close(); <-done })
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			s.talk(c, web.TLS)
			_ = c.Close()
		}
	}()
	return s
}

func (s *safeServer) talk(c net.Conn, conf *tls.Config) {
	say := func(text string) { _, _ = io.WriteString(c, text+"\r\n") }
	say("220 test")
	lines, safe, known := bufio.NewScanner(c), false, false
	for lines.Scan() {
		line := lines.Text()
		if !safe {
			s.plain <- line
		}
		switch word, rest, _ := strings.Cut(line, " "); {
		case word == "EHLO" && !safe:
			say("250-test\r\n250 STARTTLS")
		case word == "EHLO":
			say("250-test\r\n250 AUTH PLAIN")
		case word == "STARTTLS":
			say("220 go on")
			c = tls.Server(c, conf)
			lines, safe = bufio.NewScanner(c), true
		case word == "AUTH":
			_, data, _ := strings.Cut(rest, " ")
			said, _ := base64.StdEncoding.DecodeString(data)
			if known = string(said) == "\x00eva\x00correct horse"; known {
				say("235 welcome")
			} else {
				say("535 who are you")
			}
		case !safe || !known:
			say("530 sign in first")
		case word == "DATA":
			say("354 go on")
			var mail strings.Builder
			for lines.Scan() && lines.Text() != "." {
				mail.WriteString(lines.Text() + "\n")
			}
			s.mails <- mail.String()
			say("250 taken")
		case word == "QUIT":
			say("221 bye")
			return
		default:
			say("250 ok")
		}
	}
}

// TestMailByTLS signs in and sends behind STARTTLS, and says nothing in the clear
// but hello.
func TestMailByTLS(t *testing.T) {
	s := newSafeServer(t)
	o := sink.MailOptions{
		Server: s.addr, From: "wattwerk@example.org", To: []string{"eva@example.org"}, User: "eva", Password: "correct horse", TLS: &tls.Config{RootCAs: s.roots},
	}
	send := func(o sink.MailOptions) error {
		t.Helper()
		m, err := sink.NewMail(o)
		if err != nil {
			t.Fatal(err)
		}
		return m.Send(t.Context(), message)
	}
	if err := send(o); err != nil {
		t.Fatal(err)
	}
	if mail := <-s.mails; !strings.Contains(mail, "Fired: group hall above 1 kW") || !strings.Contains(mail, "Message-ID: <abc-fired-1@example.org>") {
		t.Errorf("got\n%s", mail)
	}
	if a, b := <-s.plain, <-s.plain; !strings.HasPrefix(a, "EHLO") || b != "STARTTLS" || len(s.plain) != 0 {
		t.Errorf("in the clear were said %q, %q, and %d lines more", a, b, len(s.plain))
	}
	// A wrong password may be mended: it is tried again.
	wrong := o
	wrong.Password = "wrong"
	if err := send(wrong); err == nil || errors.Is(err, alert.ErrRefused) || !strings.Contains(err.Error(), "535") {
		t.Errorf("with a wrong password: %v", err)
	}
	// A certificate that nobody vouches for: no password is told.
	other := o
	other.TLS = &tls.Config{RootCAs: x509.NewCertPool()}
	if _, ok := errors.AsType[*tls.CertificateVerificationError](send(other)); !ok {
		t.Error("a certificate of nobody is believed")
	}
	if len(s.mails) != 0 {
		t.Error("mail went out all the same")
	}
}

// TestSignatureOnThePage holds docs/alerts.md to the signature it shows.
func TestSignatureOnThePage(t *testing.T) {
	page, err := os.ReadFile("../../docs/alerts.md")
	if err != nil {
		t.Fatal(err)
	}
	found := regexp.MustCompile("with the secret `([^`]+)` the body `([^`]+)` has the header\n`Wattwerk-Signature: t=([0-9]+),v1=([0-9a-f]+)`").FindSubmatch(page)
	if found == nil {
		t.Fatal("the page has lost its signature")
	}
	at, err := strconv.ParseInt(string(found[3]), 10, 64)
	if err != nil || sink.Sign(found[1], at, found[2]) != string(found[4]) {
		t.Errorf("signed it is %s, %v", sink.Sign(found[1], at, found[2]), err)
	}
}
