package app

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/wattwerk/wattwerk/access"
	"github.com/wattwerk/wattwerk/alert"
	"github.com/wattwerk/wattwerk/alert/sink"
	"github.com/wattwerk/wattwerk/internal/phrase"
	"github.com/wattwerk/wattwerk/internal/sqldb"
)

// AlertConfig is where messages of alerts go.
type AlertConfig struct {
	Private bool          `koanf:"private" doc:"Webhook and ntfy may go to addresses of this machine and of private networks. Off: to the public Internet only, whatever a name leads to."`
	Webhook WebhookConfig `koanf:"webhook" doc:"A program that gets messages as signed JSON: the sink 'webhook'. Reports are sent there, too."`
	Mail    MailConfig    `koanf:"mail" doc:"E-mail: the sink 'mail'. Reports are mailed by this server, too, to whom they name."`
	Ntfy    NtfyConfig    `koanf:"ntfy" doc:"A topic of an ntfy server, and so phones: the sink 'ntfy'."`
	MQTT    string        `koanf:"mqtt" doc:"The topic on which messages are published to who listens at bus.mqtt: the sink 'mqtt', as wattwerk/alerts; empty: none."`
}

// WebhookConfig names a program.
type WebhookConfig struct {
	URL        string `koanf:"url" doc:"Where it listens, as https://example.org/hook; empty: none."`
	SecretFile string `koanf:"secret_file" doc:"File with the secret that messages are signed with, of 16 characters or more."`
}

// MailConfig says how e-mail leaves.
type MailConfig struct {
	Server       string   `koanf:"server" doc:"Host and port of the server that takes mail, as mail.example.org:587; empty: none. TLS at once on port 465, by STARTTLS on all others."`
	From         string   `koanf:"from" doc:"The address mail comes from."`
	To           []string `koanf:"to" doc:"The addresses alerts go to; empty: none, and only reports are mailed, to whom they name."`
	User         string   `koanf:"user" doc:"Who signs in at the server; empty: nobody."`
	PasswordFile string   `koanf:"password_file" doc:"File with the password of user."`
	Plain        bool     `koanf:"plain" doc:"Send without TLS when the server offers none."`
	Language     string   `koanf:"language" doc:"Of mails about alerts: en or de. A report has its own."`
}

// NtfyConfig names a topic.
type NtfyConfig struct {
	URL       string `koanf:"url" doc:"The topic, as https://ntfy.sh/our-plant; empty: none."`
	TokenFile string `koanf:"token_file" doc:"File with an access token; empty: the topic needs none."`
	Language  string `koanf:"language" doc:"Of messages: en or de."`
}

// topics are those that can be published from here.
var topics = regexp.MustCompile(`^[A-Za-z0-9_-]+(/[A-Za-z0-9_-]+)*$`)

// Validate gives what cannot work.
func (c *AlertConfig) Validate() error {
	var errs []error
	bad := func(when bool, format string, a ...any) {
		if when {
			errs = append(errs, fmt.Errorf(format, a...))
		}
	}
	for name, at := range map[string]string{"webhook": c.Webhook.URL, "ntfy": c.Ntfy.URL} {
		if at != "" {
			if err := sink.CheckURL(at); err != nil {
				bad(true, "alert.%s.url: %w", name, err)
			}
		}
	}
	bad((c.Webhook.URL == "") != (c.Webhook.SecretFile == ""), "alert.webhook.url and alert.webhook.secret_file go together")
	if m := c.Mail; m.Server != "" {
		_, _, err := net.SplitHostPort(m.Server)
		bad(err != nil, "alert.mail.server %q is not HOST:PORT", m.Server)
		bad(m.From == "", "alert.mail needs from")
		bad((m.User == "") != (m.PasswordFile == ""), "alert.mail.user and alert.mail.password_file go together")
		bad(m.User != "" && m.Plain, "alert.mail.plain is on and alert.mail.user is set: a password is not sent without TLS")
	}
	for name, l := range map[string]string{"mail": c.Mail.Language, "ntfy": c.Ntfy.Language} {
		bad(!slices.Contains(phrase.Languages(), l), "alert.%s.language %q is none of %s", name, l, strings.Join(phrase.Languages(), ", "))
	}
	bad(c.MQTT != "" && !topics.MatchString(c.MQTT), "alert.mqtt %q is not a topic of letters, digits, - and _ with slashes between", c.MQTT)
	return errors.Join(errs...)
}

