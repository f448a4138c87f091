package uplink

import (
	"bytes"
	"context"
	"encoding/gob"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/wattwerk/wattwerk/internal/run"
	"github.com/wattwerk/wattwerk/record"
)

// What a batch holds, at most. A message of the bus is never divided, so it
// may be one message more.
const (
	batchRecords = 20_000
	batchBytes   = 1 << 20
)

// journey is one way through the streams of the edge, from where the centre is.
type journey struct {
	s        *Service
	saved    checkpoint
	number   uint64 // of the last batch that is stored at the centre
	at       cursor // up to where that goes
	open     *place // the batch that has to come next, as it is
	engine   *engine
	revision uint64 // of the model that the facts are of
	lanes    *lanes
	objects  jetstream.ObjectStore

	even   bool // the engine is where the last batch ends
	batch  record.Batch
	bytes  int
	names  map[record.SensorID]bool
	took   time.Time // when the last checkpoint was stored
	looked time.Time // when it was last seen to that nothing waits for the clock
}

// checkpoint is what the edge keeps: where it was, and the state of its engine
// there. The truth about what is stored at the centre is there.
type checkpoint struct {
	Epoch  string
	Number uint64
	At     cursor
	Choice Choice
	State  *state // nil: nothing is kept
}

// Names of what the service keeps on the bus. Backups leave it out: who is
// restored begins a new life.
const (
	objectsName    = "uplink"
	checkpointName = "checkpoint"
	factsName      = "facts"
)

// begin finds out where edge and centre are.
func (s *Service) begin(ctx context.Context) (*journey, error) {
	j := &journey{s: s, names: make(map[record.SensorID]bool), took: time.Now()}
	var err error
	if j.objects, err = s.opts.Bus.Objects(ctx, objectsName); err != nil {
		return nil, err
	}
	known, err := j.load(ctx, checkpointName, &j.saved)
	if err != nil {
		return nil, err
	}
	first, last, err := j.extents(ctx)
	if err != nil {
		return nil, err
	}
	if !known || len(j.saved.At.At) != s.opts.Bus.Partitions() {
		if err := j.renew(ctx, first); err != nil {
			return nil, err
		}
	}
	a, err := s.greet(ctx, j.saved.Epoch)
	if err != nil {
		return nil, err
	}
	// What the centre says of another life of this edge is no concern of this one.
	ours := a.Epoch == j.saved.Epoch && a.Number > 0
	switch {
	case ours && a.Cursor == nil, a.Epoch == j.saved.Epoch && (beyond(a.Cursor, &last) || a.Open != nil && beyond(a.Open.Cursor, &last)):
		s.log.Warn("the centre has more than is here, as after a restore: a new life begins")
		if err := j.renew(ctx, first); err != nil {
			return nil, err
		}
	case !ours && a.Open != nil && a.Epoch == j.saved.Epoch:
		j.open = a.Open
	case !ours && j.saved.Number > 0:
		s.log.Warn("the centre knows nothing of what it had stored: all that is kept here is sent again")
		if err := j.renew(ctx, first); err != nil {
			return nil, err
		}
	case !ours:
	case a.Number < j.saved.Number:
		s.log.Warn("the centre has gone back, as after a restore: what is kept here since is sent again")
		from := *a.Cursor
		for p := range from.At {
			from.At[p] = max(from.At[p], first.At[p])
		}
		from.Ticks = max(from.Ticks, first.Ticks)
		if err := j.renew(ctx, from); err != nil {
			return nil, err
		}
	default:
		j.number, j.at, j.open = a.Number, *a.Cursor, a.Open
		return j, j.resume(ctx)
	}
	j.number, j.at = 0, j.saved.At
	return j, j.resume(ctx)
}

// beyond tells whether a cursor lies behind the end of a stream, or is of other
// streams; none does not.
func beyond(c, last *cursor) bool {
	if c == nil {
		return false
	}
	if len(c.At) != len(last.At) {
		return true
	}
	for p := range c.At {
		if c.At[p] > last.At[p] {
			return true
		}
	}
	return c.Ticks > last.Ticks
}

