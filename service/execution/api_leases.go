package execution

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/wattwerk/wattwerk/microservice/lease"
	"github.com/wattwerk/wattwerk/object"
	"github.com/wattwerk/wattwerk/service/book"
)

// LeaseWanted asks for an actuator alone.
type LeaseWanted struct {
	Object   object.ID `json:"object" doc:"An actuator" example:"sensor/valve" maxLength:"210"`
	Service  string    `json:"service" doc:"Who asks: a service, with its subject where it has several" minLength:"1" maxLength:"500"`
	Priority int       `json:"priority" doc:"The higher the more urgent; a strictly higher one takes a lease away" minimum:"0" maximum:"1000"`
	For      int       `json:"for_s" doc:"How long, in s" minimum:"1" maximum:"3600"`
}

// LeaseItem is a lease of an actuator.
type LeaseItem struct {
	ID       string    `json:"id"`
	Object   object.ID `json:"object"`
	Holder   string    `json:"holder"`
	Priority int       `json:"priority"`
	Token    int64     `json:"token" doc:"Whoever writes to the actuator shows it; one that is not the newest is refused"`
	From     time.Time `json:"from"`
	Until    time.Time `json:"until"`
}

func leaseItem(l *book.Lease) LeaseItem {
	return LeaseItem{l.ID, object.ID(l.Object), l.Holder, int(l.Priority), l.Token, l.Began.Time(), l.Expires.Time()}
}

func (e *Execution) registerLeases(api huma.API) {
	op := func(id, method, path, summary, description string, may []map[string][]string, errs ...int) huma.Operation {
		return Op(tagServices, id, method, path, summary, description, may, errs...)
	}
	huma.Register(api, op("list-leases", http.MethodGet, "/leases", "Who may use which actuator now", "", mayRead), e.listLeases)
	post := op("post-lease", http.MethodPost, "/leases", "Ask for an actuator alone",
		"A strictly higher priority takes the lease away, an equal one never does; who has it may renew it. 409 with the holder's priority and the end of its lease.", mayOperate, 404, 409, 422)
	post.DefaultStatus = http.StatusCreated
	huma.Register(api, post, e.postLease)
	huma.Register(api, op("check-lease", http.MethodPost, "/leases/check", "Whether a token is leave to write to an actuator", "", mayRead), e.checkLease)
	huma.Register(api, op("delete-lease", http.MethodDelete, "/leases/{id}", "Give a lease back", "410 when it was over, or taken away.", mayOperate, 404, 410), e.deleteLease)
}

func (e *Execution) listLeases(ctx context.Context, _ *struct{}) (*struct {
	Body struct {
		Leases []LeaseItem `json:"leases"`
	}
}, error,
) {
	if e.opts.Store == nil {
		return nil, Refuse(ErrNoStore)
	}
	all, err := e.opts.Store.Leases(ctx, e.opts.Clock(), 1000)
	if err != nil {
		return nil, Refuse(err)
	}
	out := new(struct {
		Body struct {
			Leases []LeaseItem `json:"leases"`
		}
	})
	out.Body.Leases = make([]LeaseItem, len(all))
	for i := range all {
		out.Body.Leases[i] = leaseItem(&all[i])
	}
	return out, nil
}

func (e *Execution) postLease(ctx context.Context, in *struct{ Body LeaseWanted }) (*struct{ Body LeaseItem }, error) {
	b := &in.Body
	l, err := e.lending.Acquire(ctx, lease.Request{SID: b.Service, Object: b.Object, Priority: b.Priority, For: int64(b.For) * 1000})
	if err != nil {
		return nil, Refuse(err)
	}
	return &struct{ Body LeaseItem }{leaseItem(&l)}, nil
}

func (e *Execution) checkLease(ctx context.Context, in *struct {
	Body struct {
		Object object.ID `json:"object" maxLength:"210"`
		Token  int64     `json:"token"`
	}
},
) (*struct {
	Body struct {
		Valid bool `json:"valid"`
	}
}, error,
) {
	valid, err := e.lending.Valid(ctx, in.Body.Object, in.Body.Token)
	if err != nil {
		return nil, Refuse(err)
	}
	out := new(struct {
		Body struct {
			Valid bool `json:"valid"`
		}
	})
	out.Body.Valid = valid
	return out, nil
}

func (e *Execution) deleteLease(ctx context.Context, in *struct {
	ID string `path:"id" maxLength:"64"`
},
) (*struct{}, error) {
	return nil, Refuse(e.lending.Release(ctx, in.ID))
}
