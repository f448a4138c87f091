package runner

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/wattwerk/wattwerk/bus"
	"github.com/wattwerk/wattwerk/internal/phrase"
	"github.com/wattwerk/wattwerk/manifest"
	"github.com/wattwerk/wattwerk/pipeline/connect"
	"github.com/wattwerk/wattwerk/pipeline/processor"
	"github.com/wattwerk/wattwerk/record"
)

// lettersEvery is how often dead letters are written; of each manifest,
// processor and reason one then, which says how many more there were.
const lettersEvery = time.Second

// letters collects what was refused. Everything is counted; one sample of each
// reason is kept each second, with how many it stands for.
type letters struct {
	bury func(context.Context, bus.DeadLetter) error

	mu   sync.Mutex
	open map[letterOf]*letter
}

type letterOf struct{ manifest, processor, reason string }

type letter struct {
	bus.DeadLetter
	n int
}

// mostReasons bounds the letters of a second.
const mostReasons = 1000

func (l *letters) add(of letterOf, sample func() bus.DeadLetter, n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.open == nil {
		l.open = make(map[letterOf]*letter)
	}
	x := l.open[of]
	if x == nil {
		if len(l.open) >= mostReasons { // one letter for all that are too many
			of = letterOf{reason: "many reasons at once"}
			if x = l.open[of]; x != nil {
				x.n += n
				return
			}
		}
		x = &letter{DeadLetter: sample()}
		l.open[of] = x
	}
	x.n += n
}

func (l *letters) run(ctx context.Context) {
	t := time.NewTicker(lettersEvery)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
			l.write(ctx) //nolint:errcheck // nobody is left to try it again
			cancel()
			return
		case <-t.C:
			l.write(ctx) //nolint:errcheck // it is tried again
		}
	}
}

// write buries what was collected; what cannot be buried stays.
func (l *letters) write(ctx context.Context) (err error) {
	l.mu.Lock()
	open := l.open
	l.open = nil
	l.mu.Unlock()
	for of, x := range open {
		d := x.DeadLetter
		if x.n > 1 {
			d.Reason = fmt.Sprintf("%s (one of %d within a second)", d.Reason, x.n)
			d.Params = d.Params.With("more", x.n-1)
		}
		if e := l.bury(ctx, d); e != nil {
			err = e
			l.add(of, func() bus.DeadLetter { return x.DeadLetter }, x.n)
		}
	}
	return err
}

// ofManifest is a letter about a manifest as a whole.
func ofManifest(name, why string) bus.DeadLetter {
	return bus.DeadLetter{
		Source: "manifest", Reason: fmt.Sprintf("manifest %q: %s", name, why), Code: phrase.ManifestLost, Params: phrase.Params{"manifest": name, "reason": why},
		At: record.MillisOf(time.Now()),
	}
}

// bury makes dead letters of what a node refused.
func (r *Runner) bury(j *job, node string, refused []processor.Refused) {
	r.dead.Add(float64(len(refused)))
	for _, f := range refused {
		r.letters.add(letterOf{j.id, node, f.Reason}, func() bus.DeadLetter {
			v := f.Item.Value
			return bus.DeadLetter{
				Source: "manifest", Reason: fmt.Sprintf("manifest %q, processor %q: %s", j.name, node, f.Reason),
				Code: phrase.ManifestLost, Params: phrase.Params{"manifest": j.name, "processor": node, "reason": f.Reason},
				Time: f.Item.Time, Value: &v, Sample: j.inst.Key(f.Item.Series),
			}
		}, 1)
	}
}

// buryWritten makes a dead letter of what a sink refused.
func (r *Runner) buryWritten(to *manifest.End, f connect.Refusal) {
	r.dead.Inc()
	r.letters.add(letterOf{f.Result.Manifest, f.Result.Processor, f.Reason}, func() bus.DeadLetter {
		v := f.Result.Value
		return bus.DeadLetter{
			Source: "manifest", Reason: fmt.Sprintf("manifest %q, processor %q: sink %q refused a result: %s", f.Result.Manifest, f.Result.Processor, to.Source.Name, f.Reason),
			Code: phrase.ManifestLost, Params: phrase.Params{"manifest": f.Result.Manifest, "processor": f.Result.Processor, "sink": to.Source.Name, "reason": f.Reason},
			Time: f.Result.Time, Value: &v, Sample: f.Result.Key, At: record.MillisOf(time.Now()),
		}
	}, 1)
}
