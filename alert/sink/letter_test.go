package sink_test

import (
	"encoding/base64"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net/mail"
	"strings"
	"testing"
	"time"

	"github.com/wattwerk/wattwerk/alert"
	"github.com/wattwerk/wattwerk/alert/sink"
)

// TestLetter sends a mail with files and reads it as a mail program does.
func TestLetter(t *testing.T) {
	addr, got := smtpServer(t, "250 ok")
	m, err := sink.NewMail(sink.MailOptions{Server: addr, From: "wattwerk@example.org", Plain: true})
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Send(t.Context(), message); !errors.Is(err, alert.ErrRefused) {
		t.Errorf("an alert to nobody: %v", err)
	}
	data := strings.Repeat("\x00\xffjust any bytes\r\n.\r\n", 300)
	l := sink.Letter{
		ID: "report-abc", To: []string{"max@example.org", "ada@example.org"}, Time: time.UnixMilli(1e12), Subject: "Übersicht\r\nBcc: x@example.org",
		Text: "Übersicht\nend", Files: []sink.File{{Name: "a.html", Type: "text/html; charset=utf-8", Data: []byte("<p>")}, {Name: "a.xlsx", Type: "application/x", Data: []byte(data)}},
	}
	if err := m.SendLetter(t.Context(), l); err != nil {
		t.Fatal(err)
	}
	text := <-got
	for s := range strings.SplitSeq(text, "\n") {
		if len(s) > 998 {
			t.Errorf("a line of %d bytes", len(s))
		}
	}
	read, err := mail.ReadMessage(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	subject, err := new(mime.WordDecoder).DecodeHeader(read.Header.Get("Subject"))
	if err != nil || subject != "Übersicht  Bcc: x@example.org" || read.Header.Get("Bcc") != "" || read.Header.Get("To") != "max@example.org, ada@example.org" ||
		read.Header.Get("Message-ID") != "<report-abc@example.org>" {
		t.Errorf("%q, %v", read.Header, err)
	}
	kind, params, err := mime.ParseMediaType(read.Header.Get("Content-Type"))
	if err != nil || kind != "multipart/mixed" {
		t.Fatal(kind, err)
	}
	parts := multipart.NewReader(read.Body, params["boundary"])
	want := []string{l.Text, "<p>", data}
	for i := range want {
		p, err := parts.NextPart() // decodes quoted-printable
		if err != nil {
			t.Fatal(err)
		}
		var body []byte
		if i == 0 {
			body, err = io.ReadAll(p)
		} else {
			if p.FileName() != l.Files[i-1].Name {
				t.Errorf("the file is called %q", p.FileName())
			}
			body, err = io.ReadAll(base64.NewDecoder(base64.StdEncoding, p))
		}
		if s := strings.ReplaceAll(string(body), "\r\n", "\n"); err != nil || s != strings.ReplaceAll(want[i], "\r\n", "\n") {
			t.Errorf("part %d is %.80q, %v", i, body, err)
		}
	}
	if _, err := parts.NextPart(); !errors.Is(err, io.EOF) {
		t.Error("there are more parts")
	}
	for _, to := range [][]string{nil, {"Eva <eva@example.org>"}, {"eva@example.org\r\nBcc: x@example.org"}} {
		l.To = to
		if err := m.SendLetter(t.Context(), l); !errors.Is(err, alert.ErrRefused) {
			t.Errorf("%q: %v", to, err)
		}
	}
}
