package field

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/wattwerk/wattwerk/bench"
	"github.com/wattwerk/wattwerk/bus"
	"github.com/wattwerk/wattwerk/internal/sqldb"
	"github.com/wattwerk/wattwerk/survey"
	surveyclient "github.com/wattwerk/wattwerk/survey/client"
	"github.com/wattwerk/wattwerk/survey/consent"
	"github.com/wattwerk/wattwerk/survey/household"
	"github.com/wattwerk/wattwerk/survey/identity"
	"github.com/wattwerk/wattwerk/survey/register"
)

// Options say who sends, and for how long.
type Options struct {
	Devices int           // that are registered, each in a household of its own
	Clients int           // how many of them send at a time
	Time    time.Duration // how long they do
	Hours   int           // have every device report so many hours instead, however long that takes; 0: do not

	Dir     string                        // work below it; "": that for temporary files
	URL     string                        // of a PostgreSQL to work in; "": SQLite
	Profile string                        // write a CPU profile of the sending to this file; "": do not
	Say     func(format string, a ...any) // progress, for people
}

// Validate tells what cannot be measured.
func (o *Options) Validate() error {
	if o.Devices < 1 || o.Devices > 1_000_000 || o.Clients < 1 || o.Clients > 1000 || o.Clients > o.Devices || o.Time < time.Second || o.Hours < 0 || o.Hours > 1000 {
		return errors.New("at least one device, at most 1,000,000; 1 to 1,000 clients, no more than devices; at least a second, at most 1000 hours")
	}
	return nil
}

const (
	hourSlots = 4
	hourCodes = 4
)

// device is a device that sends.
type device struct {
	id, meter string
	chain     []byte
	sequence  int64
}

// Run measures.
func Run(ctx context.Context, o Options) (out *bench.Figures, err error) {
	if err := o.Validate(); err != nil {
		return nil, err
	}
	dir, remove, err := bench.WorkDir(o.Dir)
	if err != nil {
		return nil, err
	}
	defer remove(&err)
	where := sqldb.Options{URL: o.URL, Conns: 8}
	if o.URL == "" {
		where.File = filepath.Join(dir, "books.db")
	}
	if err := identity.Init(filepath.Join(dir, "offline"), filepath.Join(dir, "online")); err != nil {
		return nil, err
	}
	authority, err := identity.Open(filepath.Join(dir, "online"))
	if err != nil {
		return nil, err
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	o.Say("registering %d households …", o.Devices)
	devices, rate, err := o.register(ctx, where, authority, key)
	if err != nil {
		return nil, err
	}
	if out, err = o.measure(ctx, dir, where, authority, key, devices); err != nil {
		return nil, err
	}
	out.Add("devices", "devices", o.Devices)
	out.Add("registered_per_second", "households registered, consented and enrolled a second", rate)
	out.Machine()
	return out, nil
}

// consented is how long ago the households consented.
const consented = 400 * 24 * time.Hour

// registered is how many households are registered as people and devices do it. Those beyond are put into the tables: what is
// measured is what they send.
const registered = 1000

// register makes the households, as of long ago. rate is how many were registered a second.
func (o *Options) register(ctx context.Context, where sqldb.Options, authority *identity.Authority, key *ecdsa.PrivateKey) (devices []device, rate float64, err error) {
	where.NoSync = true // this is not what is measured
	s, err := register.Open(ctx, where)
	if err != nil {
		return nil, 0, err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	now := time.Now()
	s.SetClock(func() time.Time { return now.Add(-consented) })
	if err := s.AddText(ctx, consent.Text{Version: "bench", Body: "We measure."}, "bench"); err != nil {
		return nil, 0, err
	}
	der, err := x509.CreateCertificateRequest(rand.Reader, new(x509.CertificateRequest), key)
	if err != nil {
		return nil, 0, err
	}
	request, err := identity.ParseRequest(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: der}))
	if err != nil {
		return nil, 0, err
	}
	for range min(o.Devices, registered) {
		h, err := s.Register(ctx, household.Registration{Meters: []household.Meter{{Model: "MT175"}}}, "bench")
		if err != nil {
			return nil, 0, err
		}
		if _, err := s.Grant(ctx, h.ID, "bench", "bench"); err != nil {
			return nil, 0, err
		}
		d := h.Devices[0].ID
		cert, err := authority.Device(d, request)
		if err != nil {
			return nil, 0, err
		}
		if err := s.Keep(ctx, d, nil, register.Credential{ID: cert.Serial, Key: cert.Key, Expires: cert.NotAfter}); err != nil {
			return nil, 0, err
		}
		devices = append(devices, device{id: d, meter: h.Meters[0].ID, chain: cert.Chain})
	}
	rate = float64(len(devices)) / time.Since(now).Seconds()
	for len(devices) < o.Devices {
		made := make([]register.Made, min(500, o.Devices-len(devices)))
		for i := range made {
			m := &made[i]
			*m = register.Made{Household: household.NewID(), Meter: household.NewID(), Model: "MT175", Device: household.NewID(), Version: "bench"}
			cert, err := authority.Device(m.Device, request)
			if err != nil {
				return nil, 0, err
			}
			m.Credential = register.Credential{ID: cert.Serial, Expires: cert.NotAfter}
			devices = append(devices, device{id: m.Device, meter: m.Meter, chain: cert.Chain})
		}
		if err := s.Make(ctx, made); err != nil {
			return nil, 0, err
		}
	}
	return devices, rate, nil
}

