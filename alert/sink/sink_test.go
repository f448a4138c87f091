package sink_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"mime/quotedprintable"
	"net"
	"net/http"
	"net/http/httptest"
	"net/mail"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/wattwerk/wattwerk/alert"
	"github.com/wattwerk/wattwerk/alert/rule"
	"github.com/wattwerk/wattwerk/alert/sink"
	"github.com/wattwerk/wattwerk/internal/phrase"
	"github.com/wattwerk/wattwerk/internal/recipients"
)

var message = alert.Message{
	ID: "abc-fired-1", Change: "fired", Rule: "peak", Severity: "critical", Incident: "abc", Time: time.UnixMilli(1e12), Title: "critical: Übermaß\r\nBcc: x@example.org",
	Sentence: "Fired: group hall above 1 kW", Text: "Look at the oven.",
}

func TestWebhook(t *testing.T) {
	secret := []byte("0123456789abcdef")
	status := http.StatusOK
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		at, signed, ok := strings.Cut(strings.TrimPrefix(r.Header.Get("Wattwerk-Signature"), "t="), ",v1=")
		sec, err := strconv.ParseInt(at, 10, 64)
		if !ok || err != nil || sink.Sign(secret, sec, body) != signed || sink.Sign([]byte("another one, 16 b"), sec, body) == signed {
			t.Errorf("signature %q, %v", r.Header.Get("Wattwerk-Signature"), err)
		}
		var m alert.Message
		if err := json.Unmarshal(body, &m); err != nil || m.ID != message.ID || r.Header.Get("Idempotency-Key") != message.ID {
			t.Errorf("got %s, %v", body, err)
		}
		if status/100 == 3 {
			w.Header().Set("Location", "/elsewhere")
		}
		w.WriteHeader(status)
	}))
	defer server.Close()
	hook, err := sink.NewWebhook(server.URL+"/hook", secret, true)
	if err != nil {
		t.Fatal(err)
	}
	for code, refused := range map[int]bool{200: false, 204: false, 400: true, 410: true, 307: true, 429: false, 500: false, 503: false} {
		status = code
		err := hook.Send(t.Context(), message)
		if (err == nil) != (code/100 == 2) || errors.Is(err, alert.ErrRefused) != refused {
			t.Errorf("%d gives %v", code, err)
		}
	}
	// Without the setting nothing goes to this machine, by whatever name.
	status = http.StatusOK
	_, port, err := net.SplitHostPort(server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	for _, host := range []string{"127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]", "10.1.2.3", "169.254.169.254", "100.64.0.1", "0.0.0.0"} {
		careful, err := sink.NewWebhook("http://"+host+":"+port+"/hook?token=private", secret, false)
		if err != nil {
			t.Fatal(err)
		}
		if err := careful.Send(t.Context(), message); !errors.Is(err, alert.ErrRefused) || strings.Contains(err.Error(), "token") {
			t.Errorf("%s: %v", host, err)
		}
	}
	if _, err := sink.NewWebhook(server.URL, []byte("short"), true); err == nil {
		t.Error("a short secret")
	}
	if _, err := sink.NewWebhook("ftp://x/", secret, true); err == nil {
		t.Error("ftp")
	}
}

func TestNtfy(t *testing.T) {
	var got map[string]any
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/base/" || r.Header.Get("Authorization") != "Bearer tk" {
			t.Errorf("%s %v", r.URL, r.Header)
		}
		if err := json.NewDecoder(r.Body).Decode(&got); err != nil {
			t.Error(err)
		}
	}))
	defer server.Close()
	n, err := sink.NewNtfy(server.URL+"/base/plant", "tk", "", true)
	if err != nil {
		t.Fatal(err)
	}
	if err := n.Send(t.Context(), message); err != nil {
		t.Fatal(err)
	}
	if got["topic"] != "plant" || got["priority"] != 5. || got["message"] != "Fired: group hall above 1 kW\n\nLook at the oven." {
		t.Errorf("got %v", got)
	}
	if _, err := sink.NewNtfy("https://ntfy.example.org", "", "", true); err == nil {
		t.Error("no topic")
	}
}

