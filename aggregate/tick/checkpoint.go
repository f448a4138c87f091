package tick

import (
	"encoding/binary"
	"encoding/json"
	"fmt"

	"github.com/klauspost/compress/zstd"

	"github.com/wattwerk/wattwerk/model"
	"github.com/wattwerk/wattwerk/record"
)

// checkpointVersion changes when an older program could misread the form.
const checkpointVersion = 1

// header is the part of a checkpoint that is not readings.
type header struct {
	Version int                                 `json:"version"`
	Seq     uint64                              `json:"seq"` // the newest message taken
	Closed  record.Millis                       `json:"closed"`
	Newest  record.Millis                       `json:"newest"`
	Stored  record.Millis                       `json:"stored"`
	Courses map[model.HierarchyID]courseHistory `json:"courses"`
}

type courseHistory struct {
	Next  record.Millis `json:"next"`
	Floor record.Millis `json:"floor"`
	Alive bool          `json:"alive"`
	Entry record.Millis `json:"entry"`
	Begin record.Millis `json:"begin"`
	Heard record.Millis `json:"heard"` // 0, of an older version: nobody knows, so that it counts as heard
}

// checkpointBatch bounds the batches inside a checkpoint.
const checkpointBatch = record.MaxBatch

// Checkpoint is the engine's state after message seq, to be given to
// [Engine.Restore]. Plans are not in it: they come from the model.
func (e *Engine) Checkpoint(seq uint64) ([]byte, error) {
	h := header{
		Version: checkpointVersion, Seq: seq, Closed: e.closed, Newest: e.newest, Stored: e.stored,
		Courses: make(map[model.HierarchyID]courseHistory),
	}
	for _, c := range e.courses {
		h.Courses[c.id] = courseHistory{Next: c.next, Floor: c.floor, Alive: c.alive, Entry: c.entry, Begin: c.begin, Heard: c.heard}
	}
	head, err := json.Marshal(h)
	if err != nil {
		return nil, fmt.Errorf("checkpoint: %w", err)
	}
	readings := 2 * len(e.last)
	for _, bin := range e.bins {
		readings += min(len(bin.slot), 2*len(e.last))
	}
	out := appendBlock(make([]byte, 0, len(head)+32*readings), head)
	var b record.Batch
	var buf []byte
	flush := func() {
		if b.Len() > 0 {
			buf = b.Encode(buf[:0])
			out = appendBlock(out, buf)
			b.Reset()
		}
	}
	for s := range e.last {
		if e.last[s].at == never {
			continue
		}
		b.Sensors = append(b.Sensors, e.names[s])
		for _, r := range []reading{e.before[s], e.last[s]} {
			if r.at != never {
				b.Index = append(b.Index, uint32(len(b.Sensors)-1))
				b.Times, b.Values = append(b.Times, r.at), append(b.Values, r.value)
			}
		}
		if b.Len() >= checkpointBatch-1 {
			flush()
		}
	}
	flush()
	out = appendBlock(out, nil) // between what is closed and what is open
	// Open readings repeat sensors; where says which have a place in the batch.
	where := make([]uint32, len(e.names))
	// Of what a sensor read within one bin only the newest two will ever count,
	// the first of several for the same time. These say which they are, plus one.
	newest, second := make([]uint32, len(e.names)), make([]uint32, len(e.names))
	for _, k := range e.keys {
		bin := e.bins[k]
		for i, s := range bin.slot {
			switch n, m := newest[s], second[s]; {
			case n == 0 || bin.at[i] > bin.at[n-1]:
				newest[s], second[s] = uint32(i)+1, n
			case bin.at[i] < bin.at[n-1] && (m == 0 || bin.at[i] > bin.at[m-1]):
				second[s] = uint32(i) + 1
			}
		}
		for i, s := range bin.slot {
			switch uint32(i) + 1 {
			case newest[s]:
				newest[s] = 0
			case second[s]:
				second[s] = 0
			default:
				continue
			}
			if where[s] == 0 {
				b.Sensors = append(b.Sensors, e.names[s])
				where[s] = uint32(len(b.Sensors))
			}
			b.Index = append(b.Index, where[s]-1)
			b.Times, b.Values = append(b.Times, bin.at[i]), append(b.Values, bin.value[i])
			if b.Len() == checkpointBatch {
				flush()
				clear(where)
			}
		}
	}
	flush()
	enc, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(1<<20), zstd.WithLowerEncoderMem(true))
	if err != nil {
		return nil, fmt.Errorf("checkpoint: %w", err)
	}
	return enc.EncodeAll(out, nil), nil
}

// maxCheckpoint bounds what a checkpoint unpacks to.
const maxCheckpoint = 4 << 30

// Restore fills a new engine from a checkpoint and gives the position of the
// message it was made after. Plans are to be set afterwards.
func (e *Engine) Restore(data []byte) (seq uint64, err error) {
	dec, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(maxCheckpoint))
	if err != nil {
		return 0, fmt.Errorf("restore: %w", err)
	}
	defer dec.Close()
	raw, err := dec.DecodeAll(data, nil)
	if err != nil {
		return 0, fmt.Errorf("restore: %w", err)
	}
	head, raw, err := nextBlock(raw)
	if err != nil {
		return 0, err
	}
	var h header
	if err := json.Unmarshal(head, &h); err != nil {
		return 0, fmt.Errorf("restore: %w", err)
	}
	if h.Version != checkpointVersion {
		return 0, fmt.Errorf("restore: the checkpoint is of version %d, this program reads %d", h.Version, checkpointVersion)
	}
	e.closed, e.told, e.newest, e.stored = h.Closed, h.Closed, h.Newest, h.Stored
	open := false
	var b record.Batch
	for len(raw) > 0 {
		var block []byte
		if block, raw, err = nextBlock(raw); err != nil {
			return 0, err
		}
		if len(block) == 0 {
			open = true
			continue
		}
		if err := b.Decode(block); err != nil {
			return 0, fmt.Errorf("restore: %w", err)
		}
		b.Names()
		for i := range b.Values {
			r := b.At(i)
			s := e.slot(r.Sensor)
			if !open {
				keep(&e.last[s], &e.before[s], r.Time, r.Value)
				continue
			}
			bin := e.bin(gridUp(r.Time, e.timing.Base))
			bin.slot, bin.at, bin.value = append(bin.slot, s), append(bin.at, r.Time), append(bin.value, r.Value)
		}
	}
	for id, ch := range h.Courses {
		c := e.course(id)
		c.next, c.floor, c.alive, c.entry, c.begin, c.heard = ch.Next, ch.Floor, ch.Alive, ch.Entry, ch.Begin, ch.Heard
		if c.floor == always { // of a version that forgot a hierarchy whose end it had passed
			c.floor = e.closed + 1
		}
	}
	return h.Seq, nil
}

// Entries gives for every hierarchy the newest tick this partition had a value
// in. A checkpoint may only be relied on when all of these have been combined.
func (e *Engine) Entries() map[model.HierarchyID]record.Millis {
	m := make(map[model.HierarchyID]record.Millis)
	for _, c := range e.courses {
		if c.entry != never {
			m[c.id] = c.entry
		}
	}
	return m
}

func appendBlock(dst, b []byte) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(b))), b...)
}

func nextBlock(b []byte) (block, rest []byte, err error) {
	n, m := binary.Uvarint(b)
	if m <= 0 || n > uint64(len(b)-m) {
		return nil, nil, fmt.Errorf("restore: %w: bad block", record.ErrWire)
	}
	return b[m : m+int(n)], b[m+int(n):], nil
}
