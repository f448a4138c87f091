package survey

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/wattwerk/wattwerk/survey/consent"
	"github.com/wattwerk/wattwerk/survey/household"
	"github.com/wattwerk/wattwerk/survey/target"
)

// Page is a part of a list.
type Page struct {
	After string `query:"after" maxLength:"36" doc:"Next of the part before"`
	Limit int    `query:"limit" minimum:"1" maximum:"500" default:"100" doc:"At most so many"`
}

// UUIDPath names something.
type UUIDPath struct {
	UUID string `path:"uuid" maxLength:"36" doc:"Identifier"`
}

// Token is one with which a device enrols. It is shown once.
type Token struct {
	Device  string    `json:"device" doc:"Identifier of the device"`
	Token   string    `json:"token" doc:"Good once; it cannot be shown again"`
	Expires time.Time `json:"expires"`
}

// Registered is a household with the tokens of its devices.
type Registered struct {
	Household household.Household `json:"household"`
	Tokens    []Token             `json:"tokens"`
}

func manage(id, method, path, summary, text string, scopes ...string) huma.Operation {
	o := with(op(id, method, "/management"+path, summary, text, scopes...), staffOnly)
	o.Tags = []string{"staff"}
	return o
}

// seen gives what who asks may see of a household.
func seen(c *caller, h household.Household) household.Household {
	if c.has(Account) {
		return h
	}
	h.Participant, h.Address = nil, nil
	if h.Location != nil && !h.Location.Anonymised {
		h.Location = nil
	}
	h.Meters = append([]household.Meter{}, h.Meters...)
	for i := range h.Meters {
		h.Meters[i].Serial = ""
	}
	return h
}

// registerStaff adds the routes of those who look after the survey.
func (s *Service) registerStaff(api huma.API) {
	huma.Register(api, manage("list-households", http.MethodGet, "/household", "Households", "Contact, address, place and serial numbers are for the scope account.", Household),
		func(ctx context.Context, in *Page) (*body[List[household.Household]], error) {
			all, total, err := s.o.Store.Households(ctx, in.After, in.Limit)
			if err != nil {
				return nil, s.refuse(ctx, err)
			}
			l := List[household.Household]{Items: all, Total: total}
			if len(all) == in.Limit {
				l.Next = all[len(all)-1].ID
			}
			for i := range all {
				all[i] = seen(from(ctx), all[i])
			}
			return &body[List[household.Household]]{l}, nil
		})
	create := manage("register-household", http.MethodPost, "/household", "Register a household", "Its devices get enrolment tokens, which are shown only now. Nothing is measured before the household consents.", Account, Household)
	create.DefaultStatus = http.StatusCreated
	huma.Register(api, create, func(ctx context.Context, in *struct{ Body household.Registration }) (*body[Registered], error) {
		h, err := s.o.Store.Register(ctx, in.Body, from(ctx).staff)
		if err != nil {
			return nil, s.refuse(ctx, err)
		}
		out := &body[Registered]{Registered{Household: h, Tokens: []Token{}}}
		for _, d := range h.Devices {
			t, expires, err := s.o.Store.Token(ctx, d.ID, from(ctx).staff)
			if err != nil {
				return nil, s.refuse(ctx, err)
			}
			out.Body.Tokens = append(out.Body.Tokens, Token{d.ID, t, expires})
		}
		s.log.Info("a household was registered", "staff", from(ctx).staff)
		return out, nil
	})
	huma.Register(api, manage("read-household", http.MethodGet, "/household/{uuid}", "A household", "", Household),
		func(ctx context.Context, in *UUIDPath) (*body[household.Household], error) {
			h, err := s.o.Store.Household(ctx, in.UUID)
			return &body[household.Household]{seen(from(ctx), h)}, s.refuse(ctx, err)
		})
	huma.Register(api, manage("revoke-consent-for", http.MethodDelete, "/household/{uuid}/consent", "Revoke the consent of a household for it", "For who asks by telephone. It is done as if a device had asked.", Consent),
		func(ctx context.Context, in *UUIDPath) (*body[consent.Receipt], error) {
			r, err := s.revoke(ctx, in.UUID)
			return &body[consent.Receipt]{r}, err
		})
	huma.Register(api, manage("add-consent-text", http.MethodPost, "/consent_text", "Put a text into force", "Who has consented to another one before stays with that.", Consent),
		func(ctx context.Context, in *struct{ Body consent.Text }) (*struct{}, error) {
			return nil, s.refuse(ctx, s.o.Store.AddText(ctx, in.Body, from(ctx).staff))
		})
	token := manage("make-enrolment-token", http.MethodPost, "/device/{uuid}/token", "Make an enrolment token", "The one before it is good no more.", Account, Household)
	token.DefaultStatus = http.StatusCreated
	huma.Register(api, token, func(ctx context.Context, in *UUIDPath) (*body[Token], error) {
		t, expires, err := s.o.Store.Token(ctx, in.UUID, from(ctx).staff)
		return &body[Token]{Token{in.UUID, t, expires}}, s.refuse(ctx, err)
	})
	huma.Register(api, manage("revoke-device", http.MethodPost, "/device/{uuid}/revoke", "Revoke a device", "Its certificates and tokens are refused from the next request on.", Account, Household),
		func(ctx context.Context, in *UUIDPath) (*struct{}, error) {
			err := s.o.Store.RevokeDevice(ctx, in.UUID, from(ctx).staff)
			if err == nil {
				s.log.Info("a device was revoked", "device", in.UUID, "staff", from(ctx).staff)
			}
			return nil, s.refuse(ctx, err)
		})
	huma.Register(api, manage("report-targets", http.MethodGet, "/report", "How much of what was to be measured was", "A measurement of each meter in each quarter of an hour from the consent on, and something from each device of each hour. What may be on its way, for two hours, is not expected yet.", Household),
		func(ctx context.Context, in *struct {
			From  time.Time `query:"from" doc:"Default: the first target there is"`
			To    time.Time `query:"to" doc:"End, not part of it; default: two hours ago"`
			Every string    `query:"every" enum:"day,week" doc:"Parts of it, each of 24 hours or 7 days from the beginning on"`
		},
		) (*body[*target.Fulfilment], error) {
			r, err := target.New(ctx, s.o.Store, target.Options{From: in.From, To: in.To, Every: in.Every, Now: s.o.Now()})
			return &body[*target.Fulfilment]{r}, s.refuse(ctx, err)
		})
	huma.Register(api, manage("device-health", http.MethodGet, "/device", "How the devices are", "Of households that have not revoked their consent.", Household),
		func(ctx context.Context, in *Page) (*body[List[target.Health]], error) {
			l := target.DefaultLimits()
			l.Silent = s.o.Silent
			items, next, err := target.Devices(ctx, s.o.Store, l, s.o.Now(), in.After, in.Limit)
			return &body[List[target.Health]]{List[target.Health]{Items: items, Next: next}}, s.refuse(ctx, err)
		})
	huma.Register(api, manage("read-measurements", http.MethodGet, "/household/{uuid}/meter/{meter}/measurement", "Measurements of a meter", "", MeasurementRead),
		func(ctx context.Context, in *struct {
			UUIDPath
			Meter string `path:"meter" maxLength:"36" doc:"Identifier of the meter"`
			Span
		},
		) (*body[List[household.Measurement]], error) {
			return s.measurements(ctx, in.UUID, in.Meter, in.Span)
		})
}
