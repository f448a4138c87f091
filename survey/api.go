package survey

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/wattwerk/wattwerk/survey/consent"
	"github.com/wattwerk/wattwerk/survey/household"
	"github.com/wattwerk/wattwerk/survey/identity"
	"github.com/wattwerk/wattwerk/survey/register"
)

// Bounds of bodies, in bytes.
const (
	maxBody  = 64 << 10
	maxBatch = 2 << 20
)

func op(id, method, path, summary, text string, scopes ...string) huma.Operation {
	o := huma.Operation{
		OperationID: id, Method: method, Path: path, Summary: summary, Description: text, MaxBodyBytes: maxBody,
		Tags: []string{"devices"}, Errors: []int{400, 401, 403, 404, 409, 410, 413, 422, 429, 503},
	}
	if len(scopes) > 0 {
		o.Security = []map[string][]string{{scheme: scopes}}
	}
	return o
}

// with marks an operation.
func with(o huma.Operation, mark string) huma.Operation {
	o.Metadata = map[string]any{mark: true}
	return o
}

// body is an answer.
type body[T any] struct{ Body T }

// AccountView is who takes part, and where.
type AccountView struct {
	Participant *household.Participant `json:"participant,omitempty"`
	Address     *household.Address     `json:"address,omitempty"`
	Location    *household.Location    `json:"location,omitempty"`
}

// HouseholdView is a household as its devices see it.
type HouseholdView struct {
	ID         string             `json:"id"`
	Registered time.Time          `json:"registered"`
	Metadata   household.Metadata `json:"metadata"`
	Device     string             `json:"device" doc:"Identifier of the device that asks"`
	Lease      household.Lease    `json:"lease"`
}

// ConsentRequest consents to a text.
type ConsentRequest struct {
	Version string `json:"version" minLength:"1" maxLength:"40" doc:"Of the text that was shown"`
}

// List is a list.
type List[T any] struct {
	Items []T    `json:"items"`
	Next  string `json:"next,omitempty" doc:"Where the next part begins; absent: this was the last"`
	Total int    `json:"total,omitempty" doc:"How many there are, where that is known"`
}

// Resolution says what was resolved.
type Resolution struct {
	Resolved int `json:"resolved" doc:"How many incidents were open"`
}

// MeterPath names a meter.
type MeterPath struct {
	UUID string `path:"uuid" maxLength:"36" doc:"Identifier of the meter"`
}

// Span is of measurements.
type Span struct {
	From  time.Time `query:"from" doc:"First slot; default: the last 7 days"`
	To    time.Time `query:"to" doc:"End, not part of it; default: now"`
	Limit int       `query:"limit" minimum:"1" maximum:"10000" default:"1000" doc:"At most so many"`
}

