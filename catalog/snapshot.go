package catalog

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"sort"
	"sync"
	"time"

	"github.com/klauspost/compress/zstd"

	"github.com/wattwerk/wattwerk/model"
	"github.com/wattwerk/wattwerk/record"
)

// A snapshot spares a starting catalog the reading of all revisions. It is an
// object with a head and the document, compressed. One is made when enough has
// happened since the last, at most every ten minutes; kept is the newest one
// that was in force an hour ago and all after it.
const (
	snapshotRevisions = 200
	snapshotBytes     = 16 << 20
	snapshotEvery     = 10 * time.Minute
)

// pace counts what was read since the last snapshot.
type pace struct {
	mu        sync.Mutex
	revisions int
	bytes     int
	last      record.Millis // effective time of the newest snapshot
}

func (p *pace) add(n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.revisions++
	p.bytes += n
}

func (p *pace) due(s State) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return (p.revisions >= snapshotRevisions || p.bytes >= snapshotBytes) &&
		s.Effective >= p.last+record.Millis(snapshotEvery.Milliseconds())
}

func (p *pace) made(at record.Millis) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.revisions, p.bytes, p.last = 0, 0, at
}

type snapshotHead struct {
	Revision  uint64        `json:"revision"`
	Effective record.Millis `json:"effective"`
	At        time.Time     `json:"at"`
	Who       string        `json:"who,omitempty"`
	Note      string        `json:"note,omitempty"`
}

func snapshotName(revision uint64, effective record.Millis) string {
	return fmt.Sprintf("snapshot-%020d-%015d", revision, int64(effective))
}

type snapshotRef struct {
	name      string
	revision  uint64
	effective record.Millis
}

// listSnapshots gives them oldest first.
func (c *Catalog) listSnapshots(ctx context.Context) ([]snapshotRef, error) {
	names, err := c.bus.ObjectNames(ctx, modelObjects)
	if err != nil {
		return nil, fmt.Errorf("list snapshots: %w", err)
	}
	var out []snapshotRef
	for _, name := range names {
		r := snapshotRef{name: name}
		if n, err := fmt.Sscanf(name, "snapshot-%d-%d", &r.revision, &r.effective); err == nil && n == 2 {
			out = append(out, r)
		}
	}
	sort.Slice(out, func(i, j int) bool { return out[i].revision < out[j].revision })
	return out, nil
}

// snapshots makes them as this catalog commits.
func (c *Catalog) snapshots(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-c.written:
		}
		s := c.State()
		if !c.pace.due(s) {
			continue
		}
		if err := c.snapshot(ctx, s); err != nil && ctx.Err() == nil {
			c.log.Warn("no snapshot of the model was made", "revision", s.Revision, "error", err)
		}
	}
}

// snapshot stores a state and removes snapshots that nobody needs any more.
func (c *Catalog) snapshot(ctx context.Context, s State) error {
	if err := c.save(ctx, snapshotName(s.Revision, s.Effective), func(w io.Writer) error { return writeSnapshot(w, s) }); err != nil {
		return err
	}
	c.pace.made(s.Effective)
	all, err := c.listSnapshots(ctx)
	if err != nil {
		return err
	}
	needed := 0
	before := record.MillisOf(time.Now().Add(-keepFor))
	for i, x := range all {
		if x.effective <= before {
			needed = i
		}
	}
	if needed == 0 {
		return nil
	}
	old := make(map[string]bool, needed)
	for _, x := range all[:needed] {
		old[x.name] = true
	}
	// Versions before left marks of those they removed.
	_, err = c.bus.SweepObjects(ctx, modelObjects, func(name string, deleted bool) bool { return deleted || old[name] })
	return err
}

func writeSnapshot(w io.Writer, s State) error {
	enc, err := zstd.NewWriter(w, zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(zstdWindow))
	if err != nil {
		return err
	}
	head := snapshotHead{Revision: s.Revision, Effective: s.Effective, At: s.At, Who: s.Who, Note: s.Note}
	if err := json.NewEncoder(enc).Encode(head); err != nil {
		return err
	}
	buf := bufio.NewWriterSize(enc, 1<<16)
	if err := s.Model.Document().WriteJSON(buf); err != nil {
		return err
	}
	if err := buf.Flush(); err != nil {
		return err
	}
	return enc.Close()
}

func readSnapshot(r io.Reader) (State, error) {
	dec, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(zstdWindow))
	if err != nil {
		return State{}, err
	}
	defer dec.Close()
	in := bufio.NewReaderSize(io.LimitReader(dec, maxPatch), 1<<16)
	line, err := in.ReadBytes('\n')
	if err != nil {
		return State{}, err
	}
	var head snapshotHead
	if err := json.Unmarshal(bytes.TrimSpace(line), &head); err != nil {
		return State{}, err
	}
	d, err := model.ReadJSON(in)
	if err != nil {
		return State{}, err
	}
	m, err := model.New(d)
	if err != nil {
		return State{}, err
	}
	return State{Revision: head.Revision, Effective: head.Effective, At: head.At, Who: head.Who, Note: head.Note, Model: m, Changed: m.Hierarchies()}, nil
}

// loadSnapshot begins with the newest snapshot that was in force an hour ago.
// One that cannot be read is passed over for the one before it.
func (c *Catalog) loadSnapshot(ctx context.Context) error {
	all, err := c.listSnapshots(ctx)
	if err != nil {
		return err
	}
	before := record.MillisOf(time.Now().Add(-keepFor))
	if len(all) > 0 {
		c.pace.made(all[len(all)-1].effective)
	}
	for i := len(all) - 1; i >= 0; i-- {
		if all[i].effective > before {
			continue
		}
		data, err := c.load(ctx, all[i].name)
		if err != nil {
			c.log.Warn("a snapshot of the model is not there", "snapshot", all[i].name, "error", err)
			continue
		}
		s, err := readSnapshot(bytes.NewReader(data))
		if err != nil {
			c.log.Warn("a snapshot of the model is not readable", "snapshot", all[i].name, "error", err)
			continue
		}
		c.append(s)
		return nil
	}
	return nil
}
