package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/wattwerk/wattwerk/edge"
	"github.com/wattwerk/wattwerk/edge/page"
	"github.com/wattwerk/wattwerk/edge/slot"
	"github.com/wattwerk/wattwerk/internal/run"
	"github.com/wattwerk/wattwerk/meter"
	"github.com/wattwerk/wattwerk/meter/kind"
	"github.com/wattwerk/wattwerk/sim/load"
	"github.com/wattwerk/wattwerk/sim/meters"
	"github.com/wattwerk/wattwerk/sim/noise"
	"github.com/wattwerk/wattwerk/survey/anonymise"
	"github.com/wattwerk/wattwerk/survey/consent"
	"github.com/wattwerk/wattwerk/survey/household"
	"github.com/wattwerk/wattwerk/survey/identity"
	"github.com/wattwerk/wattwerk/survey/register"
)

// Where the demo keeps what only it needs, below the data directory.
const (
	demoDir        = "demo"
	demoSurveyFile = "survey.json"
	demoOffline    = "offline"
)

// demoText is what made-up households consent to.
const demoText = `This is a demonstration: nobody lives here, and no meter is real.

Your electricity meter is read once in each quarter of an hour: energy and power, in both directions. What was read is sent to the
data service of this demonstration and kept there. You can revoke this at any time, on the page of your measurement device:
then your name, your address and your place are deleted, and what was measured stays without any of them.
`

// How the devices of the demo differ from real ones, so that nobody waits for the first measurement.
const (
	demoCollect = 2 * time.Second        // for further codes of a slot
	demoTick    = 200 * time.Millisecond // what is due
	demoEvery   = 500 * time.Millisecond // a meter sends
	demoVisits  = 2 * time.Second        // it is asked for grants to look at a device
)

// surveyDemo is a survey of made-up households on one machine.
type surveyDemo struct {
	households int
	speed      float64 // 0: as before
	loss       float64
	out        io.Writer

	dir   string
	state demoState
}

// demoState is what the demo knows when it is started again.
type demoState struct {
	Began      time.Time       `json:"began"` // from when on the households live at the speed
	Speed      float64         `json:"speed"`
	Households []demoHousehold `json:"households"`
}

// demoHousehold names what was registered.
type demoHousehold struct {
	ID     string   `json:"id"`
	Device string   `json:"device"`
	Meters []string `json:"meters"`
}

// prepare reads what there is of the survey, and makes its authority.
func (d *surveyDemo) prepare(c *Config) error {
	d.dir = filepath.Join(c.Data, demoDir)
	data, err := os.ReadFile(filepath.Join(d.dir, demoSurveyFile))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if _, err := os.Stat(filepath.Join(c.authorityDir(), identity.RootCert)); err == nil {
			return usageError{fmt.Errorf("%s has the authority of a real survey; name another directory with --data", c.authorityDir())}
		}
		d.state = demoState{Began: time.Now().UTC().Truncate(time.Second), Speed: max(d.speed, 0)}
		if d.speed == 0 {
			d.state.Speed = 1
		}
		if err := identity.Init(filepath.Join(d.dir, demoOffline), c.authorityDir()); err != nil {
			return err
		}
		return d.keep()
	case err != nil:
		return fmt.Errorf("read the state of the demo: %w", err)
	}
	if err := json.Unmarshal(data, &d.state); err != nil || d.state.Speed <= 0 {
		return fmt.Errorf("read the state of the demo: %s is damaged: %w", filepath.Join(d.dir, demoSurveyFile), err)
	}
	if d.speed != 0 && d.speed != d.state.Speed {
		return usageError{fmt.Errorf("the households of %s live at the speed %v, and no meter counts backwards; name another directory with --data for another speed", c.Data, d.state.Speed)}
	}
	return nil
}

