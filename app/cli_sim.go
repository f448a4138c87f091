package app

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/wattwerk/wattwerk/internal/run"
	"github.com/wattwerk/wattwerk/model"
	"github.com/wattwerk/wattwerk/record"
	"github.com/wattwerk/wattwerk/sim"
)

// SimCmd is "wattwerk sim".
type SimCmd struct {
	Sensors SimSensorsCmd `cmd:"" default:"withargs" help:"Send readings of simulated sensors."`
	Meters  SimMetersCmd  `cmd:"" help:"Play simulated meters at ports of their own, which are read as real ones."`
}

// Help is shown by --help.
func (*SimCmd) Help() string {
	return `Without a command it is 'wattwerk sim sensors'.

Examples:
  wattwerk sim --place --sensors 1000 --groups 50
  wattwerk sim meters -n 10 --pv 6000`
}

// SimSensorsCmd is "wattwerk sim sensors".
type SimSensorsCmd struct {
	serverFlags
	Sensors  int           `default:"100" help:"How many."`
	Groups   int           `default:"10" help:"Over how many groups they are spread."`
	Interval time.Duration `default:"1s" help:"Between two readings of a sensor."`
	For      time.Duration `placeholder:"TIME" help:"Stop after this long (default: when interrupted)."`
	Outage   float64       `placeholder:"SHARE" help:"Share of the time in which a sensor is silent, 0 to 1 (default: 0)."`
	Seed     uint64        `help:"Another seed gives other values." default:"0"`
	Place    bool          `help:"Also put the sensors and their groups into the model."`
}

// Help is shown by --help.
func (*SimSensorsCmd) Help() string {
	return `The sensors draw more by day than by night, less on weekends, with noise. The same sensor has the
same value at the same time in every run, so what should have arrived can be computed.

Examples:
  wattwerk sim sensors                             100 sensors, until interrupted
  wattwerk sim --place --sensors 1000 --groups 50  put them into the model too
  wattwerk sim --outage 0.1 --for 10m              with sensors that fall silent
  wattwerk sim --url https://power.example.org --token-file token.txt`
}

// simChunk is how many readings go into one request.
const simChunk = 5000

// Run sends until it is told to stop.
func (c *SimSensorsCmd) Run(ctx context.Context, sys IO) error {
	g, err := sim.New(sim.Options{Sensors: c.Sensors, Groups: min(c.Groups, c.Sensors), Interval: c.Interval, Outage: c.Outage, Seed: c.Seed})
	if err != nil {
		return usageError{err}
	}
	server, err := c.connect(sys)
	if err != nil {
		return err
	}
	if c.Place {
		if err := place(ctx, server, g.Document()); err != nil {
			return fmt.Errorf("put the sensors into the model: %w", err)
		}
	}
	if c.For > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, c.For)
		defer cancel()
	}
	sent, told := 0, time.Now()
	tick := time.NewTicker(c.Interval)
	defer tick.Stop()
	for {
		now := record.Millis(time.Now().UnixMilli() / c.Interval.Milliseconds() * c.Interval.Milliseconds())
		n, err := c.send(ctx, sys, server, g, now)
		sent += n
		if err != nil && ctx.Err() == nil {
			return err
		}
		if time.Since(told) > 10*time.Second {
			told = time.Now()
			fmt.Fprintf(sys.Err, "%d readings accepted\n", sent) //nolint:errcheck // nobody reads it, then
		}
		select {
		case <-ctx.Done():
			_, err := fmt.Fprintf(sys.Err, "%d readings accepted\n", sent)
			return err
		case <-tick.C:
		}
	}
}

// send sends what all sensors say at t, again and again while the server is
// busy, and gives how many readings were accepted.
func (c *SimSensorsCmd) send(ctx context.Context, sys IO, server *client, g *sim.Generator, t record.Millis) (int, error) {
	type reading struct {
		Sensor record.SensorID `json:"sensor"`
		Time   int64           `json:"time"`
		Value  float64         `json:"value"`
		Unit   string          `json:"unit"`
	}
	sent := 0
	for at := 0; at < c.Sensors; at += simChunk {
		var batch []reading
		for i := at; i < min(at+simChunk, c.Sensors); i++ {
			if v, ok := g.Value(i, t); ok {
				batch = append(batch, reading{g.Sensor(i), int64(t), v, "W"})
			}
		}
		body, err := json.Marshal(batch)
		if err != nil {
			return sent, err
		}
		for {
			resp, err := server.do(ctx, http.MethodPost, "/api/v1/ingest/json", "application/json", bytes.NewReader(body))
			if err == nil {
				sent += len(batch)
				if err := resp.Body.Close(); err != nil {
					return sent, err
				}
				break
			}
			var busy *busyError
			if !errors.As(err, &busy) {
				return sent, err
			}
			fmt.Fprintf(sys.Err, "waiting: %v\n", err) //nolint:errcheck // nobody reads it, then
			if !run.Pause(ctx, busy.after) {
				return sent, ctx.Err()
			}
		}
	}
	return sent, nil
}

// place adds a document to the model of the server, unless it is there.
func place(ctx context.Context, server *client, add model.Document) error {
	resp, err := server.do(ctx, http.MethodGet, "/api/v1/model", "", nil)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	d, err := model.ReadJSON(resp.Body)
	if err != nil {
		return err
	}
	for _, h := range d.Hierarchies {
		if h.ID == add.Hierarchies[0].ID {
			return nil
		}
	}
	d.Sensors = append(d.Sensors, add.Sensors...)
	d.Groups = append(d.Groups, add.Groups...)
	d.Hierarchies = append(d.Hierarchies, add.Hierarchies...)
	var body bytes.Buffer
	if err := d.WriteJSON(&body); err != nil {
		return err
	}
	put, err := server.do(ctx, http.MethodPut, "/api/v1/model", "application/json", &body, "If-Match", resp.Header.Get("ETag"))
	if err != nil {
		return err
	}
	return put.Body.Close()
}
