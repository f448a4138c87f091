package edge

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/wattwerk/wattwerk/edge/buffer"
	"github.com/wattwerk/wattwerk/edge/sender"
	"github.com/wattwerk/wattwerk/edge/slot"
	"github.com/wattwerk/wattwerk/edge/visit"
	"github.com/wattwerk/wattwerk/survey/client"
	"github.com/wattwerk/wattwerk/survey/consent"
	"github.com/wattwerk/wattwerk/survey/household"
)

// Status is how a device stands. It names nobody.
type Status struct {
	Version  string        `json:"version"`
	Service  string        `json:"service"` // its URL
	Enrolled bool          `json:"enrolled"`
	Device   string        `json:"device,omitempty"`
	Ends     time.Time     `json:"certificateEnds,omitzero"`
	Now      time.Time     `json:"now"`
	Sender   sender.Status `json:"sender"`
	Buffer   buffer.Stats  `json:"buffer"`
	Slots    uint64        `json:"slots"`    // that were measured since the program started
	Measured uint64        `json:"measured"` // measurements of them
	Pending  int           `json:"pending"`  // slots that were measured and are not on the disk yet
	Meters   []MeterStatus `json:"meters"`
	Update   any           `json:"update,omitempty"`
}

// MeterStatus is how a meter stands.
type MeterStatus struct {
	ID      string      `json:"id"`
	Name    string      `json:"name,omitempty"`
	Last    time.Time   `json:"lastReading,omitzero"`     // when it said something
	Slot    time.Time   `json:"lastMeasurement,omitzero"` // end of the slot that was measured last
	Gaps    []slot.Span `json:"gaps"`                     // of the last seven days, since the first slot that was measured
	Problem string      `json:"problem,omitempty"`
	Frames  uint64      `json:"frames"` // that were whole, since the program started, of kinds of meters that count them
	Errors  Errors      `json:"errors"`
}

// Errors are how often a meter could not be read, since the program started.
type Errors struct {
	Open   uint64 `json:"open"`   // it, or its port, could not be opened
	Silent uint64 `json:"silent"` // it said nothing in time
	Read   uint64 `json:"read"`   // reading failed otherwise
	Frame  uint64 `json:"frame"`  // a frame of it was broken
}

// Status tells how the device stands.
func (s *Service) Status() Status {
	now := s.o.Now().UTC()
	n := s.identity.get()
	out := Status{Version: s.o.Version, Service: s.o.URL, Device: n.Device, Ends: n.Ends, Now: now.Round(0), Sender: s.sender.Status(), Buffer: s.buffer.Stats(), Meters: []MeterStatus{}}
	if s.o.Updates != nil {
		out.Update = s.o.Updates()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	out.Enrolled, out.Pending, out.Slots, out.Measured = s.enrolled, len(s.pending), s.slots, s.measured
	for _, m := range s.meters {
		x := MeterStatus{ID: m.ID, Name: m.Name, Last: m.last.UTC().Round(0), Problem: m.why, Gaps: []slot.Span{}, Frames: m.tally.Frames, Errors: m.errors}
		if m.slots != nil {
			c := m.slots.Covered()
			x.Slot = c.End()
			if len(c) > 0 {
				from := time.Unix(c[0].From, 0)
				if week := now.AddDate(0, 0, -7); from.Before(week) {
					from = week.Truncate(s.o.Slots.Interval)
				}
				x.Gaps = append(x.Gaps, c.Gaps(from, now.Truncate(s.o.Slots.Interval))...)
			}
		}
		out.Meters = append(out.Meters, x)
	}
	return out
}

// condition is what the device says about itself when it sends.
func (s *Service) condition() *household.Condition {
	c := &household.Condition{Components: append([]household.Component{{Name: "program", Version: s.o.Version}}, s.o.Components...)}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, m := range s.meters {
		if !m.frames.Until.IsZero() {
			c.Frames = append(c.Frames, m.frames)
		}
	}
	return c
}

// ErrNotEnrolled says that the device has no certificate.
var ErrNotEnrolled = errors.New("the device is not enrolled")

func (s *Service) admitted() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.enrolled {
		return ErrNotEnrolled
	}
	return nil
}

// Text is what there is to consent to.
func (s *Service) Text(ctx context.Context) (consent.Text, error) {
	if err := s.admitted(); err != nil {
		return consent.Text{}, err
	}
	return s.client.Text(ctx)
}

// Grant grants the consent of the household to the text of a version, and begins to
// measure.
func (s *Service) Grant(ctx context.Context, version string) (consent.Receipt, error) {
	if err := s.admitted(); err != nil {
		return consent.Receipt{}, err
	}
	r, err := s.client.Grant(ctx, version)
	if err != nil {
		if client.ActionOf(err) == household.Stop {
			s.sender.End(ctx, err.Error())
		}
		return r, err
	}
	s.receipt(r)
	s.sender.Ask(ctx)
	s.sender.Wake()
	return r, nil
}

