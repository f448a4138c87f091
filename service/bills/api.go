package bills

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/wattwerk/wattwerk/availability"
	"github.com/wattwerk/wattwerk/internal/etag"
	"github.com/wattwerk/wattwerk/microservice/plan"
	"github.com/wattwerk/wattwerk/service/book"
	"github.com/wattwerk/wattwerk/service/execution"
	"github.com/wattwerk/wattwerk/service/feed"
)

const tag = "Bills"

var (
	mayRead    = []map[string][]string{{"wattwerk": {"read"}}}
	mayOperate = []map[string][]string{{"wattwerk": {"operate"}}}
)

// BillItem is a revision of a bill in a list.
type BillItem struct {
	ID       string    `json:"id"`
	Revision int64     `json:"revision" doc:"From 1"`
	Service  string    `json:"service" example:"S4"`
	Subject  string    `json:"subject,omitempty"`
	Name     string    `json:"name,omitempty"`
	From     time.Time `json:"from"`
	To       time.Time `json:"to"`
	Made     time.Time `json:"made"`
	MadeBy   string    `json:"madeBy"`
	Note     string    `json:"note,omitempty" doc:"What is different from the revision before; absent: it is the first"`
}

// StoredBill is a revision of a bill, whole.
type StoredBill struct {
	BillItem
	Asked     Asked               `json:"asked" doc:"What was asked for"`
	Exec      availability.Exec   `json:"exec" enum:"full,partial" doc:"How much of the service could be carried out"`
	Quality   float64             `json:"quality"`
	Rests     []feed.Rested       `json:"rests" doc:"On what it stands: each series that was read, and what of it is measured, substituted or missing"`
	StandIns  []plan.Substitution `json:"substitutions"`
	Missing   []plan.Missing      `json:"missing"`
	Result    json.RawMessage     `json:"result" doc:"Bills, lines and differences, in the words of the service"`
	Revisions []BillItem          `json:"revisions" doc:"All of them, the newest first"`
}

func item(x *book.Bill) BillItem {
	out := BillItem{ID: x.ID, Revision: x.Revision, Service: x.Service, Subject: x.Subject, From: x.Begins.Time(), To: x.Ends.Time(), Made: x.Made.Time(), MadeBy: x.MadeBy, Note: x.Note}
	var a Asked
	if json.Unmarshal([]byte(x.Request), &a) == nil {
		out.Name = a.Name
	}
	return out
}

func whole(x *book.Bill, all []book.Bill) (*StoredBill, error) {
	out := &StoredBill{BillItem: item(x), Revisions: make([]BillItem, len(all))}
	var k kept
	if err := errors.Join(json.Unmarshal([]byte(x.Doc), &k), json.Unmarshal([]byte(x.Request), &out.Asked)); err != nil {
		return nil, err
	}
	out.Exec, out.Quality, out.Rests, out.StandIns, out.Missing, out.Result = k.Exec, k.Quality, k.Rests, k.StandIns, k.Missing, k.Result
	if out.Rests == nil {
		out.Rests = []feed.Rested{}
	}
	if out.StandIns == nil {
		out.StandIns = []plan.Substitution{}
	}
	if out.Missing == nil {
		out.Missing = []plan.Missing{}
	}
	for i := range all {
		out.Revisions[i] = item(&all[i])
	}
	return out, nil
}

// Register adds the routes.
func (b *Bills) Register(api huma.API) {
	op := func(id, method, path, summary, description string, may []map[string][]string, errs ...int) huma.Operation {
		return execution.Op(tag, id, method, path, summary, description, may, errs...)
	}
	huma.Register(api, op("list-bills", http.MethodGet, "/bills", "Bills", "The newest revision of each, those made last first.", mayRead), b.list)
	huma.Register(api, op("post-bill", http.MethodPost, "/bills", "Make a bill",
		"Of a service that makes bills, for a subject and a period. One that there is already is made anew: another revision when something is different, else nothing.", mayOperate, 404, 409, 412, 422), b.post)
	huma.Register(api, op("get-bill", http.MethodGet, "/bills/{id}", "A bill in its newest revision", "", mayRead, 404), b.get)
	huma.Register(api, op("get-bill-revision", http.MethodGet, "/bills/{id}/revisions/{revision}", "A revision of a bill", "", mayRead, 404), b.getRevision)
	huma.Register(api, op("run-bill", http.MethodPost, "/bills/{id}/run", "Make a bill anew", "With what is known now. Another revision when something is different, else nothing.", mayOperate, 404, 409, 412, 422), b.again)
}

