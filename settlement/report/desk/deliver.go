package desk

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/wattwerk/wattwerk/internal/recipients"
	"github.com/wattwerk/wattwerk/settlement/report"
	"github.com/wattwerk/wattwerk/settlement/report/form"
)

// Names of where reports are sent.
const (
	MailSink    = "mail"
	WebhookSink = "webhook"
)

// How sending is tried again.
const (
	sendWithin = 30 * time.Second
	noteWithin = 5 * time.Second
	tryAgain   = 30 * time.Second // doubled each time
	tryAtMost  = time.Hour        // between tries
	giveUp     = 48 * time.Hour
)

// ErrRefused is wrapped by who sends when trying again is in vain.
var ErrRefused = errors.New("the receiver refuses it")

// Attachment is a file of a mail.
type Attachment struct {
	Name, Type string
	Data       []byte
}

// Parcel is what is sent of a report.
type Parcel struct {
	ID       string   // the same when it is sent again
	To       []string // of a mail
	Left     []string // who of them is left, when the others have it; empty: all
	Time     time.Time
	Subject  string
	Text     string
	Files    []Attachment
	Language string
	Body     []byte // of a webhook: JSON
}

// Sender takes parcels away. It is given the same again when it failed, or when
// it is not known whether it did not.
type Sender interface {
	Send(ctx context.Context, p Parcel) error
}

// Posted is what a webhook is given.
type Posted struct {
	ID     string         `json:"id"`
	Kind   string         `json:"kind"` // report
	Report *report.Report `json:"report"`
}

// deliver sends what waits.
func (s *Service) deliver(ctx context.Context) error {
	rows, err := s.opts.Store.due(ctx, s.opts.Now().UnixMilli())
	if err != nil {
		return err
	}
	for i := range rows {
		if err := s.send(ctx, &rows[i]); err != nil {
			return err
		}
	}
	n, err := s.opts.Store.queued(ctx)
	s.meter.waiting.Set(float64(n))
	return err
}

func (s *Service) send(ctx context.Context, d *deliveryRow) error {
	x, err := s.opts.Store.issue(ctx, d.Issue)
	if err != nil {
		return err
	}
	r, err := recipients.Read(d.Rest)
	if err != nil {
		return err
	}
	sender, ok := s.opts.Senders[d.Sink]
	if !ok {
		err = fmt.Errorf("the settings name no %s", d.Sink)
	} else {
		var p Parcel
		if p, err = parcel(x, d); err == nil {
			p.Left = r.Left
			within, cancel := context.WithTimeout(ctx, sendWithin)
			err = sender.Send(within, p)
			cancel()
		}
	}
	if _, partly := errors.AsType[*recipients.Partly](err); partly {
		s.opts.Log.Warn("report not taken by all", "issue", d.Issue, "sink", d.Sink, "error", err)
		r, err = r.After(err)
		d.Rest = r.Text()
	} else if err != nil && ctx.Err() != nil {
		return nil // it is sent again, as nobody knows whether it was
	}
	// What came of it is noted also by a process that is told to end, or the
	// report would be sent twice for no reason.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), noteWithin)
	defer cancel()
	now := s.opts.Now()
	d.Attempts++
	d.Error = r.Said(err)
	switch {
	case err == nil:
		d.State, d.Sent = sent, new(now.UnixMilli())
		s.meter.deliveries.WithLabelValues("sent").Inc()
	case errors.Is(err, ErrRefused), now.Sub(time.UnixMilli(d.Created)) > giveUp:
		if d.State = givenUp; r.Some() {
			d.State, d.Sent = sent, new(now.UnixMilli()) // to the others
		}
		s.meter.deliveries.WithLabelValues("given_up").Inc()
		s.opts.Log.Error("report not sent, given up", "issue", d.Issue, "sink", d.Sink, "error", err)
	default:
		if d.Attempts == 1 {
			s.opts.Log.Warn("report not sent, it is tried again", "issue", d.Issue, "sink", d.Sink, "error", err)
		}
		d.Due = now.Add(min(tryAgain<<min(d.Attempts-1, 10), tryAtMost)).UnixMilli()
		s.meter.deliveries.WithLabelValues("failed").Inc()
	}
	return s.opts.Store.tried(ctx, d)
}

// parcel puts an issue into one.
func parcel(x *issueRow, d *deliveryRow) (Parcel, error) {
	var def Definition
	if err := json.Unmarshal([]byte(x.Doc), &def); err != nil {
		return Parcel{}, err
	}
	r, err := x.report()
	if err != nil {
		return Parcel{}, err
	}
	p := Parcel{ID: "report-" + x.ID, Time: time.UnixMilli(x.Made).UTC(), Language: def.Language}
	if d.Sink != MailSink {
		p.Body, err = json.Marshal(Posted{ID: p.ID, Kind: "report", Report: r})
		return p, err
	}
	if err := json.Unmarshal([]byte(d.Recipients), &p.To); err != nil {
		return p, err
	}
	p.Subject, p.Text = form.Mail(r, def.Language)
	formats := def.Formats
	if len(formats) == 0 {
		formats = []string{form.HTML.Name}
	}
	for _, name := range formats {
		f, ok := form.ByName(name)
		if !ok {
			return p, fmt.Errorf("%w: there is no format %q", ErrRefused, name)
		}
		var b bytes.Buffer
		if err := form.Write(&b, r, f, def.Language); err != nil {
			return p, err
		}
		p.Files = append(p.Files, Attachment{Name: form.FileName(r, f), Type: f.Type, Data: b.Bytes()})
	}
	return p, nil
}
