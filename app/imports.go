package app

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/wattwerk/wattwerk/bus"
	"github.com/wattwerk/wattwerk/energy"
	"github.com/wattwerk/wattwerk/history"
	"github.com/wattwerk/wattwerk/history/imports"
	"github.com/wattwerk/wattwerk/internal/config"
	"github.com/wattwerk/wattwerk/model"
	"github.com/wattwerk/wattwerk/record"
	"github.com/wattwerk/wattwerk/settlement"
	"github.com/wattwerk/wattwerk/settlement/ledger"
	"github.com/wattwerk/wattwerk/settlement/reading"
	"github.com/wattwerk/wattwerk/settlement/trial"
)

// ImportsConfig bounds what is taken in of files.
type ImportsConfig struct {
	MaxSize config.Bytes    `koanf:"max_size" doc:"How large a file may be that is brought to be looked at and imported. 'wattwerk import' takes any size."`
	Files   int             `koanf:"files" doc:"How many of those are kept at a time."`
	Keep    config.Duration `koanf:"keep" doc:"How long. The list of imports is kept for ever."`
	Values  int             `koanf:"values" doc:"How many values one of them may have: it is held in memory while it is imported, at 32 bytes a value."`
}

// DefaultImportsConfig takes years of a site.
func DefaultImportsConfig() ImportsConfig {
	return ImportsConfig{MaxSize: 256 << 20, Files: 20, Keep: config.Duration(7 * 24 * time.Hour), Values: 4_000_000}
}

// Validate gives what cannot work.
func (c *ImportsConfig) Validate() error {
	var errs []error
	if c.MaxSize < 1<<10 || c.MaxSize > maxBody {
		errs = append(errs, fmt.Errorf("imports.max_size is %v; 1KiB to 64GiB are possible", c.MaxSize))
	}
	if c.Files < 1 || c.Files > 10_000 {
		errs = append(errs, fmt.Errorf("imports.files is %d; 1 to 10000 are possible", c.Files))
	}
	if c.Keep.Std() < time.Minute {
		errs = append(errs, fmt.Errorf("imports.keep is %v; at least 1m is needed to look at a file", c.Keep.Std()))
	}
	if c.Values < 1000 || c.Values > math.MaxInt32 {
		errs = append(errs, fmt.Errorf("imports.values is %d; 1000 to %d are possible", c.Values, math.MaxInt32))
	}
	return errors.Join(errs...)
}

// importsModule runs wherever the history does.
const importsModule = "imports"

// importsDir is where files are kept, below the data directory.
const importsDir = "imports"

func startImports(ctx context.Context, p *process) (running, error) {
	if err := p.startSettled(ctx); err != nil {
		return running{}, err
	}
	c := p.config.Imports
	s, err := imports.New(ctx, imports.Options{
		Dir: p.dir.Join(importsDir), DB: p.settled.Books(), Store: p.store, Catalog: p.catalog, Corrections: corrections{p.settled}, Filled: p.history.Filled,
		Room: func() error {
			if p.bus.Full() {
				return fmt.Errorf("%w: %w", history.ErrNoRoom, bus.ErrFull)
			}
			return nil
		},
		Limits: imports.Limits{Bytes: int64(c.MaxSize), Files: c.Files, Keep: c.Keep.Std(), Values: c.Values},
		Actor:  actor, Log: p.logger(importsModule), Suppose: p.supposing(),
	})
	if err != nil {
		return running{}, err
	}
	p.imports = s
	return running{run: s.Run}, nil
}

