package titan

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/wattwerk/wattwerk/internal/problem"
	"github.com/wattwerk/wattwerk/model"
	"github.com/wattwerk/wattwerk/record"
)

// Prefixes of the paths that are answered, each by the handler of its name.
const (
	HistoryPath    = "/api/active-power"
	HierarchyPath  = "/api/sensor-hierarchy"
	StatisticsPath = "/api/stats"
	AnomaliesPath  = "/api/anomalies"
)

// root is the one hierarchy that Titan's page asks for.
const root = "root"

// Series names what has values: a sensor, or a group with its hierarchy.
type Series struct {
	Sensor    record.SensorID // empty: a group
	Hierarchy model.HierarchyID
	Group     model.GroupID
}

// Plant is what exists. Its functions are called at any time from any goroutine.
type Plant struct {
	Model func() *model.Model
	// Quantity is what a sensor measures that is in no model; empty when that is not
	// known.
	Quantity func(record.SensorID) record.Quantity
	// Root is the group at the top of a hierarchy that is meant by "root" when no
	// group has that name; empty: that of the first hierarchy of powers. When there
	// is no such hierarchy at all, it is that of the one that can be made.
	Root model.GroupID
}

// rooted are the hierarchies of powers, in order of their names.
func rooted(m *model.Model) []*model.Hierarchy {
	var out []*model.Hierarchy
	for _, id := range m.Hierarchies() {
		if h, ok := m.Hierarchy(id); ok && watts(m.QuantityOf(h.Root)) {
			out = append(out, h)
		}
	}
	return out
}

// watts tells whether values of the quantity can be given as W; "" is that of a
// group that is empty, and of a sensor that does not say.
func watts(q record.Quantity) bool { return q == record.ActivePower || q == "" }

// top gives the hierarchy at whose top a group is, if it is one of powers.
func (p *Plant) top(m *model.Model, id string) (*model.Hierarchy, bool) {
	all := rooted(m)
	for _, h := range all {
		if string(h.Root) == id {
			return h, true
		}
	}
	if id != root {
		return nil, false
	}
	for _, h := range all {
		if p.Root == "" || h.Root == p.Root {
			return h, true
		}
	}
	return nil, false
}

// first gives the top of the hierarchy that Titan makes at its start, where there
// is none of powers: it is empty until it is saved, or has what a group of that
// name has that stands in no hierarchy. false when there is one, or the name means
// something else.
func (p *Plant) first(m *model.Model) (model.GroupID, bool) {
	id := cmp.Or(p.Root, root)
	_, taken := m.Hierarchy(model.HierarchyID(id))
	_, stands := m.HierarchyOf(id)
	return id, !taken && !stands && watts(m.QuantityOf(id)) && len(rooted(m)) == 0
}

// quantity is what a sensor measures: as the model says, or, of one that is in no
// model, as what it sent was seen; "" when that is not known.
func (p *Plant) quantity(m *model.Model, id record.SensorID) record.Quantity {
	if sn, ok := m.Sensor(id); ok {
		return sn.Quantity
	}
	return p.Quantity(id)
}

// sensor gives the series of a sensor; false when it does not measure power. One
// of which nothing is known but that it sends may: its records are kept.
func (p *Plant) sensor(m *model.Model, id string) (Series, bool) {
	s := record.SensorID(id)
	return Series{Sensor: s}, s.Validate() == nil && watts(p.quantity(m, s))
}

// group gives the series of a group; false when it stands in no hierarchy of
// powers.
func (p *Plant) group(m *model.Model, id string) (Series, bool) {
	g := model.GroupID(id)
	h, ok := m.HierarchyOf(g)
	if !ok && id == root {
		if top, is := p.top(m, root); is {
			g, h, ok = top.Root, top.ID, true
		}
	}
	return Series{Hierarchy: h, Group: g}, ok && watts(m.QuantityOf(g))
}

// either gives a group of that name, or else a sensor.
func (p *Plant) either(m *model.Model, id string) (Series, bool) {
	if s, ok := p.group(m, id); ok {
		return s, true
	}
	return p.sensor(m, id)
}

// zone is the name of the zone in which days of a series are, "" for UTC.
func zone(m *model.Model, s Series) string {
	var site model.SiteID
	if s.Sensor != "" {
		if sn, ok := m.Sensor(s.Sensor); ok {
			site = sn.Site
		}
	} else if h, ok := m.Hierarchy(s.Hierarchy); ok {
		site = h.Site
	}
	if at, ok := m.Site(site); ok {
		return at.Zone
	}
	return ""
}

// refusal is an answer other than 200.
type refusal struct {
	status int
	detail string
}

func (r *refusal) Error() string { return r.detail }

func refuse(status int, format string, a ...any) error {
	return &refusal{status, fmt.Sprintf(format, a...)}
}

