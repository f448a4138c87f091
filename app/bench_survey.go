package app

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

// BenchSurveyCmd is "wattwerk bench survey".
type BenchSurveyCmd struct {
	benchFlags `embed:""`
	Devices    int           `default:"1000" help:"Devices that are registered, each in a household of its own."`
	Clients    int           `default:"64" help:"How many of them send at a time."`
	Time       time.Duration `default:"20s" help:"How long they do."`
	Hours      int           `help:"Have every device report so many hours, however long that takes, instead of --time."`
	SQLURLFile string        `name:"sql-url-file" help:"File with the URL of a PostgreSQL to work in; its tables should be empty. Default: SQLite." type:"path"`
	Profile    string        `help:"Write a CPU profile of the sending to this file." type:"path"`
}

// Help is shown by --help.
func (*BenchSurveyCmd) Help() string {
	return `Devices send what they measured in an hour, 4 slots of 4 values, one after the other and as fast as they
are answered: each with a certificate of its own and over a connection of its own, as devices do that
report once an hour. What is answered is on the disk, on the bus and in the books. Then each number of the last batches is sent
again, and what is stored is counted: nothing may be lost or double.

With --hours every device reports: 100,000 devices that report hourly are 27.8 batches a second.

The devices run in the same process, so the CPU time has their half of the handshakes in it. They are played: each has its
own certificate, connection and TLS handshake, and all have one private key, one machine and no network between. Households beyond
the first 1,000 are put into the tables rather than registered one by one.

Examples:
  wattwerk bench survey --devices 1000 --time 60s
  wattwerk bench survey --devices 100000 --hours 1`
}

const (
	hourSlots  = 4
	benchCodes = 4
)

// benchDevice is a device that sends.
type benchDevice struct {
	id, meter string
	chain     []byte
	sequence  int64
}