// supposing tells imports what would be settled, with the history of this process;
// nil where nobody settles.
func (p *process) supposing() func(context.Context, *model.Sensor, []record.Millis, []float64, []imports.Intervention) (*imports.ImportSettled, error) {
	if !p.settles {
		return nil
	}
	d := trial.Data{Readings: readings{p.store}, Store: p.settled, Decided: func(ctx context.Context, id record.SensorID) (reading.Decisions, error) {
		return settlement.Decided(ctx, p.settled, id)
	}}
	return func(ctx context.Context, sn *model.Sensor, times []record.Millis, values []float64, instead []imports.Intervention) (*imports.ImportSettled, error) {
		var added []energy.Reading
		for i, t := range times {
			added = append(added, energy.Reading{Time: t, Value: values[i], Quality: energy.Measured})
		}
		var more []energy.Correction
		for _, x := range instead {
			c := energy.Correction{From: x.From, To: x.To, Method: energy.Replace}
			for i, t := range x.Times {
				c.Points = append(c.Points, energy.Reading{Time: t, Value: x.Values[i]})
			}
			more = append(more, c)
		}
		x, ok, err := d.Suppose(ctx, sn, added, more)
		if err != nil || !ok {
			return nil, err
		}
		out := &imports.ImportSettled{From: x.Span.From.Time(), To: x.Span.To.Time(), Windows: x.Windows}
		if x.Before.Known {
			out.Before = new(x.Before.Amount.Float64())
		}
		if x.After.Known {
			out.After = new(x.After.Amount.Float64())
		}
		return out, nil
	}
}

func faceImports(p *process, f face) { p.imports.Register(f.api) }

// corrections keeps in the books what imports bring about.
type corrections struct{ *ledger.Store }

// everything is more interventions than a sensor may have.
const everything = math.MaxInt32

func (c corrections) known(ctx context.Context, sensor record.SensorID) (map[string]ledger.Intervention, error) {
	all, err := c.Interventions(ctx, sensor, true, everything)
	out := make(map[string]ledger.Intervention, len(all))
	for _, x := range all {
		out[x.ID] = x
	}
	return out, err
}

func (c corrections) add(ctx context.Context, x ledger.Intervention) error {
	if _, err := c.AddIntervention(ctx, x); err != nil {
		return err
	}
	return c.touch(ctx, x)
}

// touch has what is derived follow.
func (c corrections) touch(ctx context.Context, x ledger.Intervention) error {
	return c.Mark(ctx, x.Sensor, record.MillisOf(x.From), record.MillisOf(*x.To)-1)
}

// Intervene keeps interventions.
func (c corrections) Intervene(ctx context.Context, sensor record.SensorID, all []imports.Intervention, why, who string) error {
	known, err := c.known(ctx, sensor)
	if err != nil {
		return err
	}
	for _, i := range all {
		x := ledger.Intervention{ID: i.ID, Sensor: sensor, Who: who, At: time.Now(), InterventionBody: ledger.InterventionBody{
			Kind: ledger.Exclude, From: i.From.Time(), To: new(i.To.Time()), Why: why,
		}}
		x.Only = ledger.ReadingsAt(i.Only)
		for k, t := range i.Times {
			x.Kind = ledger.Replace
			x.Points = append(x.Points, ledger.PointInTime{Time: t.Time(), Value: i.Values[k]})
		}
		if _, ok := known[i.ID]; ok {
			err = c.touch(ctx, x) // it may have been killed between the two
		} else {
			err = c.add(ctx, x)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// End undoes interventions.
func (c corrections) End(ctx context.Context, ids []string, why, who string) error {
	for _, id := range ids {
		x, err := c.UndoIntervention(ctx, id, why, who, time.Now())
		if err != nil {
			return err
		}
		if err := c.touch(ctx, x); err != nil {
			return err
		}
	}
	return nil
}

// Again says once more what was undone.
func (c corrections) Again(ctx context.Context, sensor record.SensorID, old, id, why, who string) error {
	known, err := c.known(ctx, sensor)
	if err != nil {
		return err
	}
	x, ok := known[old]
	if !ok {
		return fmt.Errorf("there is no intervention %q any more", old)
	}
	if _, ok := known[id]; ok {
		return c.touch(ctx, x)
	}
	x.ID, x.Why, x.Who, x.At, x.UndoneAt, x.UndoneWho, x.UndoneWhy = id, why, who, time.Now(), nil, "", ""
	return c.add(ctx, x)
}

// Excluded gives interventions in force.
func (c corrections) Excluded(ctx context.Context, sensor record.SensorID, ids map[string]bool) (out []imports.Intervention, err error) {
	all, err := c.Interventions(ctx, sensor, false, everything)
	for _, x := range all {
		if ids[x.ID] {
			out = append(out, imports.Intervention{ID: x.ID, From: record.MillisOf(x.From), To: record.MillisOf(*x.To), Only: ledger.Rows(x.Only)})
		}
	}
	return out, err
}