func (b *Bills) list(ctx context.Context, in *struct {
	Service string `query:"service" doc:"Only those of this service" maxLength:"200"`
	Subject string `query:"subject" doc:"Only those of this subject" maxLength:"210"`
	Limit   int    `query:"limit" minimum:"1" maximum:"10000" default:"1000"`
},
) (*struct {
	Body struct {
		Bills []BillItem `json:"bills"`
	}
}, error,
) {
	all, err := b.opts.Store.Bills(ctx, in.Service, in.Limit)
	if err != nil {
		return nil, execution.Refuse(err)
	}
	out := new(struct {
		Body struct {
			Bills []BillItem `json:"bills"`
		}
	})
	out.Body.Bills = []BillItem{}
	for i := range all {
		if in.Subject == "" || in.Subject == all[i].Subject {
			out.Body.Bills = append(out.Body.Bills, item(&all[i]))
		}
	}
	return out, nil
}

// billOut is a bill, and whether it was made now.
type billOut struct {
	Status int
	ETag   string `header:"ETag"`
	Body   StoredBill
}

// told gives a bill with all its revisions.
func (b *Bills) told(ctx context.Context, id string, revision int64, status int) (*billOut, error) {
	all, err := b.opts.Store.BillOf(ctx, id)
	if err != nil {
		return nil, execution.Refuse(err)
	}
	for i := range all {
		if revision == 0 || all[i].Revision == revision {
			body, err := whole(&all[i], all)
			if err != nil {
				return nil, execution.Refuse(err)
			}
			return &billOut{status, etag.Of(all[i].Revision), *body}, nil
		}
	}
	return nil, huma.Error404NotFound("the bill has no such revision")
}

func (b *Bills) made(ctx context.Context, a Asked) (*billOut, error) {
	row, made, err := b.Run(ctx, b.opts.Actor(ctx), a)
	if err != nil {
		var no *plan.NotAvailable
		if errors.As(err, &no) {
			no.Queued = false // who wants the bill asks again; those that there are, are looked at again
		}
		return nil, execution.Refuse(err)
	}
	status := http.StatusOK
	if made {
		status = http.StatusCreated
	}
	return b.told(ctx, row.ID, row.Revision, status)
}

func (b *Bills) post(ctx context.Context, in *struct{ Body Asked }) (*billOut, error) {
	return b.made(ctx, in.Body)
}

func (b *Bills) again(ctx context.Context, in *struct {
	ID string `path:"id" maxLength:"64"`
},
) (*billOut, error) {
	all, err := b.opts.Store.BillOf(ctx, in.ID)
	if err != nil {
		return nil, execution.Refuse(err)
	}
	var a Asked
	if err := json.Unmarshal([]byte(all[0].Request), &a); err != nil {
		return nil, execution.Refuse(err)
	}
	return b.made(ctx, a)
}

func (b *Bills) get(ctx context.Context, in *struct {
	ID string `path:"id" maxLength:"64"`
},
) (*billOut, error) {
	return b.told(ctx, in.ID, 0, http.StatusOK)
}

func (b *Bills) getRevision(ctx context.Context, in *struct {
	ID       string `path:"id" maxLength:"64"`
	Revision int64  `path:"revision" minimum:"1"`
},
) (*billOut, error) {
	return b.told(ctx, in.ID, in.Revision, http.StatusOK)
}
