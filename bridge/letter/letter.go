package letter

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/wattwerk/wattwerk/bus"
	"github.com/wattwerk/wattwerk/internal/phrase"
	"github.com/wattwerk/wattwerk/internal/problem"
	"github.com/wattwerk/wattwerk/record"
)

// Bounds of one question.
const (
	mostLooked = 5000 // letters that are looked at
	mostTried  = 1000
)

// bucket is where it is marked which letters were tried again.
const bucket = "retried"

// keepMarks is as long as a letter is kept: that is older than its mark and goes
// before it.
const keepMarks = 90 * 24 * time.Hour

// stale is how long who tries a letter has for it.
const stale = time.Minute

// Options are what [Register] needs. All but Now must be set, where they are
// called.
type Options struct {
	Bus   *bus.Bus
	Again func(ctx context.Context, d bus.DeadLetter) (refused, err error) // stores what a letter says, or tells why not
	Actor func(ctx context.Context) string                                 // who asks
	Now   func() time.Time                                                 // the clock; nil: the real one
}

type face struct{ Options }

// mark says what became of a letter.
type mark struct {
	Stored bool      `json:"stored"` // false: somebody is about to
	Who    string    `json:"who"`
	At     time.Time `json:"at"`
}

// Letter is a dead letter, with what became of it.
type Letter struct {
	bus.DeadLetter
	RetriedAt *time.Time `json:"retriedAt,omitempty" doc:"When it was tried again and stored"`
	RetriedBy string     `json:"retriedBy,omitempty" doc:"Who did that"`
}

// Filter chooses letters.
type Filter struct {
	Sensor record.SensorID `query:"sensor" json:"sensor,omitempty" maxLength:"200" doc:"Only those of this sensor"`
	Source string          `query:"source" json:"source,omitempty" maxLength:"100" doc:"Only those that this bridge or service refused" example:"influx"`
	Before uint64          `query:"before" json:"before,omitempty" doc:"Only those older than the one with this number; for the next page, the next of the page before"`
}

func (f *Filter) takes(d *bus.DeadLetter) bool {
	return (f.Sensor == "" || d.Sensor == f.Sensor) && (f.Source == "" || d.Source == f.Source)
}

// ListBody is a page of letters.
type ListBody struct {
	Count   uint64   `json:"count" doc:"How many are kept, of all"`
	Letters []Letter `json:"letters" doc:"Newest first"`
	Next    uint64   `json:"next,omitempty" doc:"What to ask for before, for the next page; absent on the last. A page may be short, or empty, when few of many letters are asked for"`
}

// TriedBody is what became of a letter that was tried.
type TriedBody struct {
	ID     uint64        `json:"id"`
	State  string        `json:"state" enum:"stored,refused,done,busy,gone" doc:"stored; refused again; done: was stored before; busy: somebody else tries it now; gone: there is no such letter any more"`
	Reason string        `json:"reason,omitempty" doc:"Why it cannot be taken still, in English"`
	Code   phrase.Code   `json:"code,omitempty" doc:"Which sentence that is: one of docs/phrases.md"`
	Params phrase.Params `json:"params,omitempty" doc:"What the sentence has of the case"`
}

// because notes why it cannot be taken, if that is so.
func (t *TriedBody) because(refused error) {
	if refused != nil {
		says := phrase.Of(refused)
		t.Reason, t.Code, t.Params = refused.Error(), says.Code, says.Params.Cut(bus.MaxParam)
	}
}

// RetryBody is what became of all that were tried.
type RetryBody struct {
	Stored  int         `json:"stored" doc:"How many were stored now"`
	Refused int         `json:"refused" doc:"How many cannot be taken still"`
	Letters []TriedBody `json:"letters" doc:"Each that was looked at"`
	Next    uint64      `json:"next,omitempty" doc:"There may be older ones: try again with this as before"`
}

// Register adds the routes.
func Register(api huma.API, o Options) {
	if o.Now == nil {
		o.Now = time.Now
	}
	f := &face{o}
	huma.Register(api, huma.Operation{
		OperationID: "dead-letters", Method: http.MethodGet, Path: "/api/v1/dead-letters", Tags: []string{"Intake"},
		Summary:     "What could not be taken, newest first",
		Description: "Each with its reason and the beginning of what was offered. Kept for 90 days, at most 1 GiB.",
		Security:    []map[string][]string{{"wattwerk": {"operate"}}},
	}, f.list)
	huma.Register(api, huma.Operation{
		OperationID: "retry-dead-letters", Method: http.MethodPost, Path: "/api/v1/dead-letters/retry", Tags: []string{"Intake"},
		Summary:     "Try dead letters again",
		Description: "What is decoded (see GET) is offered again, by what the model says now. What is taken becomes a record, once, and the letter says so from then on. Of other letters only the beginning is kept: those have to be sent again.",
		Security:    []map[string][]string{{"wattwerk": {"operate"}}},
	}, f.retry)
}