// registerDevices adds the routes of devices.
func (s *Service) registerDevices(api huma.API) {
	huma.Register(api, with(op("enrol", http.MethodPost, "/enrol", "Enrol a device", "Gives the first certificate of a device for a key that was made on it. The same token with the same key is answered the same, should the answer have been lost."), public),
		func(ctx context.Context, in *struct{ Body household.Enrolment }) (*body[household.Certificate], error) {
			return s.enrol(ctx, in.Body)
		})
	huma.Register(api, op("renew", http.MethodPost, "/renew", "Renew the certificate of a device", "Those before stay good until they expire. A new key is welcome.", Household),
		func(ctx context.Context, in *struct{ Body household.Renewal }) (*body[household.Certificate], error) {
			return s.renew(ctx, in.Body)
		})
	huma.Register(api, op("account", http.MethodGet, "/account", "Who takes part, and where", "", Account),
		func(ctx context.Context, _ *struct{}) (*body[AccountView], error) {
			h, err := s.own(ctx)
			return &body[AccountView]{AccountView{h.Participant, h.Address, h.Location}}, err
		})
	huma.Register(api, op("household", http.MethodGet, "/household", "The household of the device, its consent, and until when to measure", "", Household),
		func(ctx context.Context, _ *struct{}) (*body[HouseholdView], error) {
			h, err := s.own(ctx)
			return &body[HouseholdView]{HouseholdView{h.ID, h.Registered, h.Metadata, from(ctx).Device, s.lease(h.Consent)}}, err
		})
	huma.Register(api, op("consent-text", http.MethodGet, "/consent_text", "The text in force that people consent to", "", Household),
		func(ctx context.Context, _ *struct{}) (*body[consent.Text], error) {
			t, err := s.o.Store.Text(ctx)
			return &body[consent.Text]{t}, s.refuse(ctx, err)
		})
	huma.Register(api, op("grant-consent", http.MethodPost, "/household/consent", "Grant the consent of the household", "Once, to the text in force; the receipt proves it. The same again is answered the same.", Consent),
		func(ctx context.Context, in *struct{ Body ConsentRequest }) (*body[consent.Receipt], error) {
			r, err := s.o.Store.Grant(ctx, from(ctx).Household, in.Body.Version, from(ctx).who())
			if err == nil {
				s.log.Info("a consent was granted", "device", from(ctx).Device)
			}
			return &body[consent.Receipt]{r}, s.refuse(ctx, err)
		})
	huma.Register(api, with(op("revoke-consent", http.MethodDelete, "/household/consent", "Revoke the consent of the household", "For ever. The household becomes anonymous before this answers: contact and address are gone, its place is another one, identifiers are new. The same again is answered the same.", Consent), endedToo),
		func(ctx context.Context, _ *struct{}) (*body[consent.Receipt], error) {
			c := from(ctx)
			if c.ended {
				r, err := s.o.Store.Ended(ctx, c.Device)
				return &body[consent.Receipt]{r}, s.refuse(ctx, err)
			}
			r, err := s.revoke(ctx, c.Household)
			return &body[consent.Receipt]{r}, err
		})
	huma.Register(api, op("devices", http.MethodGet, "/household/measurement_device", "Measurement devices of the household", "", Household),
		func(ctx context.Context, _ *struct{}) (*body[List[household.Device]], error) {
			h, err := s.own(ctx)
			return &body[List[household.Device]]{List[household.Device]{Items: h.Devices}}, err
		})
	huma.Register(api, op("meters", http.MethodGet, "/household/meter", "Meters of the household", "", Household),
		func(ctx context.Context, _ *struct{}) (*body[List[household.Meter]], error) {
			h, err := s.own(ctx)
			return &body[List[household.Meter]]{List[household.Meter]{Items: h.Meters}}, err
		})
	huma.Register(api, op("pv-systems", http.MethodGet, "/household/pv_system", "PV systems of the household", "", Household),
		func(ctx context.Context, _ *struct{}) (*body[List[household.PVSystem]], error) {
			h, err := s.own(ctx)
			return &body[List[household.PVSystem]]{List[household.PVSystem]{Items: h.PVSystems}}, err
		})
	huma.Register(api, op("measurements", http.MethodGet, "/household/meter/{uuid}/measurement", "Measurements of a meter", "In order of time. When there are more than limit, next is the slot to go on from.", MeasurementRead),
		func(ctx context.Context, in *struct {
			MeterPath
			Span
		},
		) (*body[List[household.Measurement]], error) {
			return s.measurements(ctx, from(ctx).Household, in.UUID, in.Span)
		})
	batch := op("send-measurements", http.MethodPost, "/household/meter/measurement", "Send a batch of measurements", "Answered when all of it is stored, once by device and sequence. What is refused never will be taken, so the device can forget the whole batch. A batch of which nothing can be taken is 422 with the action drop.", MeasurementWrite)
	batch.MaxBodyBytes = maxBatch
	huma.Register(api, batch, func(ctx context.Context, in *struct{ Body household.Batch }) (*body[household.Answer], error) {
		return s.send(ctx, &in.Body)
	})
	huma.Register(api, op("incidents", http.MethodGet, "/household/meter/{uuid}/incident", "Incidents of a meter", "The newest first, 1000 at most.", Household),
		func(ctx context.Context, in *MeterPath) (*body[List[household.Incident]], error) {
			all, err := s.o.Store.Incidents(ctx, from(ctx).Household, in.UUID, 1000)
			return &body[List[household.Incident]]{List[household.Incident]{Items: all}}, s.refuse(ctx, err)
		})
	huma.Register(api, op("report-incident", http.MethodPost, "/household/meter/{uuid}/incident/report", "Report an incident", "One of the type that is open already stays as it is.", MeasurementWrite),
		func(ctx context.Context, in *struct {
			MeterPath
			Body household.Report
		},
		) (*body[household.Incident], error) {
			i, err := s.o.Store.Report(ctx, from(ctx).Household, in.UUID, in.Body)
			return &body[household.Incident]{i}, s.refuse(ctx, err)
		})
	huma.Register(api, op("resolve-incident", http.MethodPost, "/household/meter/{uuid}/incident/resolve", "Resolve an incident", "To resolve what is not open changes nothing.", MeasurementWrite),
		func(ctx context.Context, in *struct {
			MeterPath
			Body household.Report
		},
		) (*body[Resolution], error) {
			n, err := s.o.Store.Resolve(ctx, from(ctx).Household, in.UUID, in.Body.Type)
			return &body[Resolution]{Resolution{n}}, s.refuse(ctx, err)
		})
}

// own is the household of who asks.
func (s *Service) own(ctx context.Context) (household.Household, error) {
	h, err := s.o.Store.Household(ctx, from(ctx).Household)
	return h, s.refuse(ctx, err)
}

func (s *Service) certificate(device, chain string, c time.Time, begin time.Time) *body[household.Certificate] {
	return &body[household.Certificate]{household.Certificate{
		Device: device, Chain: chain, Roots: string(s.o.Authority.Roots()), Ends: c, Renew: begin.Add(c.Sub(begin) * 2 / 3),
	}}
}

