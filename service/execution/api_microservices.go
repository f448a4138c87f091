package execution

import (
	"context"
	"net/http"
	"slices"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/wattwerk/wattwerk/internal/etag"
	"github.com/wattwerk/wattwerk/microservice"
	"github.com/wattwerk/wattwerk/microservice/registry"
	"github.com/wattwerk/wattwerk/service/book"
)

// MicroserviceItem is a version of a microservice.
type MicroserviceItem struct {
	microservice.Template
	BuiltIn bool       `json:"builtIn" doc:"It is part of this program"`
	Version int64      `json:"version" doc:"Counts the changes of what people wrote; 0: it is built in"`
	Changed *time.Time `json:"changed,omitempty"`
	By      string     `json:"changedBy,omitempty"`
	Retired bool       `json:"retired" doc:"Nobody has asked for it in a long time and there is a newer one: no instance of it is kept; asking for it starts one again"`
	Used    *time.Time `json:"used,omitempty" doc:"When this process last planned a service with it"`
}

// MicroserviceInstance is a process that runs a version, and how it is.
type MicroserviceInstance struct {
	ID      string                 `json:"id"`
	Version microservice.Version   `json:"version"`
	Process string                 `json:"process" doc:"Which process of the installation"`
	URI     string                 `json:"uri,omitempty" doc:"Where it is reached"`
	State   registry.State         `json:"state" enum:"up,degraded,stale,down,quarantined" doc:"Three failed checks in a row make it bad, two passed ones good again"`
	Since   *time.Time             `json:"since"`
	Checked *time.Time             `json:"checked" doc:"When it was looked at last"`
	Log     []MicroserviceFlipping `json:"log" doc:"How it came to be so, the newest last"`
}

// MicroserviceFlipping is that an instance became otherwise.
type MicroserviceFlipping struct {
	At   *time.Time     `json:"at"`
	From registry.State `json:"from"`
	To   registry.State `json:"to"`
	Why  string         `json:"why,omitempty"`
}

// MicroservicePath names a microservice.
type MicroservicePath struct {
	ID string `path:"id" maxLength:"200"`
}

func (e *Execution) registerMicroservices(api huma.API) {
	op := func(id, method, path, summary, description string, may []map[string][]string, errs ...int) huma.Operation {
		return Op(tagServices, id, method, path, summary, description, may, errs...)
	}
	huma.Register(api, op("list-microservices", http.MethodGet, "/microservices", "Templates of all microservices", "Every version, the highest first.", mayRead), e.listMicroservices)
	post := op("post-microservice", http.MethodPost, "/microservices", "Write down a version of a microservice",
		"Nothing that it names is started: it is there for discovery when its runtime names a computation of this program. A version that is written already is changed with its ETag in If-Match.", mayOperate, 400, 409, 412, 422)
	post.DefaultStatus = http.StatusCreated
	huma.Register(api, post, e.postMicroservice)
	huma.Register(api, op("get-microservice", http.MethodGet, "/microservices/{id}", "One microservice in all versions, with its instances and their health", "", mayRead, 404), e.getMicroservice)
	huma.Register(api, op("delete-microservice", http.MethodDelete, "/microservices/{id}", "Remove a version of a microservice that people wrote down", "", mayOperate, 400, 404, 412, 422), e.deleteMicroservice)
}

func (e *Execution) item(d *definitions, t microservice.Template) MicroserviceItem {
	w, theirs := d.theirs[templateID(t.Key())]
	retired, used := e.roster.Retired(t.Key())
	return MicroserviceItem{Template: t, BuiltIn: !theirs, Version: w.version, Changed: timeOf(w.changed), By: w.by, Retired: retired, Used: timeOf(used)}
}

func (e *Execution) listMicroservices(context.Context, *struct{}) (*struct {
	Body struct {
		Microservices []MicroserviceItem `json:"microservices"`
	}
}, error,
) {
	d := e.defined.Load()
	out := new(struct {
		Body struct {
			Microservices []MicroserviceItem `json:"microservices"`
		}
	})
	out.Body.Microservices = []MicroserviceItem{}
	for _, t := range e.roster.Known().Templates() {
		out.Body.Microservices = append(out.Body.Microservices, e.item(d, t))
	}
	return out, nil
}