func (f *face) list(ctx context.Context, in *struct {
	Filter
	Limit int `query:"limit" minimum:"1" maximum:"1000" default:"100" doc:"How many to give"`
}) (*struct{ Body ListBody }, error) {
	b := ListBody{Letters: []Letter{}}
	var err error
	if b.Count, err = f.Bus.DeadLetterCount(ctx); err != nil {
		return nil, fmt.Errorf("list dead letters: %w", err)
	}
	kv, err := f.Bus.AgingKV(ctx, bucket, keepMarks)
	if err != nil {
		return nil, fmt.Errorf("list dead letters: %w", err)
	}
	all, next, err := f.choose(ctx, &in.Filter, in.Limit)
	if err != nil {
		return nil, fmt.Errorf("list dead letters: %w", err)
	}
	b.Next = next
	for _, d := range all {
		l := Letter{DeadLetter: d}
		if d.Decoded {
			if m, _, err := read(ctx, kv, d.ID); err != nil {
				return nil, fmt.Errorf("list dead letters: %w", err)
			} else if m.Stored {
				l.RetriedAt, l.RetriedBy = &m.At, m.Who
			}
		}
		b.Letters = append(b.Letters, l)
	}
	return &struct{ Body ListBody }{b}, nil
}

// choose gives so many letters, and from where to look on.
func (f *face) choose(ctx context.Context, by *Filter, n int) (out []bus.DeadLetter, next uint64, err error) {
	looked := 0
	err = f.Bus.ScanDeadLetters(ctx, by.Before, func(d bus.DeadLetter) bool {
		if len(out) == n || looked == mostLooked {
			return false // next tells that there is more
		}
		if looked++; by.takes(&d) {
			out = append(out, d)
		}
		next = d.ID
		return true
	})
	if err == nil && len(out) < n && looked < mostLooked || next == 1 {
		next = 0
	}
	return out, next, err
}

// read gives the mark of a letter and its revision, which is 0 without one.
func read(ctx context.Context, kv jetstream.KeyValue, id uint64) (m mark, revision uint64, err error) {
	e, err := kv.Get(ctx, strconv.FormatUint(id, 10))
	if errors.Is(err, jetstream.ErrKeyNotFound) {
		return m, 0, nil
	}
	if err != nil {
		return m, 0, fmt.Errorf("read what became of letter %d: %w", id, err)
	}
	return m, e.Revision(), json.Unmarshal(e.Value(), &m)
}

func (f *face) retry(ctx context.Context, in *struct {
	Body struct {
		IDs []uint64 `json:"ids,omitempty" maxItems:"1000" doc:"These letters"`
		All bool     `json:"all,omitempty" doc:"Or all of the filter, newest first, at most 1000 at once"`
		Filter
	}
}) (*struct{ Body RetryBody }, error) {
	if (len(in.Body.IDs) > 0) == in.Body.All {
		return nil, huma.Error422UnprocessableEntity("say which letters: ids, or all with a sensor or source if you like")
	}
	kv, err := f.Bus.AgingKV(ctx, bucket, keepMarks)
	if err != nil {
		return nil, fmt.Errorf("try dead letters again: %w", err)
	}
	b := RetryBody{Letters: []TriedBody{}}
	var letters []bus.DeadLetter
	for _, id := range in.Body.IDs {
		d, ok, err := f.Bus.DeadLetter(ctx, id)
		if err != nil {
			return nil, fmt.Errorf("try dead letters again: %w", err)
		}
		if !ok {
			b.Letters = append(b.Letters, TriedBody{ID: id, State: "gone"})
			continue
		}
		letters = append(letters, d)
	}
	if in.Body.All {
		if letters, b.Next, err = f.choose(ctx, &in.Body.Filter, mostTried); err != nil {
			return nil, fmt.Errorf("try dead letters again: %w", err)
		}
	}
	for _, d := range letters {
		t, err := f.try(ctx, kv, d)
		if errors.Is(err, bus.ErrBusy) || errors.Is(err, bus.ErrFull) || errors.Is(err, bus.ErrAway) {
			return nil, problem.Later(5, "", err.Error())
		}
		if err != nil {
			return nil, fmt.Errorf("try dead letter %d again: %w", d.ID, err)
		}
		switch t.State {
		case "stored":
			b.Stored++
		case "refused":
			b.Refused++
		}
		b.Letters = append(b.Letters, t)
	}
	return &struct{ Body RetryBody }{b}, nil
}

// try claims a letter, stores what it says, and marks it.
func (f *face) try(ctx context.Context, kv jetstream.KeyValue, d bus.DeadLetter) (TriedBody, error) {
	t := TriedBody{ID: d.ID, State: "refused"}
	if !d.Decoded {
		refused, err := f.Again(ctx, d)
		t.because(refused)
		return t, err
	}
	key := strconv.FormatUint(d.ID, 10)
	text := func(stored bool) []byte {
		out, _ := json.Marshal(mark{stored, f.Actor(ctx), f.Now().UTC()}) // it always can be
		return out
	}
	was, revision, err := read(ctx, kv, d.ID)
	switch {
	case err != nil:
		return t, err
	case was.Stored:
		t.State = "done"
		return t, nil
	case revision == 0:
		revision, err = kv.Create(ctx, key, text(false))
	case f.Now().Sub(was.At) < stale:
		t.State = "busy"
		return t, nil
	default: // whoever it was does not go on
		revision, err = kv.Update(ctx, key, text(false), revision)
	}
	if wrong, ok := errors.AsType[*jetstream.APIError](err); errors.Is(err, jetstream.ErrKeyExists) || ok && wrong.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequence {
		t.State = "busy"
		return t, nil
	}
	if err != nil {
		return t, err
	}
	refused, err := f.Again(ctx, d)
	if refused == nil && err == nil {
		// Also when whoever asked has gone.
		_, err = kv.Update(context.WithoutCancel(ctx), key, text(true), revision)
		t.State = "stored"
		return t, err
	}
	t.because(refused)
	return t, errors.Join(err, kv.Delete(context.WithoutCancel(ctx), key, jetstream.LastRevision(revision)))
}
