package bills

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/wattwerk/wattwerk/availability"
	"github.com/wattwerk/wattwerk/internal/run"
	"github.com/wattwerk/wattwerk/microservice/plan"
	"github.com/wattwerk/wattwerk/object"
	"github.com/wattwerk/wattwerk/record"
	"github.com/wattwerk/wattwerk/service/bill"
	"github.com/wattwerk/wattwerk/service/book"
	"github.com/wattwerk/wattwerk/service/execution"
	"github.com/wattwerk/wattwerk/service/feed"
)

// Executor carries services out: [*execution.Execution].
type Executor interface {
	Execute(ctx context.Context, r execution.Request) (*execution.Done, error)
	Computation(sid, domain string) (string, bool)
}

// Options say what to work with.
type Options struct {
	Store    *book.Store
	Executor Executor
	Actor    func(context.Context) string
	Clock    func() record.Millis // default that of this machine
	Log      *slog.Logger
}

// Bills keeps bills.
type Bills struct {
	opts Options
	log  *slog.Logger
}

// New checks the options.
func New(o Options) (*Bills, error) {
	if o.Store == nil || o.Executor == nil {
		return nil, errors.New("open bills: store and executor are needed")
	}
	if o.Actor == nil {
		o.Actor = func(context.Context) string { return "unknown" }
	}
	if o.Clock == nil {
		o.Clock = func() record.Millis { return record.MillisOf(time.Now()) }
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return &Bills{o, o.Log}, nil
}

// Asked is which bill is wanted. It is kept with every revision.
type Asked struct {
	Service    string          `json:"service" doc:"The service that makes it" example:"S4" maxLength:"200"`
	Domain     string          `json:"domain,omitempty" maxLength:"200"`
	Subject    string          `json:"subject,omitempty" doc:"For whom: a group, a sensor or a space" example:"group/hall1" maxLength:"210"`
	From       time.Time       `json:"from" doc:"Begin of the period; at a quarter of an hour"`
	To         time.Time       `json:"to" doc:"First moment that is not part of it"`
	Name       string          `json:"name,omitempty" doc:"Tells several bills of one service, subject and period apart" maxLength:"200"`
	Parameters json.RawMessage `json:"parameters,omitempty" doc:"What else the service is told: tariffs, members, chargers; see docs/services.md"`
}

// id names the bill.
func (a *Asked) id() string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%q %q %q %d %d %q", a.Domain, a.Service, a.Subject, a.From.UnixMilli(), a.To.UnixMilli(), a.Name))
	return hex.EncodeToString(sum[:10])
}

// kept is the document of a revision.
type kept struct {
	Exec     availability.Exec   `json:"exec"`
	Quality  float64             `json:"quality"`
	Rests    []feed.Rested       `json:"rests"`
	StandIns []plan.Substitution `json:"substitutions"`
	Missing  []plan.Missing      `json:"missing"`
	Result   json.RawMessage     `json:"result"`
}

// errNoBill says that a service makes no bills.
var errNoBill = errors.New("the service makes no bills")

// patience is how long a bill may take.
const patience = time.Minute

// Run makes the first revision of a bill, or another one of one that there is. It gives
// the newest revision, and whether it was made now: what comes out the same is none.
func (b *Bills) Run(ctx context.Context, who string, a Asked) (book.Bill, bool, error) {
	a.From, a.To = a.From.UTC(), a.To.UTC()
	local, ok := b.opts.Executor.Computation(a.Service, a.Domain)
	if !ok {
		return book.Bill{}, false, fmt.Errorf("%w: %.200q", plan.ErrUnknown, a.Service)
	}
	if !feed.Bills(local) {
		return book.Bill{}, false, fmt.Errorf("%w: %w", feed.ErrAsked, errNoBill)
	}
	if !a.To.After(a.From) || a.From.UnixMilli()%(15*60_000) != 0 || a.To.UnixMilli()%(15*60_000) != 0 {
		return book.Bill{}, false, fmt.Errorf("%w: the period begins and ends with a quarter of an hour, and its end is after its begin", feed.ErrAsked)
	}
	if a.From.UnixMilli() <= 0 {
		return book.Bill{}, false, fmt.Errorf("%w: the period begins in 1970 or before", feed.ErrAsked)
	}
	id := a.id()
	all, err := b.opts.Store.BillOf(ctx, id)
	if err != nil && !errors.Is(err, book.ErrNotFound) {
		return book.Bill{}, false, err
	}
	r := execution.Request{
		Request: plan.Request{SID: a.Service, Domain: a.Domain, Subject: object.ID(a.Subject)},
		From:    record.MillisOf(a.From), To: record.MillisOf(a.To), Parameters: a.Parameters, Patience: patience,
	}
	var was kept
	if len(all) > 0 {
		if err := json.Unmarshal([]byte(all[0].Doc), &was); err != nil {
			return book.Bill{}, false, fmt.Errorf("read bill %q: %w", id, err)
		}
		r.Previous = was.Result
	}
	done, err := b.opts.Executor.Execute(ctx, r)
	if err != nil {
		return book.Bill{}, false, err
	}
	result, err := json.Marshal(done.Outcome.Result)
	if err != nil {
		return book.Bill{}, false, err
	}
	if len(all) > 0 && alike(was.Result, result) {
		return all[0], false, nil
	}
	p := done.Plan
	doc, err := json.Marshal(kept{p.Exec, p.Quality, done.Outcome.Rests, p.StandIns, p.Missing, result})
	if err != nil {
		return book.Bill{}, false, err
	}
	request, err := json.Marshal(a)
	if err != nil {
		return book.Bill{}, false, err
	}
	row := book.Bill{
		ID: id, Revision: int64(done.Outcome.Revision), Service: a.Service, Subject: a.Subject, Begins: r.From, Ends: r.To,
		Made: b.opts.Clock(), MadeBy: who, Request: string(request), Doc: string(doc), Note: note(result, len(all) > 0),
	}
	if err := b.opts.Store.AddBill(ctx, row); err != nil {
		return book.Bill{}, false, err
	}
	return row, true, nil
}