// TestLanguage sends to people in German, and what has no params in English.
func TestLanguage(t *testing.T) {
	var got map[string]any
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if err := json.NewDecoder(r.Body).Decode(&got); err != nil {
			t.Error(err)
		}
	}))
	defer server.Close()
	n, err := sink.NewNtfy(server.URL+"/plant", "", "de", true)
	if err != nil {
		t.Fatal(err)
	}
	addr, mails := smtpServer(t, "250 ok")
	m, err := sink.NewMail(sink.MailOptions{Server: addr, From: "wattwerk@example.org", To: []string{"eva@example.org"}, Plain: true, Language: "de"})
	if err != nil {
		t.Fatal(err)
	}
	at := time.UnixMilli(1e12).UTC()
	coded := alert.Message{
		ID: "abc-fired-1", Change: rule.Fired, Rule: "loss", Name: "Loss", Severity: rule.Critical, Of: rule.Unaccounted, Time: at, Title: "critical: Loss (unaccounted)", Sentence: "Fired: …",
		Code: phrase.AlertAbove, Params: &rule.Case{Change: rule.Fired, Group: "hall", Of: rule.Unaccounted, Value: new(1234.5), Limit: 1000, Unit: "W", Time: at, Since: at, Zone: "Europe/Berlin"},
	}
	const title, sentence = "Kritisch: Loss (nicht zugeordnet)", "Ausgelöst: Nicht zugeordnetes in Gruppe hall über 1 kW, aktuell 1,234 kW, seit 03:46 Uhr"
	if err := n.Send(t.Context(), coded); err != nil || got["title"] != title || got["message"] != sentence {
		t.Errorf("sent is %v, %v", got, err)
	}
	if err := m.Send(t.Context(), coded); err != nil {
		t.Fatal(err)
	}
	read, err := mail.ReadMessage(strings.NewReader(<-mails))
	if err != nil {
		t.Fatal(err)
	}
	subject, err := new(mime.WordDecoder).DecodeHeader(read.Header.Get("Subject"))
	body, bad := io.ReadAll(quotedprintable.NewReader(read.Body))
	if err != nil || bad != nil || subject != title || strings.TrimSpace(string(body)) != sentence {
		t.Errorf("sent is %q, %q, %v, %v", subject, body, err, bad)
	}
	for change, want := range map[rule.Change]string{rule.Resolved: "Beendet: Loss (nicht zugeordnet)", rule.Withdrawn: "Zurückgezogen: Loss (nicht zugeordnet)", alert.Test: "Test von Wattwerk"} {
		coded.Change = change
		if title, _ := coded.Say("de"); title != want {
			t.Errorf("%s is %q", change, title)
		}
	}
	if err := n.Send(t.Context(), message); err != nil || got["message"] != "Fired: group hall above 1 kW\n\nLook at the oven." {
		t.Errorf("sent is %v, %v", got, err)
	}
}

// smtpServer takes mail in the clear and answers RCPT as it is told: by one
// answer, or by several lines of an address and the answer for it.
func smtpServer(t *testing.T, rcpt string) (addr string, got chan string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	got = make(chan string, 10)
	done := make(chan struct{})
	t.Cleanup(func() { _ = l.Close(); <-done })
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			talk(c, rcpt, got)
			_ = c.Close()
		}
	}()
	return l.Addr().String(), got
}

func talk(c net.Conn, rcpt string, got chan<- string) {
	say := func(s string) { _, _ = io.WriteString(c, s+"\r\n") }
	say("220 test")
	var data strings.Builder
	in := false
	for s := bufio.NewScanner(c); s.Scan(); {
		line := s.Text()
		switch word, _, _ := strings.Cut(line, " "); {
		case in && line == ".":
			in = false
			got <- data.String()
			say("250 taken")
		case in:
			data.WriteString(line + "\n")
		case word == "EHLO":
			say("250-test\r\n250 8BITMIME")
		case word == "RCPT":
			answer := rcpt
			for l := range strings.Lines(rcpt) {
				if to, said, ok := strings.Cut(strings.TrimSpace(l), " "); ok && strings.Contains(line, "<"+to+">") {
					answer = said
				}
			}
			say(answer)
		case word == "DATA":
			in = true
			say("354 go on")
		case word == "QUIT":
			say("221 bye")
			return
		default:
			say("250 ok")
		}
	}
}

