package app

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestAlertSettings reads the settings in docs/alerts.md, and some that cannot
// work.
func TestAlertSettings(t *testing.T) {
	page, err := os.ReadFile("../docs/alerts.md")
	if err != nil {
		t.Fatal(err)
	}
	_, part, ok := strings.Cut(string(page), "```yaml\n")
	if !ok {
		t.Fatal("the page has lost its settings")
	}
	text, _, _ := strings.Cut(part, "```")
	read := func(text string) (Config, error) {
		file := filepath.Join(t.TempDir(), "wattwerk.yaml")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return LoadConfig(file, nil, nil)
	}
	c, err := read(text)
	if err != nil || c.Alert.MQTT != "wattwerk/alerts" || len(c.Alert.Mail.To) != 1 {
		t.Errorf("%+v, %v", c.Alert, err)
	}
	if c, err = read("alert: {mail: {server: 'mail.example.org:587', from: a@example.org}}"); err != nil {
		t.Errorf("mail for reports alone: %v", err)
	}
	if senders, err := c.Alert.senders(); err != nil || len(senders) != 1 {
		t.Errorf("%v take reports away, %v", senders, err)
	}
	if sinks, err := (&process{config: c}).sinks(); err != nil || len(sinks) != 0 {
		t.Errorf("alerts go to %v, %v", sinks, err)
	}
	for text, want := range map[string]string{
		"alert: {webhook: {url: 'https://example.org'}}":                                                       "go together",
		"alert: {webhook: {url: 'gopher://x', secret_file: x}}":                                                "alert.webhook.url",
		"alert: {ntfy: {url: 'https://eva:secret@example.org/x'}}":                                             "holds a password",
		"alert: {mail: {server: 'mail'}}":                                                                      "not HOST:PORT",
		"alert: {mail: {server: 'mail:25', from: a@b.c, to: [a@b.c], user: x, password_file: y, plain: true}}": "without TLS",
		"alert: {mqtt: 'a b/#'}":                                                                               "not a topic",
		"alert: {ntfy: {url: 'https://ntfy.sh/x', language: fr}}":                                              "alert.ntfy.language",
	} {
		if _, err := read(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, without %q", text, err, want)
		}
	}
}