// Revoke revokes the consent of the household, for ever. What was measured and is still
// here is deleted.
func (s *Service) Revoke(ctx context.Context) (consent.Receipt, error) {
	if err := s.admitted(); err != nil {
		return consent.Receipt{}, err
	}
	r, err := s.client.Revoke(ctx)
	if err != nil {
		return r, err
	}
	s.receipt(r)
	s.sender.End(ctx, "the consent was revoked at this device")
	return r, nil
}

// receipt keeps a receipt.
func (s *Service) receipt(r consent.Receipt) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if slices.ContainsFunc(s.receipts, func(x consent.Receipt) bool { return x.Signature == r.Signature }) {
		return
	}
	s.receipts = append(s.receipts, r)
	if err := replaceJSON(filepath.Join(s.o.Dir, receiptsFile), s.receipts); err != nil {
		s.log.Error("the receipt of a consent was not kept", "error", err)
	}
}

// Receipts are those of what was granted and revoked at this device.
func (s *Service) Receipts() []consent.Receipt {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.receipts)
}

// Registration is what the survey knows of the household.
type Registration struct {
	Household client.Household     `json:"household"`
	Account   client.Account       `json:"account"`
	Meters    []household.Meter    `json:"meters"`
	PVSystems []household.PVSystem `json:"pvSystems"`
	Devices   []household.Device   `json:"devices"`
}

// Registration asks the survey.
func (s *Service) Registration(ctx context.Context) (r Registration, err error) {
	if err := s.admitted(); err != nil {
		return r, err
	}
	if r.Household, err = s.client.Household(ctx); err != nil {
		return r, err
	}
	if r.Account, err = s.client.Account(ctx); err != nil {
		return r, err
	}
	if r.Meters, err = s.client.Meters(ctx); err != nil {
		return r, err
	}
	if r.PVSystems, err = s.client.PVSystems(ctx); err != nil {
		return r, err
	}
	r.Devices, err = s.client.Devices(ctx)
	return r, err
}

// mostPendingShown is how many measurements of the buffer are shown.
const mostPendingShown = 50_000

// Measurements gives those of a meter from a time on and before another: what the survey
// has, and what is still here. The error says why the survey was not asked; what is here comes all
// the same.
func (s *Service) Measurements(ctx context.Context, meter string, from, to time.Time) ([]household.Measurement, error) {
	out, err := s.buffer.Pending(meter, mostPendingShown)
	if err != nil {
		return nil, err
	}
	if err = s.admitted(); err == nil {
		var there []household.Measurement
		if there, err = s.client.Measurements(ctx, meter, from, to, 0); err == nil {
			out = append(there, out...)
		}
	}
	out = slices.DeleteFunc(out, func(m household.Measurement) bool { return m.Slot.Before(from) || !m.Slot.Before(to) })
	// What is here may just have been confirmed.
	slices.SortStableFunc(out, compare)
	return slices.CompactFunc(out, func(a, b household.Measurement) bool { return compare(a, b) == 0 }), err
}

func compare(a, b household.Measurement) int {
	if c := a.Slot.Compare(b.Slot); c != 0 {
		return c
	}
	return strings.Compare(a.OBIS, b.OBIS)
}

// Device is the identifier of the device; empty: it is not enrolled.
func (s *Service) Device() string {
	if s.admitted() != nil {
		return ""
	}
	return s.identity.get().Device
}

// Metadata gives a file of metadata of updates; fs.ErrNotExist: the survey has none of that name.
func (s *Service) Metadata(ctx context.Context, name string) ([]byte, error) {
	return s.client.UpdateMetadata(ctx, name)
}

// Program gives a part of a program, from an offset in bytes on.
func (s *Service) Program(ctx context.Context, name string, offset int64) ([]byte, error) {
	return s.client.UpdateProgram(ctx, name, offset)
}

// UpdateIncident says that an update does not work, or does again.
func (s *Service) UpdateIncident(open bool, detail string) {
	s.sender.Incident("", household.UpdateFailed, open, detail)
}

// Visits gives who looked at the device from afar lately, the newest first, and whether anybody can.
func (s *Service) Visits() (all []visit.Visit, possible bool) {
	if s.desk == nil {
		return nil, false
	}
	return s.desk.Visits(), true
}

// EndVisit ends the visit that goes on.
func (s *Service) EndVisit() {
	if s.desk != nil {
		s.desk.End()
	}
}

// Flush sends what there is soon.
func (s *Service) Flush() { s.sender.Flush() }
