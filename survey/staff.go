package survey

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/wattwerk/wattwerk/survey/consent"
	"github.com/wattwerk/wattwerk/survey/household"
	"github.com/wattwerk/wattwerk/survey/register"
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

// door is where staff comes in: the listener of the survey, or the gateway of the
// installation, which says who asks and has looked what that one may.
type door struct {
	api     huma.API
	gateway bool
	who     func(context.Context) (name string, scopes []string) // at the gateway
}

// staffRoute adds a route of those who look after the survey.
func staffRoute[I, O any](d door, o huma.Operation, f func(context.Context, *I) (*O, error)) {
	if !d.gateway {
		o.Path = "/management" + o.Path
		o = with(o, staffOnly)
		o.Tags = []string{"staff"}
		huma.Register(d.api, o, f)
		return
	}
	o.Security = []map[string][]string{{"wattwerk": o.Security[0][scheme]}}
	o.OperationID, o.Path, o.Tags = "survey-"+o.OperationID, "/api/v1/survey"+o.Path, []string{"survey"}
	huma.Register(d.api, o, func(ctx context.Context, in *I) (*O, error) {
		c := new(caller)
		c.staff, c.Scopes = d.who(ctx)
		return f(context.WithValue(ctx, callerKey{}, c), in)
	})
}