func TestMail(t *testing.T) {
	addr, got := smtpServer(t, "250 ok")
	o := sink.MailOptions{Server: addr, From: "wattwerk@example.org", To: []string{"eva@example.org"}}
	careful, err := sink.NewMail(o)
	if err != nil {
		t.Fatal(err)
	}
	if err := careful.Send(t.Context(), message); !errors.Is(err, alert.ErrRefused) || !strings.Contains(err.Error(), "no TLS") {
		t.Errorf("without TLS: %v", err)
	}
	o.Plain = true
	m, err := sink.NewMail(o)
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Send(t.Context(), message); err != nil {
		t.Fatal(err)
	}
	text := <-got
	for _, want := range []string{"Message-ID: <abc-fired-1@example.org>\n", "References: <abc@example.org>\n", "Subject: =?utf-8?q?", "\n\nFired: group hall above 1 kW\n"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in\n%s", want, text)
		}
	}
	if strings.Contains(text, "\nBcc:") {
		t.Errorf("the title became a header:\n%s", text)
	}
	for answer, refused := range map[string]bool{"550 nobody": true, "451 later": false} {
		addr, _ := smtpServer(t, answer)
		o.Server = addr
		m, err := sink.NewMail(o)
		if err != nil {
			t.Fatal(err)
		}
		if err := m.Send(t.Context(), message); err == nil || errors.Is(err, alert.ErrRefused) != refused {
			t.Errorf("%s: %v", answer, err)
		}
	}
	o.User = "eva"
	if _, err := sink.NewMail(o); err == nil {
		t.Error("a password without TLS")
	}
	o.User, o.To = "", []string{"eva@example.org\r\nBcc: x@example.org"}
	if _, err := sink.NewMail(o); err == nil {
		t.Error("an address with a line break")
	}
}

// TestRecipients sends to those that the server takes mail for, and says who the
// others are: nobody is left without an alert on account of somebody else.
func TestRecipients(t *testing.T) {
	const tom, eva, max = "tom@example.org", "eva@example.org", "max@example.org"
	for name, x := range map[string]struct {
		answers       string
		only          []string // whom it is sent to; nil: all
		told, refused bool
		left          []string
		gone          string // who is refused for good
	}{
		"one has left":        {answers: tom + " 550 no such user\n" + eva + " 250 ok\n" + max + " 250 ok", told: true, gone: tom + ": 550 "},
		"one has to wait":     {answers: tom + " 250 ok\n" + eva + " 451 later\n" + max + " 250 ok", told: true, left: []string{eva}},
		"one of each":         {answers: tom + " 550 no such user\n" + eva + " 451 later\n" + max + " 250 ok", told: true, left: []string{eva}, gone: tom + ": 550 "},
		"the one who waited":  {answers: tom + " 550 no such user\n" + eva + " 250 ok\n" + max + " 550 not again", only: []string{eva}, told: true},
		"all have left":       {answers: tom + " 550 no such user\n" + eva + " 550 no such user\n" + max + " 551 moved", refused: true},
		"nobody is taken now": {answers: tom + " 550 no such user\n" + eva + " 451 later\n" + max + " 452 full"},
	} {
		t.Run(name, func(t *testing.T) {
			addr, got := smtpServer(t, x.answers)
			m, err := sink.NewMail(sink.MailOptions{Server: addr, From: "wattwerk@example.org", To: []string{tom, eva, max}, Plain: true})
			if err != nil {
				t.Fatal(err)
			}
			one := message
			one.To = x.only
			letter := sink.Letter{ID: "report-abc", To: []string{tom, eva, max}, Left: x.only, Time: one.Time}
			for i, err := range []error{m.Send(t.Context(), one), m.SendLetter(t.Context(), letter)} {
				var partly *recipients.Partly
				switch some := errors.As(err, &partly); {
				case !x.told:
					if err == nil || some || errors.Is(err, alert.ErrRefused) != x.refused {
						t.Errorf("%d: %v", i, err)
					}
				case x.left == nil && x.gone == "":
					if err != nil {
						t.Errorf("%d: %v", i, err)
					}
				case !some || !slices.Equal(partly.Left, x.left) || len(partly.Refused) > 1 || !strings.HasPrefix(strings.Join(partly.Refused, ""), x.gone) || (len(partly.Refused) > 0) != (x.gone != "") || (partly.Why != nil) != (x.left != nil):
					t.Errorf("%d: %v", i, err)
				}
			}
			if want := map[bool]int{true: 2}[x.told]; len(got) != want {
				t.Errorf("%d mails, not %d", len(got), want)
			}
		})
	}
}

type broker struct {
	topic string
	data  []byte
}

func (b *broker) Publish(_ context.Context, topic string, data []byte) error {
	b.topic, b.data = topic, data
	return nil
}

func TestMQTT(t *testing.T) {
	b := new(broker)
	m, err := sink.NewMQTT(b, "plant/alerts")
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Send(t.Context(), message); err != nil || b.topic != "plant/alerts" || !strings.Contains(string(b.data), `"id":"abc-fired-1"`) {
		t.Error(err, b)
	}
}