// extents gives the cursors before the first and at the last messages kept.
func (j *journey) extents(ctx context.Context) (first, last cursor, err error) {
	b := j.s.opts.Bus
	for p := range b.Partitions() {
		x, err := b.RecordsExtent(ctx, p)
		if err != nil {
			return first, last, err
		}
		first.At, last.At = append(first.At, max(x.First, 1)-1), append(last.At, x.Last)
	}
	x, err := b.AggregatesExtent(ctx)
	first.Ticks, last.Ticks = max(x.First, 1)-1, x.Last
	return first, last, err
}

// renew begins a new life at a cursor.
func (j *journey) renew(ctx context.Context, from cursor) error {
	j.saved = checkpoint{Epoch: newEpoch(), At: from, Choice: j.s.opts.Choice}
	return j.save(ctx, checkpointName, &j.saved)
}

// resume makes the engine as it was when the last batch was made that the
// centre has, and opens the streams behind that.
func (j *journey) resume(ctx context.Context) error {
	look, revision := j.s.lookup()
	now := look.choice
	was := *look
	was.choice = &j.saved.Choice
	j.engine, j.revision = newEngine(j.s.opts.Bus.Partitions(), &was), revision
	j.engine.nameless = j.s.tellNameless
	if j.saved.State != nil {
		j.engine.restore(j.saved.State)
	}
	var fixed fixedFacts
	if _, err := j.load(ctx, factsName, &fixed); err != nil {
		return err
	}
	if fixed.Epoch == j.saved.Epoch && fixed.Number == j.saved.Number {
		j.engine.given = fixed.Facts
	}
	from := j.saved.At
	if j.engine.plain {
		from = j.at
	}
	j.lanes = j.s.openLanes(ctx, from, len(was.choice.Sums) > 0 || len(now.Sums) > 0)
	fail := func(err error) error {
		j.lanes.close()
		return err
	}
	if !j.engine.plain {
		if err := j.replay(ctx, j.at); err != nil {
			return fail(err)
		}
	}
	if j.open != nil {
		if err := j.finish(ctx); err != nil {
			return fail(err)
		}
	}
	j.engine.tally, j.even = tally{}, true
	if same(j.saved.Choice, *now) {
		j.engine.look = look
		return nil
	}
	// Other settings are a boundary: what was made by the old ones is at the centre.
	j.engine.change(look)
	if err := j.checkpoint(ctx); err != nil {
		return fail(err)
	}
	return nil
}

func same(a, b Choice) bool {
	x, err := json.Marshal(a)
	y, err2 := json.Marshal(b)
	return err == nil && err2 == nil && bytes.Equal(x, y)
}

// replay reads up to a cursor without sending anything.
func (j *journey) replay(ctx context.Context, to cursor) error {
	j.lanes.limitTo(to)
	var b record.Batch
	drop := func(record.SensorID, int64, float64) {}
	for {
		m, i, err := j.lanes.next(ctx)
		if err != nil {
			return err
		}
		if m == nil {
			break
		}
		j.s.decodeInput(j.engine, i, j.lanes.ticks && i == len(j.lanes.all)-1, m, &b, drop)
	}
	if to.Clock > j.saved.At.Clock {
		j.engine.clock(to.Clock, drop)
	}
	return nil
}

// finish makes the batch again of which the centre may have a part.
func (j *journey) finish(ctx context.Context) error {
	j.lanes.limitTo(*j.open.Cursor)
	if _, err := j.compose(ctx, false); err != nil {
		return err
	}
	if j.open.Cursor.Clock > j.at.Clock {
		j.engine.clock(j.open.Cursor.Clock, j.out)
	}
	to := *j.open.Cursor
	j.open = nil
	return j.send(ctx, to)
}

