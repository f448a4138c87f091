package app

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/goccy/go-yaml"

	"github.com/wattwerk/wattwerk/bridge"
	"github.com/wattwerk/wattwerk/bridge/replay"
	"github.com/wattwerk/wattwerk/internal/run"
	"github.com/wattwerk/wattwerk/record"
)

// ReplayCmd is "wattwerk replay".
type ReplayCmd struct {
	serverFlags
	File     string        `arg:"" help:"CSV file; its first row names the columns." type:"existingfile"`
	As       string        `placeholder:"NAME" help:"The file is laid out as household or steel, the two data sets of the demo."`
	Mapping  string        `placeholder:"FILE" help:"What the columns mean, as YAML (instead of the flags below)." type:"existingfile"`
	Time     string        `placeholder:"COLUMN" default:"time" help:"The column of the time."`
	Layout   string        `placeholder:"FORMAT" help:"How times are written: rfc3339, unix, unix_ms, or as Go writes 2006-01-02 15:04:05 (default: recognised)."`
	Zone     string        `placeholder:"ZONE" help:"IANA time zone of times that do not say theirs (default: UTC)."`
	Interval time.Duration `default:"1m" help:"How long a row holds."`
	Ends     bool          `help:"A row is stamped with the end of its interval, not its beginning."`
	Column   []string      `sep:"none" placeholder:"COLUMN=SENSOR:UNIT" help:"A column of values; may be repeated. An energy (Wh, kWh) is that of the row's interval and becomes its mean power."`
	Speed    float64       `default:"1" help:"How fast: 1 as it was measured, 60 a minute in a second, 0 as fast as it can be stored."`
	Live     bool          `help:"Shift the file to now: its past is sent at once, then every row when its time comes, again and again."`
	Backfill time.Duration `default:"24h" help:"With --live: how much of the past is sent."`
}

// Help is shown by --help.
func (*ReplayCmd) Help() string {
	return `Plays a file back as if its meters were sending: with its own timestamps at any speed, or shifted to
now. What has been stored already is not stored twice, so a replay can be repeated. To bring years in at
once, with nothing evaluated while they come, use 'wattwerk import'.

Examples:
  wattwerk replay --column 'P=main:kW' --speed 60 readings.csv
  wattwerk replay --column 'P=main:kW' --live readings.csv        as a demonstration, for ever
  wattwerk replay --column 'use=hall3:kWh' --interval 15m --ends --speed 0 load.csv
  wattwerk replay --as household --speed 0 household_power.csv`
}

// mapping is what the columns mean.
func (c *ReplayCmd) mapping() (replay.Mapping, error) {
	var m replay.Mapping
	switch {
	case c.As == "household":
		m = replay.Household()
	case c.As == "steel":
		m = replay.Steel()
	case c.As != "":
		return m, fmt.Errorf("--as %s: household and steel are known", c.As)
	case c.Mapping != "":
		data, err := os.ReadFile(c.Mapping)
		if err != nil {
			return m, err
		}
		if err := yaml.UnmarshalWithOptions(data, &m, yaml.Strict()); err != nil {
			return m, fmt.Errorf("%s: %w", c.Mapping, err)
		}
	default:
		m = replay.Mapping{Name: "replay", Time: c.Time, Format: c.Layout, Zone: c.Zone, Interval: c.Interval, Ends: c.Ends}
		for _, col := range c.Column {
			name, rest, ok := strings.Cut(col, "=")
			at := strings.LastIndexByte(rest, ':')
			if !ok || at < 0 {
				return m, fmt.Errorf("--column %q is not like COLUMN=SENSOR:UNIT", col)
			}
			v := replay.Value{Column: name, Sensor: rest[:at], Unit: rest[at+1:]}
			if u, ok := record.LookupUnit(v.Unit); ok && u.Quantity == record.Energy {
				v.PerInterval = true
			}
			m.Values = append(m.Values, v)
		}
	}
	return m, m.Validate()
}

// Run replays the file to a running wattwerk.
func (c *ReplayCmd) Run(ctx context.Context, sys IO) error {
	m, err := c.mapping()
	if err != nil {
		return usageError{err}
	}
	if c.Speed < 0 {
		return usageError{errors.New("--speed is 0 or more")}
	}
	server, err := c.connect(sys)
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	var told time.Time
	tell := func(p replay.Progress, last bool) {
		if !last && time.Since(told) < 2*time.Second {
			return
		}
		told = time.Now()
		of := ""
		if p.Of > 0 {
			of = fmt.Sprintf(" of %d", p.Of)
		}
		fmt.Fprintf(sys.Err, "%d%s rows, up to %s: %d records stored, %d refused, %d values missing\n", p.Rows, of, p.At, p.Accepted, p.Refused, p.Missing) //nolint:errcheck // nobody reads it, then
	}
	p, err := replay.Run(ctx, replay.Options{
		Taker: &httpTaker{server: server, sys: sys, stop: stop}, Mapping: m, Speed: c.Speed, Live: c.Live, Backfill: c.Backfill,
		Open:     func() (io.ReadCloser, error) { return os.Open(c.File) },
		Progress: func(p replay.Progress) { tell(p, false) },
	})
	tell(p, true)
	if cause := context.Cause(ctx); cause != nil && !errors.Is(cause, context.Canceled) {
		return cause
	}
	return err
}

// httpTaker hands readings to a server.
type httpTaker struct {
	server *client
	sys    IO
	stop   context.CancelCauseFunc // ends the replay: trying again would not help
}

// TakeReadings posts the readings in pieces.
func (h *httpTaker) TakeReadings(ctx context.Context, _ string, readings iter.Seq2[bridge.Reading, error]) (bridge.Answer, error) {
	type reading struct {
		Sensor string  `json:"sensor"`
		Time   int64   `json:"time"`
		Value  float64 `json:"value"`
		Unit   string  `json:"unit,omitempty"`
	}
	var sum bridge.Answer
	var batch []reading
	post := func() error {
		if len(batch) == 0 {
			return nil
		}
		body, err := json.Marshal(batch)
		if err != nil {
			return err
		}
		batch = batch[:0]
		a, err := h.post(ctx, body)
		sum.Accepted += a.Accepted
		sum.Refused += a.Refused
		return err
	}
	for r, fault := range readings {
		if fault != nil {
			sum.Refused++
			fmt.Fprintf(h.sys.Err, "not sent: %v\n", fault) //nolint:errcheck // nobody reads it, then
			continue
		}
		batch = append(batch, reading{r.Sensor, int64(r.Time), r.Value, r.Unit})
		if len(batch) == simChunk {
			if err := post(); err != nil {
				return sum, err
			}
		}
	}
	return sum, post()
}

// post waits while the server is busy or away; any other answer ends the replay.
func (h *httpTaker) post(ctx context.Context, body []byte) (bridge.Answer, error) {
	var a bridge.Answer
	for {
		resp, err := h.server.do(ctx, http.MethodPost, "/api/v1/ingest/json", "application/json", bytes.NewReader(body))
		if err == nil {
			err = json.NewDecoder(io.LimitReader(resp.Body, 1<<20)).Decode(&a)
			return a, errors.Join(err, resp.Body.Close())
		}
		var busy *busyError
		if !errors.As(err, &busy) {
			h.stop(err)
			return a, err
		}
		fmt.Fprintf(h.sys.Err, "waiting: %v\n", err) //nolint:errcheck // nobody reads it, then
		if !run.Pause(ctx, busy.after) {
			return a, ctx.Err()
		}
	}
}