// keep writes the state down.
func (d *surveyDemo) keep() error {
	data, err := json.Marshal(d.state)
	if err == nil {
		name := filepath.Join(d.dir, demoSurveyFile)
		if err = os.WriteFile(name+".new", data, 0o600); err == nil {
			err = os.Rename(name+".new", name)
		}
	}
	if err != nil {
		return fmt.Errorf("keep the state of the demo: %w", err)
	}
	return nil
}

// now is the time in which households live.
func (d *surveyDemo) now() time.Time {
	return d.state.Began.Add(time.Duration(float64(time.Since(d.state.Began)) * d.state.Speed))
}

// demoRegistration is the questionnaire of household number i, from 0 on.
func demoRegistration(i int) household.Registration {
	places := []struct {
		city, postcode string
		at             anonymise.Place
	}{
		{"Kiel", "24103", anonymise.Place{Latitude: 54.32, Longitude: 10.14}}, {"Perleberg", "19348", anonymise.Place{Latitude: 53.07, Longitude: 11.86}},
		{"Hannover", "30159", anonymise.Place{Latitude: 52.37, Longitude: 9.74}}, {"Leipzig", "04109", anonymise.Place{Latitude: 51.34, Longitude: 12.37}},
		{"Freiburg", "79098", anonymise.Place{Latitude: 47.99, Longitude: 7.85}},
	}
	p := places[i%len(places)]
	adults := 1 + i%3
	r := household.Registration{
		Participant: household.Participant{Name: fmt.Sprintf("Household %d", i+1), Email: fmt.Sprintf("household-%d@example.org", i+1), Note: "made up"},
		Address:     household.Address{Street: fmt.Sprintf("Example Street %d", i+1), Postcode: p.postcode, City: p.city, Country: "DE"},
		Location:    &p.at,
		Metadata: household.Metadata{
			Children: new(i * 7 % 4), Adults: &adults, EmployedAdults: new(min(adults, i%4)),
			Charger: new(i%4 == 1), HeatPump: new(i%5 == 2), Battery: new(i%6 == 1),
		},
		Meters:  []household.Meter{{Name: "house", Model: demoModel(i)}},
		Devices: []string{"cellar"},
	}
	if w := demoPanels(i); w > 0 {
		r.PVSystems = []household.PVSystem{{
			Name: "roof", NominalPower: new(w / 1000), Azimuth: new(float64(150 + i*13%60)), Tilt: new(float64(25 + i*5%20)), Installed: fmt.Sprintf("%d-%02d-15", 2010+i%14, 1+i%12),
		}}
		r.Meters[0].PVSystem = "roof"
	}
	if *r.Metadata.HeatPump {
		r.Meters = append(r.Meters, household.Meter{Name: "heat pump", Model: demoModel(i + 1)})
	}
	return r
}

func demoModel(i int) string { return meters.Models()[i%len(meters.Models())] }

// demoPanels is what the panels of a household give at most, in W; 0: it has none.
func demoPanels(i int) float64 {
	if i%2 == 0 {
		return 0
	}
	return float64(4000 + i*730%6000)
}

// start registers households and makes all that is played.
func (d *surveyDemo) start(ctx context.Context, p *process) (_ running, err error) {
	if err := d.register(ctx, p.survey.store); err != nil {
		return running{}, err
	}
	var homes []*demoHome
	closeAll := func() error {
		var all error
		for _, h := range homes {
			all = errors.Join(all, h.close())
		}
		return all
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, closeAll())
		}
	}()
	for i, known := range d.state.Households[:d.households] {
		h := &demoHome{demo: d, number: i + 1, demoHousehold: known, dir: filepath.Join(d.dir, "device-"+strconv.Itoa(i+1)), url: "https://" + p.survey.service.Addr(), roots: p.survey.roots}
		homes = append(homes, h)
		if err := h.open(ctx, i, p); err != nil {
			return running{}, err
		}
	}
	return running{
		run: func(ctx context.Context) error {
			g, ctx := errgroup.WithContext(ctx)
			delivered := make(chan struct{}, len(homes))
			for _, h := range homes {
				g.Go(func() error { return h.run(ctx, p.survey.store, delivered) })
			}
			g.Go(func() error { d.tell(ctx, homes, delivered); return nil })
			return g.Wait()
		},
		stop: func(context.Context) error { return closeAll() },
	}, nil
}