func (e *Execution) postMicroservice(ctx context.Context, in *struct {
	Match
	Body microservice.Template
},
) (*struct {
	ETag string `header:"ETag"`
	Body MicroserviceItem
}, error,
) {
	if e.opts.Store == nil {
		return nil, Refuse(ErrNoStore)
	}
	version, err := in.version()
	if err != nil {
		return nil, err
	}
	if in.IfMatch == "" {
		version = 0 // a new one
	}
	t := in.Body
	t.Instances, t.Locations = nil, nil
	if err := refuseFaults(t.Check()); err != nil {
		return nil, err
	}
	if slices.ContainsFunc(e.opts.Templates, func(x microservice.Template) bool { return x.Key() == t.Key() }) {
		return nil, huma.Error409Conflict("this version is built in; write another one")
	}
	rows, err := e.opts.Store.Put(ctx, e.opts.Actor(ctx), book.Put{Kind: book.Microservice, ID: templateID(t.Key()), Doc: t, Version: version})
	if err != nil {
		return nil, Refuse(err)
	}
	e.opts.Changed()
	out := new(struct {
		ETag string `header:"ETag"`
		Body MicroserviceItem
	})
	out.ETag = etag.Of(rows[0].Version)
	out.Body = MicroserviceItem{Template: t, Version: rows[0].Version, Changed: timeOf(rows[0].Changed), By: rows[0].ChangedBy}
	return out, nil
}

func (e *Execution) getMicroservice(_ context.Context, in *MicroservicePath) (*struct {
	Body struct {
		ID        string                 `json:"id"`
		Versions  []MicroserviceItem     `json:"versions" doc:"The highest first"`
		Instances []MicroserviceInstance `json:"instances"`
		Epoch     uint64                 `json:"epoch" doc:"Rises with every change of templates and instances, at the process that answers"`
	}
}, error,
) {
	out := new(struct {
		Body struct {
			ID        string                 `json:"id"`
			Versions  []MicroserviceItem     `json:"versions" doc:"The highest first"`
			Instances []MicroserviceInstance `json:"instances"`
			Epoch     uint64                 `json:"epoch" doc:"Rises with every change of templates and instances, at the process that answers"`
		}
	})
	d, known := e.defined.Load(), e.roster.Known()
	out.Body.ID, out.Body.Epoch, out.Body.Instances = in.ID, known.Epoch(), []MicroserviceInstance{}
	for _, t := range known.Templates() {
		if t.ID != in.ID {
			continue
		}
		out.Body.Versions = append(out.Body.Versions, e.item(d, t))
		for _, h := range known.Instances(t.Key()) {
			x := MicroserviceInstance{
				ID: h.Instance.ID, Version: t.Release.Version, Process: h.Instance.Location.Instance, URI: h.Instance.Location.URI,
				State: h.State, Since: timeOf(h.Since), Checked: timeOf(h.Checked), Log: []MicroserviceFlipping{},
			}
			for _, l := range h.Log {
				x.Log = append(x.Log, MicroserviceFlipping{timeOf(l.At), l.From, l.To, l.Why})
			}
			out.Body.Instances = append(out.Body.Instances, x)
		}
	}
	if len(out.Body.Versions) == 0 {
		return nil, huma.Error404NotFound("there is no such microservice")
	}
	return out, nil
}

func (e *Execution) deleteMicroservice(ctx context.Context, in *struct {
	MicroservicePath
	Match
	Version string `query:"version" required:"true" doc:"Which version" example:"1.4.2" maxLength:"40"`
},
) (*struct{}, error) {
	if e.opts.Store == nil {
		return nil, Refuse(ErrNoStore)
	}
	n, err := in.version()
	if err != nil {
		return nil, err
	}
	v, err := microservice.ParseVersion(in.Version)
	if err != nil {
		return nil, huma.Error422UnprocessableEntity(err.Error())
	}
	if _, err := e.opts.Store.Put(ctx, e.opts.Actor(ctx), book.Put{Kind: book.Microservice, ID: templateID(microservice.Key{ID: in.ID, Version: v}), Version: n}); err != nil {
		return nil, Refuse(err)
	}
	e.opts.Changed()
	return nil, nil
}