// Register adds what those who look after the survey can do to the API of a gateway,
// below /api/v1/survey. who tells who asks. For an API that only describes what
// another process answers, s is nil.
func (s *Service) Register(api huma.API, who func(context.Context) (name string, scopes []string)) {
	s.registerStaff(door{api, true, who})
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
func (s *Service) registerStaff(d door) {
	staffRoute(d, op("list-households", http.MethodGet, "/household", "Households", "Contact, address, place and serial numbers are for the scope account, and looked through for it alone.", Household),
		func(ctx context.Context, in *struct {
			Page
			Text  string `query:"q" maxLength:"100" doc:"A part of an identifier, model, name, address or serial number, in small or capital letters; default: all"`
			State string `query:"state" enum:"not_granted,granted,revoked" doc:"Of the consent; default: any"`
		},
		) (*body[List[household.Household]], error) {
			all, total, err := s.o.Store.Find(ctx, register.Search{Text: strings.TrimSpace(in.Text), Private: from(ctx).has(Account), State: consent.State(in.State)}, in.After, in.Limit)
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
	create := op("register-household", http.MethodPost, "/household", "Register a household", "Its devices get enrolment tokens, which are shown only now. Nothing is measured before the household consents.", Account, Household)
	create.DefaultStatus = http.StatusCreated
	staffRoute(d, create, func(ctx context.Context, in *struct{ Body household.Registration }) (*body[Registered], error) {
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
	staffRoute(d, op("read-household", http.MethodGet, "/household/{uuid}", "A household", "", Household),
		func(ctx context.Context, in *UUIDPath) (*body[household.Household], error) {
			h, err := s.o.Store.Household(ctx, in.UUID)
			return &body[household.Household]{seen(from(ctx), h)}, s.refuse(ctx, err)
		})
	staffRoute(d, op("revoke-consent-for", http.MethodDelete, "/household/{uuid}/consent", "Revoke the consent of a household for it", "For who asks by telephone. It is done as if a device had asked.", Consent),
		func(ctx context.Context, in *UUIDPath) (*body[consent.Receipt], error) {
			r, err := s.revoke(ctx, in.UUID)
			return &body[consent.Receipt]{r}, err
		})
	staffRoute(d, op("list-receipts", http.MethodGet, "/household/{uuid}/consent", "Receipts by which the consent of a household stands", "None before it has consented, and none of an anonymised one: the receipt of the revocation is with who asked for it.", Consent, Household),
		func(ctx context.Context, in *UUIDPath) (*body[List[consent.Receipt]], error) {
			all, err := s.o.Store.Receipts(ctx, in.UUID)
			return &body[List[consent.Receipt]]{List[consent.Receipt]{Items: all}}, s.refuse(ctx, err)
		})
	staffRoute(d, op("read-consent-text", http.MethodGet, "/consent_text", "The text in force that people consent to", "", Household),
		func(ctx context.Context, _ *struct{}) (*body[consent.Text], error) {
			t, err := s.o.Store.Text(ctx)
			return &body[consent.Text]{t}, s.refuse(ctx, err)
		})
	staffRoute(d, op("list-incidents", http.MethodGet, "/incident", "Incidents at the meters of all households", "The newest first. Nothing is left of those of anonymised households.", Household),
		func(ctx context.Context, in *struct {
			Page
			Household string `query:"household" maxLength:"36" doc:"Of this one alone"`
			State     string `query:"state" enum:"open,resolved" doc:"Default: both"`
		},
		) (*body[List[register.Happened]], error) {
			what := register.IncidentSearch{Household: in.Household, After: in.After, Limit: in.Limit}
			if in.State != "" {
				what.Open = new(in.State == "open")
			}
			all, total, err := s.o.Store.History(ctx, what)
			l := List[register.Happened]{Items: all, Total: total}
			if len(all) == in.Limit {
				l.Next = all[len(all)-1].ID
			}
			return &body[List[register.Happened]]{l}, s.refuse(ctx, err)
		})
	staffRoute(d, op("add-consent-text", http.MethodPost, "/consent_text", "Put a text into force", "Who has consented to another one before stays with that.", Consent),
		func(ctx context.Context, in *struct{ Body consent.Text }) (*struct{}, error) {
			return nil, s.refuse(ctx, s.o.Store.AddText(ctx, in.Body, from(ctx).staff))
		})
	token := op("make-enrolment-token", http.MethodPost, "/device/{uuid}/token", "Make an enrolment token", "The one before it is good no more.", Account, Household)
	token.DefaultStatus = http.StatusCreated
	staffRoute(d, token, func(ctx context.Context, in *UUIDPath) (*body[Token], error) {
		t, expires, err := s.o.Store.Token(ctx, in.UUID, from(ctx).staff)
		return &body[Token]{Token{in.UUID, t, expires}}, s.refuse(ctx, err)
	})
	staffRoute(d, op("revoke-device", http.MethodPost, "/device/{uuid}/revoke", "Revoke a device", "Its certificates and tokens are refused from the next request on.", Account, Household),
		func(ctx context.Context, in *UUIDPath) (*struct{}, error) {
			err := s.o.Store.RevokeDevice(ctx, in.UUID, from(ctx).staff)
			if err == nil {
				s.log.Info("a device was revoked", "device", in.UUID, "staff", from(ctx).staff)
			}
			return nil, s.refuse(ctx, err)
		})
	staffRoute(d, op("report-targets", http.MethodGet, "/report", "How much of what was to be measured was", "A measurement of each meter in each quarter of an hour from the consent on, and something from each device of each hour. What may be on its way, for two hours, is not expected yet.", Household),
		func(ctx context.Context, in *struct {
			From  time.Time `query:"from" doc:"Default: the first target there is"`
			To    time.Time `query:"to" doc:"End, not part of it; default: two hours ago"`
			Every string    `query:"every" enum:"day,week" doc:"Parts of it, each of 24 hours or 7 days from the beginning on"`
		},
		) (*body[*target.Fulfilment], error) {
			r, err := target.New(ctx, s.o.Store, target.Options{From: in.From, To: in.To, Every: in.Every, Now: s.o.Now()})
			return &body[*target.Fulfilment]{r}, s.refuse(ctx, err)
		})
	staffRoute(d, op("device-health", http.MethodGet, "/device", "How the devices are", "Of households that have not revoked their consent.", Household),
		func(ctx context.Context, in *Page) (*body[List[target.Health]], error) {
			l := target.DefaultLimits()
			l.Silent = s.o.Silent
			items, next, err := target.Devices(ctx, s.o.Store, l, s.o.Now(), in.After, in.Limit)
			return &body[List[target.Health]]{List[target.Health]{Items: items, Next: next}}, s.refuse(ctx, err)
		})
	staffRoute(d, op("read-measurements", http.MethodGet, "/household/{uuid}/meter/{meter}/measurement", "Measurements of a meter", "", MeasurementRead),
		func(ctx context.Context, in *struct {
			UUIDPath
			Meter string `path:"meter" maxLength:"36" doc:"Identifier of the meter"`
			Span
		},
		) (*body[List[household.Measurement]], error) {
			return s.measurements(ctx, in.UUID, in.Meter, in.Span)
		})
}