// register registers the households that are missing.
func (d *surveyDemo) register(ctx context.Context, s *register.Store) error {
	if _, err := s.Text(ctx); errors.Is(err, register.ErrNotFound) {
		if err := s.AddText(ctx, consent.Text{Version: "demo-1", Body: demoText}, commandLine); err != nil {
			return err
		}
	} else if err != nil {
		return err
	}
	for i := len(d.state.Households); i < d.households; i++ {
		h, err := s.Register(ctx, demoRegistration(i), commandLine)
		if err != nil {
			return err
		}
		known := demoHousehold{ID: h.ID, Device: h.Devices[0].ID}
		for _, m := range h.Meters {
			known.Meters = append(known.Meters, m.ID)
		}
		if len(h.Meters) > 1 && h.Meters[0].Name != "house" {
			slices.Reverse(known.Meters)
		}
		d.state.Households = append(d.state.Households, known)
		if err := d.keep(); err != nil {
			return err
		}
	}
	return nil
}

// tell says what there is, and when everything has come once.
func (d *surveyDemo) tell(ctx context.Context, homes []*demoHome, delivered <-chan struct{}) {
	say := func(format string, a ...any) { fmt.Fprintf(d.out, format+"\n", a...) } //nolint:errcheck // nobody listens, then
	say("\nA survey of %d made-up households; the data service is at %s.\nEach has a measurement device with a page of its own, where it can revoke its consent:\n", len(homes), homes[0].url)
	t := newColumns(d.out, "HOUSEHOLD", "METERS", "PANELS", "PAGE")
	for _, h := range homes {
		t.row(h.number, len(h.Meters), panels(h.number-1), "http://"+h.device.page.Addr())
	}
	_ = t.flush() // nobody listens, then
	say("\nIn another terminal:\n  wattwerk survey status --data %s\n  wattwerk survey report --data %[1]s", filepath.Dir(d.dir))
	for range homes {
		select {
		case <-delivered:
		case <-ctx.Done():
			return
		}
	}
	say("\nAll %d devices have delivered. In the page look at the hierarchies survey and survey-energy; the next measurement is that of the next quarter of an hour.", len(homes))
}

func panels(i int) string {
	if w := demoPanels(i); w > 0 {
		return fmt.Sprintf("%.1f kW", w/1000)
	}
	return ""
}

// demoHome is a household with its meters and its device.
type demoHome struct {
	demoHousehold

	demo       *surveyDemo
	number     int
	dir        string
	url        string
	roots      []byte
	meters     []*meters.Meter
	listeners  []net.Listener
	device     *device
	devicesRan atomic.Bool
}

// open makes its meters, its device and the page.
func (h *demoHome) open(ctx context.Context, i int, p *process) error {
	log := p.logger(edgeModule).With("household", h.number)
	o := edge.Options{
		Dir: h.dir, URL: h.url, Roots: h.roots, Version: Version(), Log: log, Every: time.Minute, Tick: demoTick,
		Slots: slot.Settings{Collect: demoCollect}, Visits: demoVisits,
	}
	h.device = new(device)
	said := new(lastLines)
	o.Log = slog.New(slog.NewMultiHandler(log.Handler(), slog.NewTextHandler(said, nil)))
	o.Visit = h.device.diagnoses(EdgeConfig{URL: h.url, Access: accessDiagnose}, said)
	year := time.Date(h.demo.state.Began.Year(), 1, 1, 0, 0, 0, 0, time.UTC)
	for n, id := range h.Meters {
		seed := uint64(i*10 + n + 1)
		curve := load.Household{Seed: seed}
		if n == 0 {
			curve.PV = demoPanels(i)
		}
		m, err := meters.New(meters.Options{
			Kind: "sml", Model: demoModel(i + n), Serial: uint32(seed), Curve: curve, Begin: year, From: load.State{Import: seed % 20 * 1000 * 3_600_000_000}, Seed: seed, Now: h.demo.now,
		})
		if err != nil {
			return err
		}
		l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
		if err != nil {
			return err
		}
		h.meters, h.listeners = append(h.meters, m), append(h.listeners, l)
		name := []string{"house", "heat pump"}[n]
		set := kind.Settings{Kind: "sml", Address: "tcp://" + l.Addr().String()}
		o.Meters = append(o.Meters, edge.Meter{ID: id, Name: name, Open: func() (meter.Reader, error) { return kind.NewReader(set) }})
	}
	var err error
	if h.device.Service, err = edge.New(o); err != nil {
		return err
	}
	h.device.page, err = page.New(page.Options{Device: h.device.Service, Addr: "127.0.0.1:0", Log: log})
	return err
}

