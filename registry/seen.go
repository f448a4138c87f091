package registry

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/wattwerk/wattwerk/bus"
	"github.com/wattwerk/wattwerk/internal/run"
	"github.com/wattwerk/wattwerk/model"
	"github.com/wattwerk/wattwerk/record"
)

// seenMost is how many sensors are remembered that are in no model.
const seenMost = 2_000_000

// announcement is a sensor that sent something and is not in the model.
type announcement struct {
	Sensor   record.SensorID `json:"sensor"`
	Source   string          `json:"source"`
	Quantity record.Quantity `json:"quantity,omitempty"`
	Unit     string          `json:"unit,omitempty"`
	At       record.Millis   `json:"at"`
}

// sighting is what is known of such a sensor.
type sighting struct {
	source      string
	quantity    record.Quantity
	unit        string
	first, last record.Millis
}

// Seen knows the sensors that sent something and are in no model, up to
// two million of them. Safe for concurrent use.
type Seen struct {
	bus *bus.Bus
	log *slog.Logger

	mu   sync.RWMutex
	of   map[record.SensorID]*sighting
	lost int // announcements there was no room for
}

// NewSeen makes one that knows nothing until it runs. A nil log says nothing.
func NewSeen(b *bus.Bus, log *slog.Logger) *Seen {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return &Seen{bus: b, log: log, of: make(map[record.SensorID]*sighting)}
}

// Run reads announcements until ctx ends.
func (s *Seen) Run(ctx context.Context) error {
	if err := s.bus.MakeSeen(ctx); err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return err
	}
	var from uint64
	for {
		err := s.bus.Read(ctx, bus.SeenStream, "", from, func(m bus.Message) error {
			from = m.Seq + 1
			lost, err := s.take(m.Data)
			if err != nil {
				s.log.Warn("an announcement of sensors is not readable", "subject", m.Subject, "position", m.Seq, "error", err)
			}
			if lost > 0 {
				s.log.Warn("there is no room for more unassigned sensors", "left_out", lost)
			}
			return nil
		})
		if ctx.Err() != nil {
			return nil
		}
		if errors.Is(err, bus.ErrLost) || errors.Is(err, jetstream.ErrStreamNotFound) {
			from = 0 // the next one has positions of its own
		}
		s.log.Warn("reading announcements failed, trying again", "error", err)
		if !run.Pause(ctx, time.Second) {
			return nil
		}
	}
}

// take notes what a message says and how much of it found no room. Names and
// units that break the rules are left out: nobody could assign them.
func (s *Seen) take(data []byte) (lost int, err error) {
	var list []announcement
	if err := json.Unmarshal(data, &list); err != nil {
		return 0, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, a := range list {
		if a.Sensor.Validate() != nil {
			continue
		}
		if a.Quantity.Validate() != nil {
			a.Quantity = ""
		}
		if u, ok := record.LookupUnit(a.Unit); ok && a.Quantity == "" {
			a.Quantity = u.Quantity
		}
		if _, ok := a.Quantity.LookupUnit(a.Unit); !ok {
			a.Unit = ""
		}
		was, ok := s.of[a.Sensor]
		if !ok {
			if len(s.of) >= seenMost {
				lost++
				continue
			}
			s.of[a.Sensor] = &sighting{source: cut(a.Source, 100), quantity: a.Quantity, unit: a.Unit, first: a.At, last: a.At}
			continue
		}
		was.first, was.last = min(was.first, a.At), max(was.last, a.At)
		if was.quantity == "" {
			was.quantity, was.unit = a.Quantity, a.Unit
		}
	}
	s.lost += lost
	return lost, nil
}

func cut(s string, n int) string {
	if len(s) > n {
		return strings.ToValidUTF8(s[:n], "")
	}
	return s
}

func (s *Seen) get(id record.SensorID) (sighting, bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	x, ok := s.of[id]
	if !ok {
		return sighting{}, false
	}
	return *x, true
}

// Unassigned is a sensor that was seen and is in no model.
type Unassigned struct {
	Sensor   record.SensorID `json:"sensor" doc:"Its identifier" example:"server17"`
	Source   string          `json:"source" doc:"The bridge it came by" example:"influx"`
	Quantity record.Quantity `json:"quantity,omitempty" doc:"What it measures, when known"`
	Unit     string          `json:"unit,omitempty" doc:"The unit it was sent in, when known"`
	First    time.Time       `json:"first" doc:"When it was first announced"`
	Last     time.Time       `json:"last" doc:"When it was last announced; a running bridge announces a sensor once"`
}

// unassigned lists what is in no model, in order of the identifiers.
func (s *Seen) unassigned(m *model.Model, query, after string, limit int) (out []Unassigned, next string, total int) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	p := newPage[record.SensorID](after, limit)
	for id := range s.of {
		if _, known := m.Sensor(id); known || !matches(query, string(id)) {
			continue
		}
		total++
		p.offer(id)
	}
	ids, next := p.done()
	for _, id := range ids {
		x := s.of[id]
		out = append(out, Unassigned{
			Sensor: id, Source: x.source, Quantity: x.quantity, Unit: x.unit, First: x.first.Time(), Last: x.last.Time(),
		})
	}
	return out, next, total
}

// Quantity is what a sensor measures that was seen; empty when that is not known.
func (s *Seen) Quantity(id record.SensorID) record.Quantity {
	x, _ := s.get(id)
	return x.quantity
}

// page collects the first identifiers behind a given one, from any order.
type page[K ~string] struct {
	after K
	limit int
	ids   []K
}

func newPage[K ~string](after string, limit int) *page[K] {
	return &page[K]{after: K(after), limit: limit}
}

func (p *page[K]) offer(id K) {
	if id <= p.after {
		return
	}
	p.ids = append(p.ids, id)
	if len(p.ids) > 4*p.limit+100 {
		p.trim()
	}
}

func (p *page[K]) trim() {
	slices.Sort(p.ids)
	p.ids = p.ids[:min(len(p.ids), p.limit+1)]
}

// done gives the page, and where the next one begins, "" after the last.
func (p *page[K]) done() ([]K, string) {
	p.trim()
	if len(p.ids) > p.limit {
		p.ids = p.ids[:p.limit]
		return p.ids, string(p.ids[p.limit-1])
	}
	return p.ids, ""
}

// matches tells whether any of the texts contains the query, whatever the case.
func matches(query string, texts ...string) bool {
	if query == "" {
		return true
	}
	for _, t := range texts {
		if strings.Contains(strings.ToLower(t), strings.ToLower(query)) {
			return true
		}
	}
	return false
}