func (j *journey) out(name record.SensorID, t int64, v float64) {
	j.batch.Append(record.Record{Sensor: name, Time: record.Millis(t), Value: v})
	if !j.names[name] {
		j.names[name] = true
		j.bytes += len(name) + 3
	}
	j.bytes += 14
}

// compose fills the batch with what is made of messages within the limit, and
// tells whether there is more of them.
func (j *journey) compose(ctx context.Context, bounded bool) (more bool, err error) {
	j.clear()
	var b record.Batch
	for !bounded || j.batch.Len() < batchRecords && j.bytes < batchBytes {
		m, i, err := j.lanes.next(ctx)
		if err != nil || m == nil {
			return false, err
		}
		j.even = false
		j.s.decodeInput(j.engine, i, j.lanes.ticks && i == len(j.lanes.all)-1, m, &b, j.out)
	}
	return true, nil
}

func (j *journey) clear() {
	j.batch.Reset()
	clear(j.names)
	j.bytes = 0
}

// send has the batch stored at the centre; it goes up to a cursor.
func (j *journey) send(ctx context.Context, to cursor) error {
	if j.engine.grew {
		// The same facts have to be there if this has to be made again.
		fixed := fixedFacts{j.saved.Epoch, j.saved.Number, j.engine.fix()}
		if err := j.save(ctx, factsName, &fixed); err != nil {
			return err
		}
		j.engine.grew = false
	}
	e := &envelope{Version: Version, Kind: batch, Epoch: j.saved.Epoch, Number: j.number + 1, Cursor: &to}
	a, err := j.s.insist(ctx, e, j.batch.Encode(nil))
	if err != nil {
		return err
	}
	if a.Result != stored || a.Epoch != e.Epoch || a.Number != e.Number || !to.equal(a.Cursor) {
		return fmt.Errorf("%w: at batch %d, not %d %s", errAgain, a.Number, e.Number, a.Reason)
	}
	j.number, j.at, j.even = e.Number, to, true
	j.s.late.Add(j.engine.tally.late)
	j.s.incomplete.Add(j.engine.tally.incomplete)
	j.s.nameless.Add(j.engine.tally.nameless)
	j.engine.tally = tally{}
	j.s.sent.Add(float64(j.batch.Len()))
	return nil
}

// lookEvery is how often it is looked for intervals that the clock has to close.
const lookEvery = 5 * time.Second

// run sends what is stored, and what will be.
func (j *journey) run(ctx context.Context) error {
	for {
		began := time.Now()
		now, err := j.lanes.limit(ctx)
		if err != nil {
			return err
		}
		j.measure()
		if err := j.follow(ctx, now); err != nil {
			return err
		}
		more, err := j.compose(ctx, true)
		if err != nil {
			return err
		}
		due := time.Since(j.took) > j.s.opts.Checkpoint
		// An empty batch only says how far the edge has come, and that can wait.
		if j.batch.Len() > 0 || due && !j.even {
			if err := j.send(ctx, j.here()); err != nil {
				return err
			}
			j.measure()
		}
		if !more && !j.engine.plain && time.Since(j.looked) > lookEvery {
			j.looked = time.Now()
			if len(j.engine.dueAt(now.UnixMilli())) > 0 {
				if err := j.tell(ctx, now.UnixMilli()); err != nil {
					return err
				}
			}
		}
		if due && j.even {
			if err := j.checkpoint(ctx); err != nil {
				return err
			}
		}
		if more {
			continue
		}
		if err := j.await(ctx, began); err != nil {
			return err
		}
	}
}

// follow takes the model as it was when what comes next was stored: whoever
// places sensors and then sends their readings wants them to be treated so.
func (j *journey) follow(ctx context.Context, now time.Time) error {
	if j.engine.plain {
		return nil
	}
	if !j.s.opts.Catalog.Certain(ctx, now) {
		return context.Canceled
	}
	if j.s.opts.Catalog.State().Revision == j.revision {
		return nil
	}
	if !j.even { // what was read goes by the model of before
		j.clear()
		if err := j.send(ctx, j.here()); err != nil {
			return err
		}
	}
	return j.checkpoint(ctx)
}