// batch is what a device measured in its next hour.
func (d *device) batch(sequence int64, since time.Time) household.Batch {
	b := household.Batch{Sequence: sequence, Sent: time.Now(), Version: "bench"}
	for i := range hourSlots {
		slot := since.Add(time.Duration(sequence)*time.Hour + time.Duration(i)*household.Quarter)
		for j, code := range [hourCodes]string{"0100010800ff", "0100020800ff", "0100100700ff", "01000f0700ff"} {
			unit := "Wh"
			if j > 1 {
				unit = "W"
			}
			b.Measurements = append(b.Measurements, household.Measurement{Meter: d.meter, Slot: slot, OBIS: code, Raw: sequence*100 + int64(i), Scaler: -1, Unit: unit, Status: new(int64(0x1c0104))})
		}
	}
	return b
}

// measure has the devices send.
func (o *Options) measure(ctx context.Context, dir string, where sqldb.Options, authority *identity.Authority, key *ecdsa.PrivateKey, devices []device) (out *bench.Figures, err error) {
	log := slog.New(slog.DiscardHandler)
	b, err := bus.Open(ctx, bus.Options{Dir: filepath.Join(dir, "bus"), Partitions: 4, MinFree: 1, Log: log})
	if err != nil {
		return nil, err
	}
	defer b.Close()
	store, err := register.Open(ctx, where)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	s, err := survey.New(ctx, survey.Options{Store: store, Authority: authority, Writer: b.NewWriter(), Listen: "127.0.0.1:0", Log: log})
	if err != nil {
		return nil, err
	}
	own, end := context.WithCancel(ctx)
	served := make(chan error, 1)
	go func() { served <- s.Run(own) }()
	defer func() {
		end()
		err = errors.Join(err, <-served)
	}()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	keyPEM := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
	since := time.Now().Add(-consented + 2*time.Hour).UTC().Truncate(time.Hour)
	var busy atomic.Int64
	var mu sync.Mutex
	var waits []float64 // ms
	send := func(ctx context.Context, d *device, sequence int64) error {
		cl, err := surveyclient.New(surveyclient.Options{URL: "https://" + s.Addr(), Roots: authority.Roots(), Chain: d.chain, Key: keyPEM})
		if err != nil {
			return err
		}
		defer cl.Close()
		for {
			began := time.Now()
			a, err := cl.Send(ctx, d.batch(sequence, since))
			if err != nil {
				if surveyclient.ActionOf(err) == household.Retry {
					busy.Add(1)
					continue
				}
				return err
			}
			if a.Accepted != hourSlots*hourCodes {
				return fmt.Errorf("of a batch %d measurements were accepted", a.Accepted)
			}
			mu.Lock()
			waits = append(waits, float64(time.Since(began).Microseconds())/1000)
			mu.Unlock()
			return nil
		}
	}
	each := func(f func(d *device) error) error {
		var g errgroup.Group
		for i := range o.Clients {
			g.Go(func() error {
				for n := i; n < len(devices); n += o.Clients {
					if err := f(&devices[n]); err != nil {
						return err
					}
				}
				return nil
			})
		}
		return g.Wait()
	}
	stopProfile, err := bench.Profile(o.Profile)
	if err != nil {
		return nil, err
	}
	cpu, began := bench.CPU(), time.Now()
	var sent atomic.Int64
	// over tells, before or within a round, whether enough was sent.
	over := func(round int) bool {
		if o.Hours > 0 {
			return round >= o.Hours
		}
		return time.Since(began) >= o.Time
	}
	for round := 0; ctx.Err() == nil && !over(round); round++ {
		err := each(func(d *device) error {
			if ctx.Err() != nil || over(round) {
				return nil
			}
			if err := send(ctx, d, d.sequence+1); err != nil {
				return err
			}
			d.sequence++
			if n := sent.Add(1); n%10_000 == 0 {
				o.Say("%d batches after %v …", n, time.Since(began).Round(time.Second))
			}
			return nil
		})
		if err != nil {
			return nil, errors.Join(err, stopProfile())
		}
	}
	took, used := time.Since(began), bench.CPU()-cpu
	if err := errors.Join(ctx.Err(), stopProfile()); err != nil {
		return nil, err
	}
	measured := waits
	waits = nil
	again := 0
	for i := range devices { // a lost answer has the device send the same again
		if d := &devices[i]; d.sequence > 0 && again < o.Clients {
			again++
			if err := send(ctx, d, d.sequence); err != nil {
				return nil, err
			}
		}
	}
	if err := o.check(ctx, store, devices, since); err != nil {
		return nil, err
	}
	n := float64(sent.Load())
	out = new(bench.Figures)
	out.Add("batches", "batches that were answered", int(n))
	out.Add("batches_per_second", "batches a second", n/took.Seconds())
	out.Add("measurements_per_second", "measurements a second", n*hourSlots*hourCodes/took.Seconds())
	out.Add("devices_hourly", "devices that may report once an hour at this rate", int(n/took.Seconds()*3600))
	out.Add("cpu_ms_per_batch", "CPU milliseconds a batch, of service and device", used.Seconds()*1000/n)
	out.Add("devices_hourly_per_core", "devices that one core sustains, theirs included", int(n/used.Seconds()*3600))
	out.Add("answer_ms_p50", "answered within, median (ms)", bench.Percentile(measured, 50))
	out.Add("answer_ms_p99", "answered within, 99 of 100 (ms)", bench.Percentile(measured, 99))
	out.Add("peak_rss_bytes", "peak memory in bytes, of service and devices", bench.PeakRSS())
	out.Add("stored_bytes", "bytes on the disk: books and bus", bench.SizeOf(dir))
	out.Add("told_to_wait", "told to come again", int(busy.Load()))
	return out, nil
}

// check counts what is stored.
func (o *Options) check(ctx context.Context, s *register.Store, devices []device, since time.Time) error {
	ids := make([]string, 0, 500)
	for len(devices) > 0 {
		part := devices[:min(len(devices), cap(ids))]
		devices = devices[len(part):]
		ids = ids[:0]
		for i := range part {
			ids = append(ids, part[i].meter)
		}
		slots, err := s.Slots(ctx, ids, since, time.Now(), 2*consented)
		if err != nil {
			return err
		}
		for i := range part {
			if got, want := slots[part[i].meter][0], int(part[i].sequence)*hourSlots; got != want {
				return fmt.Errorf("of a meter %d slots are stored, and %d were confirmed", got, want)
			}
		}
	}
	return nil
}