func (s *Service) enrol(ctx context.Context, e household.Enrolment) (*body[household.Certificate], error) {
	r, err := identity.ParseRequest([]byte(e.Request))
	if err != nil {
		return nil, s.refuse(ctx, err)
	}
	device, chain, err := s.o.Store.Enrol(ctx, e.Token, identity.KeyDigest(r.RawSubjectPublicKeyInfo), func(device string) (register.Credential, error) {
		i, err := s.o.Authority.Device(device, r)
		return register.Credential{ID: i.Serial, Chain: string(i.Chain), Expires: i.NotAfter}, err
	})
	if err != nil {
		return nil, s.refuse(ctx, err)
	}
	all, err := identity.ParseCerts([]byte(chain))
	if err != nil {
		return nil, s.refuse(ctx, err)
	}
	s.log.Info("a device was enrolled", "device", device, "serial", identity.Serial(all[0]))
	return s.certificate(device, chain, all[0].NotAfter, all[0].NotBefore), nil
}

func (s *Service) renew(ctx context.Context, n household.Renewal) (*body[household.Certificate], error) {
	c := from(ctx)
	if c.Kind != household.Edge {
		return nil, household.Refuse(http.StatusForbidden, "not_a_device", household.None, "only a device that shows a certificate can renew it")
	}
	r, err := identity.ParseRequest([]byte(n.Request))
	if err != nil {
		return nil, s.refuse(ctx, err)
	}
	i, err := s.o.Authority.Device(c.Device, r)
	if err == nil {
		err = s.o.Store.Keep(ctx, c.Device, nil, register.Credential{ID: i.Serial, Expires: i.NotAfter})
	}
	if err != nil {
		return nil, s.refuse(ctx, err)
	}
	s.log.Info("a certificate was renewed", "device", c.Device, "serial", i.Serial)
	return s.certificate(c.Device, string(i.Chain), i.NotAfter, i.NotBefore), nil
}

// revoke anonymises a household.
func (s *Service) revoke(ctx context.Context, id string) (consent.Receipt, error) {
	r, _, err := s.o.Store.Revoke(ctx, id)
	if err != nil && r.Signature == "" {
		return r, s.refuse(ctx, err)
	}
	if err != nil {
		s.log.Warn("a consent was revoked, and the log of the database still holds what was deleted", "error", err)
	}
	s.log.Info("a consent was revoked, and the household anonymised")
	s.places.nudge()
	return r, nil
}

func (s *Service) measurements(ctx context.Context, home, meter string, at Span) (*body[List[household.Measurement]], error) {
	if at.To.IsZero() {
		at.To = s.o.Now()
	}
	if at.From.IsZero() {
		at.From = at.To.AddDate(0, 0, -7)
	}
	all, err := s.o.Store.Measurements(ctx, home, meter, at.From, at.To, at.Limit+1)
	if err != nil {
		return nil, s.refuse(ctx, err)
	}
	l := List[household.Measurement]{Items: all}
	if len(all) > at.Limit {
		// A slot is never torn: the next part begins with the one that is not whole.
		n := at.Limit
		for n > 0 && all[n-1].Slot.Equal(all[at.Limit].Slot) {
			n--
		}
		if n == 0 {
			return nil, household.Refuse(http.StatusUnprocessableEntity, "limit_small", household.None, "one slot has more measurements than limit")
		}
		l.Items, l.Next = all[:n], all[n].Slot.Format(time.RFC3339)
	}
	return &body[List[household.Measurement]]{l}, nil
}

// send takes a batch.
func (s *Service) send(ctx context.Context, b *household.Batch) (*body[household.Answer], error) {
	c := from(ctx)
	if skew := b.Sent.Sub(s.o.Now()); skew.Abs() > s.o.Tolerance {
		s.log.Warn("the clock of a device is wrong", "device", c.Device, "skew", skew.Round(time.Second).String())
		for i := range b.Measurements {
			// That it is noted at one meter is enough; the answer says the rest.
			if _, err := s.o.Store.Report(ctx, c.Household, b.Measurements[i].Meter, household.Report{Type: household.ClockSkew, Detail: "by " + skew.Round(time.Second).String()}); err == nil || !errors.Is(err, register.ErrNotFound) {
				break
			}
			if i == 10 {
				break
			}
		}
		return nil, household.Refuse(http.StatusUnprocessableEntity, "clock_wrong", household.FixClock, "the clock of the device is wrong by "+skew.Round(time.Second).String()+": nothing of the batch is taken; set the clock, and send it again")
	}
	a, err := s.take(ctx, c.Device, b)
	s.metrics.answered(a, err)
	switch {
	case errors.Is(err, register.ErrNothing):
		p := household.Refuse(http.StatusUnprocessableEntity, "nothing_taken", household.Drop, "nothing of the batch can be taken, now or later: "+a.Refused[0].Detail)
		p.Refused = a.Refused
		s.log.Warn("nothing of a batch was taken", "device", c.Device, "code", a.Refused[0].Code, "dropped", a.Dropped)
		return nil, p
	case errors.Is(err, errFull):
		return nil, household.Refuse(http.StatusServiceUnavailable, "full", household.Retry, errFull.Error()+": try again later")
	case err != nil:
		return nil, s.refuse(ctx, err)
	}
	if a.Dropped > 0 {
		s.log.Warn("measurements were refused", "device", c.Device, "code", a.Refused[0].Code, "dropped", a.Dropped)
	}
	return &body[household.Answer]{a}, nil
}