// sinks opens what the settings name.
func (p *process) sinks() (map[string]alert.Sink, error) {
	c := p.config.Alert
	out := make(map[string]alert.Sink)
	if c.Webhook.URL != "" {
		w, err := c.webhook()
		if err != nil {
			return nil, err
		}
		out["webhook"] = w
	}
	if c.Mail.Server != "" && len(c.Mail.To) > 0 {
		m, err := c.mail()
		if err != nil {
			return nil, err
		}
		out["mail"] = m
	}
	if c.Ntfy.URL != "" {
		token, err := readSecret("alert.ntfy.token_file", c.Ntfy.TokenFile)
		if err != nil {
			return nil, err
		}
		if out["ntfy"], err = sink.NewNtfy(c.Ntfy.URL, token, c.Ntfy.Language, c.Private); err != nil {
			return nil, err
		}
	}
	if c.MQTT != "" {
		conn := p.bus.MQTT()
		if conn == nil {
			return nil, errors.New("alert.mqtt is set, and no MQTT is spoken in this process (bus.mqtt)")
		}
		var err error
		if out["mqtt"], err = sink.NewMQTT(broker{conn}, c.MQTT); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// webhook opens the program that is posted to.
func (c *AlertConfig) webhook() (*sink.Webhook, error) {
	secret, err := readSecret("alert.webhook.secret_file", c.Webhook.SecretFile)
	if err != nil {
		return nil, err
	}
	return sink.NewWebhook(c.Webhook.URL, []byte(secret), c.Private)
}

// mail opens the mail server.
func (c *AlertConfig) mail() (*sink.Mail, error) {
	m := c.Mail
	password, err := readSecret("alert.mail.password_file", m.PasswordFile)
	if err != nil {
		return nil, err
	}
	return sink.NewMail(sink.MailOptions{Server: m.Server, From: m.From, To: m.To, User: m.User, Password: password, Plain: m.Plain, Language: m.Language})
}

func readSecret(setting, file string) (string, error) {
	if file == "" {
		return "", nil
	}
	data, err := os.ReadFile(file)
	if err != nil {
		return "", fmt.Errorf("read %s: %w", setting, err)
	}
	return strings.TrimSpace(string(data)), nil
}

// broker publishes for MQTT clients of the embedded server.
type broker struct {
	conn interface {
		Publish(subject string, data []byte) error
		FlushWithContext(context.Context) error
	}
}

// Publish turns the topic into a subject, as the server does.
func (b broker) Publish(ctx context.Context, topic string, payload []byte) error {
	if err := b.conn.Publish(strings.ReplaceAll(topic, "/", "."), payload); err != nil {
		return err
	}
	return b.conn.FlushWithContext(ctx)
}

func startAlert(ctx context.Context, p *process) (running, error) {
	sinks, err := p.sinks()
	if err != nil {
		return running{}, err
	}
	at, err := p.config.SQL.url()
	if err != nil {
		return running{}, err
	}
	where := sqldb.Options{URL: at, Conns: p.config.connsOfAlerts()}
	if at == "" {
		where = sqldb.Options{File: filepath.Join(p.dir.Path(), access.FileName)}
	}
	store, err := alert.Open(ctx, where)
	if err != nil {
		return running{}, err
	}
	o := alert.Options{
		Bus: p.bus, Catalog: p.catalog, Store: store, Sinks: sinks, Share: p.fleet.Share, Actor: actor, Log: p.logger("alert"), Registerer: p.metrics,
	}
	q, err := p.questions(ctx)
	if err != nil {
		return running{}, errors.Join(err, store.Close())
	}
	if q != nil { // an interface that holds nil is not nil
		o.Amounts, o.Profiles = q, q
		if p.cost != nil { // the costs are where windows are settled
			o.Costs = spending{q, p.cost}
		}
	}
	s, err := alert.New(o)
	if err != nil {
		return running{}, errors.Join(err, store.Close())
	}
	p.alert = s
	return running{run: s.Run, stop: func(context.Context) error { return store.Close() }}, nil
}

func faceAlert(p *process, f face) { p.alert.Register(f.api) }