// close frees the ports of what did not run.
func (h *demoHome) close() error {
	if h.devicesRan.Load() {
		return nil
	}
	var err error
	for _, l := range h.listeners {
		err = errors.Join(err, l.Close())
	}
	if h.device != nil {
		err = errors.Join(err, h.device.closePage())
	}
	return err
}

// run plays the household until ctx ends.
func (h *demoHome) run(ctx context.Context, s *register.Store, delivered chan<- struct{}) error {
	h.devicesRan.Store(true)
	g, ctx := errgroup.WithContext(ctx)
	pace := meters.Pace{Every: demoEvery, Fast: true, Noise: noise.Options{Loss: h.demo.loss, Seed: uint64(h.number)}}
	for i, m := range h.meters {
		g.Go(func() error { return m.TCP(ctx, h.listeners[i], pace, meters.Outage{}) })
	}
	g.Go(func() error { return h.device.run(ctx) })
	g.Go(func() error {
		if err := h.begin(ctx, s); err != nil && ctx.Err() == nil {
			return fmt.Errorf("household %d: %w", h.number, err)
		}
		return h.watch(ctx, delivered)
	})
	return g.Wait()
}

// begin enrols the device, and consents when that was never done.
func (h *demoHome) begin(ctx context.Context, s *register.Store) error {
	known, err := s.Household(ctx, h.ID)
	if errors.Is(err, register.ErrNotFound) { // it has revoked its consent, and is called otherwise now
		return nil
	}
	if err != nil {
		return err
	}
	if !known.Devices[0].Enrolled {
		token, _, err := s.Token(ctx, h.Device, commandLine)
		if err != nil {
			return err
		}
		if _, err := edge.Enrol(ctx, edge.Enrolment{Dir: h.dir, URL: h.url, Roots: h.roots, Token: token}); err != nil {
			return err
		}
	}
	for !h.device.Status().Enrolled {
		if !run.Pause(ctx, demoTick) {
			return ctx.Err()
		}
	}
	if known.Consent.State != consent.NotGranted {
		return nil
	}
	t, err := h.device.Text(ctx)
	if err != nil {
		return err
	}
	_, err = h.device.Grant(ctx, t.Version)
	return err
}

// watch has what was measured sent soon, and tells when something was.
func (h *demoHome) watch(ctx context.Context, delivered chan<- struct{}) error {
	told := false
	for run.Pause(ctx, demoTick) {
		before := h.device.Status()
		st := h.device.Status() // what is in its buffer was read after what was measured before
		if st.Buffer.Measurements > 0 && st.Sender.Problem == "" {
			h.device.Flush()
		}
		measured := before.Pending == 0 && !slices.ContainsFunc(before.Meters, func(m edge.MeterStatus) bool { return m.Slot.IsZero() })
		if !told && (measured && st.Buffer.Measurements == 0 || st.Sender.Ended != "") {
			told = true
			delivered <- struct{}{}
		}
	}
	return nil
}