// note says in a sentence what a revision changed.
func note(result json.RawMessage, again bool) string {
	if !again {
		return ""
	}
	var x struct {
		Differences []bill.BillDifference `json:"differences"`
	}
	if err := json.Unmarshal(result, &x); err != nil || len(x.Differences) == 0 {
		return "no line is different; what it rests on is"
	}
	var sum bill.Money
	for _, d := range x.Differences {
		sum += d.Difference
	}
	d := x.Differences[0]
	text := fmt.Sprintf("%d lines are different, by %s in all: %s of %s: %s", len(x.Differences), sum, d.Title, d.Who, d.Reason)
	if len(x.Differences) == 1 {
		text = fmt.Sprintf("one line is different, by %s: %s of %s: %s", sum, d.Title, d.Who, d.Reason)
	}
	return text
}

// alike tells whether two results say the same, but for how often they were made.
func alike(a, b json.RawMessage) bool {
	x, errA := plain(a)
	y, errB := plain(b)
	return errA == nil && errB == nil && bytes.Equal(x, y)
}

func plain(text json.RawMessage) ([]byte, error) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, err
	}
	strip(v)
	return json.Marshal(v)
}

func strip(v any) {
	switch x := v.(type) {
	case map[string]any:
		delete(x, "revision")
		delete(x, "differences")
		delete(x, "reasons")
		for _, e := range x {
			strip(e)
		}
	case []any:
		for _, e := range x {
			strip(e)
		}
	}
}

// How bills are looked at again.
const (
	again     = time.Hour
	lateFor   = 100 * 24 * time.Hour // after the end of the period
	mostAgain = 10_000
	stepEvery = time.Minute
	system    = "late readings" // who makes revisions by itself
)

// Work looks at bills again until ctx ends. It is for one process at a time.
func (b *Bills) Work(ctx context.Context) error {
	looked := make(map[string]time.Time)
	for {
		if _, err := b.Again(ctx, looked); err != nil {
			return err
		}
		if !run.Pause(ctx, stepEvery) {
			return nil
		}
	}
}

// Again computes bills anew that were not looked at for an hour, and tells how many
// became another revision.
func (b *Bills) Again(ctx context.Context, looked map[string]time.Time) (n int, err error) {
	all, err := b.opts.Store.Bills(ctx, "", mostAgain)
	if err != nil {
		return 0, err
	}
	now := b.opts.Clock()
	for _, x := range all {
		if ctx.Err() != nil {
			return n, nil
		}
		if now > x.Ends+record.Millis(lateFor.Milliseconds()) {
			delete(looked, x.ID)
			continue
		}
		if last, ok := looked[x.ID]; ok && now.Time().Sub(last) < again {
			continue
		}
		looked[x.ID] = now.Time()
		var a Asked
		if err := json.Unmarshal([]byte(x.Request), &a); err != nil {
			b.log.Warn("a bill is not understood", "bill", x.ID, "error", err)
			continue
		}
		row, made, err := b.Run(ctx, system, a)
		var no *plan.NotAvailable
		switch {
		case err == nil && made:
			n++
			b.log.Info("a bill is otherwise", "bill", x.ID, "revision", row.Revision, "note", row.Note)
		case errors.As(err, &no) || errors.Is(err, feed.ErrAsked) || errors.Is(err, book.ErrChanged) || errors.Is(err, book.ErrFull) || err == nil:
		default:
			return n, err
		}
	}
	return n, nil
}