// here is the cursor behind what was read.
func (j *journey) here() cursor {
	c := j.lanes.cursor()
	c.Clock = j.at.Clock
	if !j.lanes.ticks {
		c.Ticks = j.at.Ticks
	}
	return c
}

// tell moves the clock on and sends what it closes. No batch may be made
// behind it before the state is stored: the clock is in no stream.
func (j *journey) tell(ctx context.Context, now int64) error {
	j.clear()
	j.even = false
	j.engine.clock(now, j.out)
	to := j.here()
	to.Clock = now
	if err := j.send(ctx, to); err != nil {
		return err
	}
	return j.checkpoint(ctx)
}

// await waits until something is stored, and no less than the least time
// between batches.
func (j *journey) await(ctx context.Context, began time.Time) error {
	if rest := j.s.opts.Every - time.Since(began); rest > 0 && !run.Pause(ctx, rest) {
		return context.Canceled
	}
	idle := time.NewTimer(time.Second)
	defer idle.Stop()
	select {
	case <-j.lanes.woken:
	case <-idle.C:
	case <-ctx.Done():
		return context.Canceled
	}
	return nil
}

// measure tells how much is not sent.
func (j *journey) measure() {
	n, since := uint64(0), time.Time{}
	for _, l := range j.lanes.all {
		n += l.ends - min(l.ends, l.at)
		if l.head != nil && (since.IsZero() || l.head.stored.Before(since)) {
			since = l.head.stored
		}
	}
	j.s.pending.Store(n)
	if n == 0 || since.IsZero() {
		j.s.since.Store(0)
		return
	}
	j.s.since.Store(since.UnixNano())
}

// checkpoint stores where the edge is, and lets go of what is at the centre.
// Changes of the model are taken here.
func (j *journey) checkpoint(ctx context.Context) error {
	if look, revision := j.s.lookup(); revision != j.revision && !j.engine.plain {
		j.engine.adopt(look)
		j.revision = revision
	}
	next := checkpoint{Epoch: j.saved.Epoch, Number: j.number, At: j.at, Choice: j.s.opts.Choice}
	if !j.engine.plain {
		next.State = &j.engine.state
	}
	if err := j.save(ctx, checkpointName, &next); err != nil {
		return err
	}
	if err := j.s.at("checkpoint"); err != nil {
		return err
	}
	b := j.s.opts.Bus
	for p, seq := range next.At.At {
		if seq == j.saved.At.At[p] && j.saved.Number > 0 {
			continue
		}
		if err := b.SavePosition(ctx, Reader, p, seq); err != nil {
			return err
		}
	}
	if err := b.SavePosition(ctx, AggregatesReader, 0, next.At.Ticks); err != nil {
		return err
	}
	j.saved, j.took, j.engine.given = next, time.Now(), nil
	return nil
}

func (j *journey) save(ctx context.Context, name string, what any) error {
	var buf bytes.Buffer
	if err := gob.NewEncoder(&buf).Encode(what); err != nil {
		return fmt.Errorf("store %s of the uplink: %w", name, err)
	}
	if _, err := j.objects.PutBytes(ctx, name, buf.Bytes()); err != nil {
		return fmt.Errorf("store %s of the uplink: %w", name, err)
	}
	return nil
}

func (j *journey) load(ctx context.Context, name string, to any) (bool, error) {
	data, err := j.s.opts.Bus.ReadObject(ctx, objectsName, name)
	if errors.Is(err, jetstream.ErrObjectNotFound) {
		return false, nil
	}
	if err == nil {
		err = gob.NewDecoder(bytes.NewReader(data)).Decode(to)
	}
	if err != nil {
		return false, fmt.Errorf("read %s of the uplink: %w", name, err)
	}
	return true, nil
}

// fixedFacts are facts that were looked up since a checkpoint.
type fixedFacts struct {
	Epoch  string
	Number uint64
	Facts  given
}
