package app

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/wattwerk/wattwerk/alert"
	"github.com/wattwerk/wattwerk/alert/sink"
	"github.com/wattwerk/wattwerk/internal/config"
	"github.com/wattwerk/wattwerk/settlement/report/desk"
)

// ReportConfig is how reports are made by schedule.
type ReportConfig struct {
	Delay config.Duration `koanf:"delay" doc:"How long after the end of its period a report is made. Readings that come later have a revised one made."`
}

// Validate gives what cannot work.
func (c *ReportConfig) Validate() error {
	if d := c.Delay.Std(); d <= 0 || d > 31*24*time.Hour {
		return fmt.Errorf("report.delay is %v; more than 0 and up to 31 days are possible", d)
	}
	return nil
}

// openReports makes reports of what is settled here.
func (p *process) openReports(ctx context.Context) error {
	store, err := desk.Open(ctx, p.settled.Books())
	if err != nil {
		return err
	}
	senders, err := p.config.Alert.senders()
	if err != nil {
		return err
	}
	p.reports, err = desk.New(desk.Options{
		Settled: p.settlement, Books: p.settled, Costing: costing{p.cost}, Store: store, Catalog: p.catalog, Senders: senders, Share: p.fleet.Share,
		Delay: p.config.Report.Delay.Std(), Actor: actor, Log: p.logger("settlement"), Registerer: p.metrics,
	})
	return err
}

// senders take reports away, as far as the settings name somebody.
func (c *AlertConfig) senders() (map[string]desk.Sender, error) {
	out := make(map[string]desk.Sender)
	if c.Mail.Server != "" {
		m, err := c.mail()
		if err != nil {
			return nil, err
		}
		out[desk.MailSink] = mailer{m}
	}
	if c.Webhook.URL != "" {
		w, err := c.webhook()
		if err != nil {
			return nil, err
		}
		out[desk.WebhookSink] = poster{w}
	}
	return out, nil
}

type mailer struct{ mail *sink.Mail }

// Send mails a report.
func (m mailer) Send(ctx context.Context, p desk.Parcel) error {
	l := sink.Letter{ID: p.ID, To: p.To, Left: p.Left, Time: p.Time, Subject: p.Subject, Text: p.Text}
	for _, f := range p.Files {
		l.Files = append(l.Files, sink.File(f))
	}
	return refused(m.mail.SendLetter(ctx, l))
}

type poster struct{ webhook *sink.Webhook }

// Send posts a report.
func (w poster) Send(ctx context.Context, p desk.Parcel) error {
	return refused(w.webhook.Post(ctx, p.ID, p.Body))
}

// refused says in the words of reports that trying again is in vain.
func refused(err error) error {
	if errors.Is(err, alert.ErrRefused) {
		return fmt.Errorf("%w: %w", desk.ErrRefused, err)
	}
	return err
}