// Run measures.
func (c *BenchSurveyCmd) Run(ctx context.Context, sys IO) (err error) {
	if c.Devices < 1 || c.Devices > 1_000_000 || c.Clients < 1 || c.Clients > 1000 || c.Clients > c.Devices || c.Time < time.Second || c.Hours < 0 || c.Hours > 1000 {
		return usageError{errors.New("at least one device, at most 1,000,000; 1 to 1,000 clients, no more than devices; at least a second, at most 1000 hours")}
	}
	dir, remove, err := c.workDir()
	if err != nil {
		return err
	}
	defer remove()
	url, err := (&SQLConfig{URLFile: c.SQLURLFile}).url()
	if err != nil {
		return err
	}
	where := sqldb.Options{URL: url, Conns: 8}
	if url == "" {
		where.File = filepath.Join(dir, "books.db")
	}
	if err := identity.Init(filepath.Join(dir, "offline"), filepath.Join(dir, "online")); err != nil {
		return err
	}
	authority, err := identity.Open(filepath.Join(dir, "online"))
	if err != nil {
		return err
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	fmt.Fprintf(sys.Err, "registering %d households …\n", c.Devices) //nolint:errcheck // only words
	devices, rate, err := c.register(ctx, where, authority, key)
	if err != nil {
		return err
	}
	out, err := c.measure(ctx, sys, dir, where, authority, key, devices)
	if err != nil {
		return err
	}
	out.Add("devices", "devices", c.Devices)
	out.Add("registered_per_second", "households registered, consented and enrolled a second", rate)
	out.Machine()
	return out.Print(sys.Out, c.JSON)
}

// consented is how long ago the households consented.
const consented = 400 * 24 * time.Hour

// registered is how many households are registered as people and devices do it. Those beyond are put into the tables: what is
// measured is what they send.
const registered = 1000

// register makes the households, as of long ago. rate is how many were registered a second.
func (c *BenchSurveyCmd) register(ctx context.Context, where sqldb.Options, authority *identity.Authority, key *ecdsa.PrivateKey) (devices []benchDevice, rate float64, err error) {
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
	for range min(c.Devices, registered) {
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
		devices = append(devices, benchDevice{id: d, meter: h.Meters[0].ID, chain: cert.Chain})
	}
	rate = float64(len(devices)) / time.Since(now).Seconds()
	for len(devices) < c.Devices {
		made := make([]register.Made, min(500, c.Devices-len(devices)))
		for i := range made {
			m := &made[i]
			*m = register.Made{Household: household.NewID(), Meter: household.NewID(), Model: "MT175", Device: household.NewID(), Version: "bench"}
			cert, err := authority.Device(m.Device, request)
			if err != nil {
				return nil, 0, err
			}
			m.Credential = register.Credential{ID: cert.Serial, Expires: cert.NotAfter}
			devices = append(devices, benchDevice{id: m.Device, meter: m.Meter, chain: cert.Chain})
		}
		if err := s.Make(ctx, made); err != nil {
			return nil, 0, err
		}
	}
	return devices, rate, nil
}

// batch is what a device measured in its next hour.
func (d *benchDevice) batch(sequence int64, since time.Time) household.Batch {
	b := household.Batch{Sequence: sequence, Sent: time.Now(), Version: "bench"}
	for i := range hourSlots {
		slot := since.Add(time.Duration(sequence)*time.Hour + time.Duration(i)*household.Quarter)
		for j, code := range [benchCodes]string{"0100010800ff", "0100020800ff", "0100100700ff", "01000f0700ff"} {
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
func (c *BenchSurveyCmd) measure(ctx context.Context, sys IO, dir string, where sqldb.Options, authority *identity.Authority, key *ecdsa.PrivateKey, devices []benchDevice) (out bench.Figures, err error) {
	log := slog.New(slog.DiscardHandler)
	b, err := bus.Open(ctx, bus.Options{Dir: filepath.Join(dir, "bus"), Partitions: 4, MinFree: 1, Log: log})
	if err != nil {
		return out, err
	}
	defer b.Close()
	store, err := register.Open(ctx, where)
	if err != nil {
		return out, err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	s, err := survey.New(ctx, survey.Options{Store: store, Authority: authority, Writer: b.NewWriter(), Listen: "127.0.0.1:0", Log: log})
	if err != nil {
		return out, err
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
		return out, err
	}
	keyPEM := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
	since := time.Now().Add(-consented + 2*time.Hour).UTC().Truncate(time.Hour)
	var busy atomic.Int64
	var mu sync.Mutex
	var waits []float64 // ms
	send := func(ctx context.Context, d *benchDevice, sequence int64) error {
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
			if a.Accepted != hourSlots*benchCodes {
				return fmt.Errorf("of a batch %d measurements were accepted", a.Accepted)
			}
			mu.Lock()
			waits = append(waits, float64(time.Since(began).Microseconds())/1000)
			mu.Unlock()
			return nil
		}
	}
	each := func(f func(d *benchDevice) error) error {
		var g errgroup.Group
		for i := range c.Clients {
			g.Go(func() error {
				for n := i; n < len(devices); n += c.Clients {
					if err := f(&devices[n]); err != nil {
						return err
					}
				}
				return nil
			})
		}
		return g.Wait()
	}
	stopProfile, err := bench.Profile(c.Profile)
	if err != nil {
		return out, err
	}
	cpu, began := bench.CPU(), time.Now()
	var sent atomic.Int64
	// over tells, before or within a round, whether enough was sent.
	over := func(round int) bool {
		if c.Hours > 0 {
			return round >= c.Hours
		}
		return time.Since(began) >= c.Time
	}
	for round := 0; ctx.Err() == nil && !over(round); round++ {
		err := each(func(d *benchDevice) error {
			if ctx.Err() != nil || over(round) {
				return nil
			}
			if err := send(ctx, d, d.sequence+1); err != nil {
				return err
			}
			d.sequence++
			if n := sent.Add(1); n%10_000 == 0 {
				fmt.Fprintf(sys.Err, "%d batches after %v …\n", n, time.Since(began).Round(time.Second)) //nolint:errcheck // only words
			}
			return nil
		})
		if err != nil {
			return out, errors.Join(err, stopProfile())
		}
	}
	took, used := time.Since(began), bench.CPU()-cpu
	if err := errors.Join(ctx.Err(), stopProfile()); err != nil {
		return out, err
	}
	measured := waits
	waits = nil
	again := 0
	for i := range devices { // a lost answer has the device send the same again
		if d := &devices[i]; d.sequence > 0 && again < c.Clients {
			again++
			if err := send(ctx, d, d.sequence); err != nil {
				return out, err
			}
		}
	}
	if err := c.check(ctx, store, devices, since); err != nil {
		return out, err
	}
	n := float64(sent.Load())
	out.Add("batches", "batches that were answered", int(n))
	out.Add("batches_per_second", "batches a second", n/took.Seconds())
	out.Add("measurements_per_second", "measurements a second", n*hourSlots*benchCodes/took.Seconds())
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
func (c *BenchSurveyCmd) check(ctx context.Context, s *register.Store, devices []benchDevice, since time.Time) error {
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