// answer writes JSON, or says what is wrong. An error that is none of ours
// brings a status, or is a fault of the program.
func answer(w http.ResponseWriter, r *http.Request, body []byte, err error) {
	if err != nil {
		fail(w, r, err)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Cache-Control", "no-store")
	// The connection is all that can fail here.
	_, _ = w.Write(body)
}

func fail(w http.ResponseWriter, r *http.Request, err error) {
	var ours *refusal
	var status interface {
		error
		GetStatus() int
	}
	var headers interface{ GetHeaders() http.Header }
	switch {
	case errors.As(err, &ours):
		problem.Write(w, ours.status, ours.detail)
	case errors.As(err, &status):
		if errors.As(err, &headers) {
			for k, v := range headers.GetHeaders() {
				w.Header()[k] = v
			}
		}
		problem.Write(w, status.GetStatus(), status.Error())
	case r.Context().Err() != nil:
		w.Header().Set("Retry-After", "1")
		problem.Write(w, http.StatusServiceUnavailable, "the answer did not come in time")
	default:
		problem.Write(w, http.StatusInternalServerError, err.Error())
	}
}

// reading refuses methods other than GET and HEAD.
func reading(r *http.Request, w http.ResponseWriter) bool {
	if r.Method == http.MethodGet || r.Method == http.MethodHead {
		return true
	}
	w.Header().Set("Allow", "GET, HEAD")
	problem.Write(w, http.StatusMethodNotAllowed, r.Method+" is not possible here; GET, HEAD is")
	return false
}

func nothing(r *http.Request) error {
	return refuse(http.StatusNotFound, "there is nothing at %s", r.URL.Path)
}

// below is the path behind a prefix, without a slash at its begin.
func below(r *http.Request, prefix string) string {
	return strings.TrimLeft(strings.TrimPrefix(r.URL.Path, prefix), "/")
}

// during is a span of time, both ends included.
type during struct{ from, to record.Millis }

// restriction reads from (>=), to (<=) and after (>), in ms; of from and after
// the stricter holds.
func restriction(q url.Values) (during, error) {
	at := during{record.MinTime, record.MaxTime}
	for _, name := range []string{"from", "after", "to"} {
		text := q.Get(name)
		if text == "" {
			continue
		}
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return at, refuse(http.StatusBadRequest, "%s is %.40q, not milliseconds since 1970 UTC", name, text)
		}
		t := record.Millis(min(max(n, int64(record.MinTime)-1), int64(record.MaxTime)+1))
		switch name {
		case "from":
			at.from = max(at.from, t)
		case "after":
			at.from = max(at.from, t+1)
		default:
			at.to = min(at.to, t)
		}
	}
	return at, nil
}

// number reads a parameter between 1 and most; what is no number is the default,
// as with Titan.
func number(q url.Values, name string, otherwise, most int) (int, error) {
	text := q.Get(name)
	n, err := strconv.Atoi(text) // of a number that is too large, the largest
	if err != nil && !errors.Is(err, strconv.ErrRange) {
		return otherwise, nil
	}
	if n < 1 || n > most {
		return 0, refuse(http.StatusBadRequest, "%s is %.40s; between 1 and %d are possible", name, text, most)
	}
	return n, nil
}

// appendDouble writes a number as Gson does, which is as Double.toString of Java
// does: 1.0, 0.5, 1.0E7.
func appendDouble(b []byte, v float64) []byte {
	if a := math.Abs(v); a == 0 || a >= 1e-3 && a < 1e7 {
		n := len(b)
		if b = strconv.AppendFloat(b, v, 'f', -1, 64); bytes.IndexByte(b[n:], '.') < 0 {
			b = append(b, ".0"...)
		}
		return b
	}
	digits := strconv.AppendFloat(nil, v, 'e', -1, 64)
	mantissa, exponent, _ := bytes.Cut(digits, []byte("e"))
	b = append(b, mantissa...)
	if !bytes.Contains(mantissa, []byte(".")) {
		b = append(b, ".0"...)
	}
	power, _ := strconv.Atoi(string(exponent)) // it was written by AppendFloat
	return strconv.AppendInt(append(b, 'E'), int64(power), 10)
}

// known tells whether there is a number to tell.
func known(values ...float64) bool {
	for _, v := range values {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return false
		}
	}
	return true
}

// appendString writes a text as JSON.
func appendString(b []byte, s string) []byte {
	text, _ := json.Marshal(s) // a string can always be written
	return append(b, text...)
}

// list is a JSON array of objects in the making.
type list struct{ b []byte }

// most records of an answer. A week of one record per second has 604,801: that is
// what Titan's page asks for when a series is added to a comparison.
const most = 700_000

func newList() *list { return &list{[]byte{'['}} }

// object begins the next one: {"identifier":"…".
func (l *list) object(id string) {
	if len(l.b) > 1 {
		l.b = append(l.b, ',')
	}
	l.b = appendString(append(l.b, `{"identifier":`...), id)
}

func (l *list) integer(name string, v int64) {
	l.name(name)
	l.b = strconv.AppendInt(l.b, v, 10)
}

func (l *list) double(name string, v float64) {
	l.name(name)
	l.b = appendDouble(l.b, v)
}

func (l *list) name(name string) { l.b = append(append(append(l.b, ',', '"'), name...), '"', ':') }

func (l *list) end() { l.b = append(l.b, '}') }

func (l *list) done() []byte { return append(l.b, ']') }

// clock is the time; nil is the real one.
type clock func() time.Time

func (c clock) now() record.Millis {
	if c == nil {
		return record.MillisOf(time.Now())
	}
	return record.MillisOf(c())
}

// scan hands values in order of time, many at once, as [Readings.Values].
type scan func(ctx context.Context, at during, f func(times []int64, values []float64) error) error
