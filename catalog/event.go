package catalog

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/klauspost/compress/zstd"

	"github.com/wattwerk/wattwerk/bus"
	"github.com/wattwerk/wattwerk/model"
	"github.com/wattwerk/wattwerk/record"
)

// event is what a message on the stream says. JSON, compressed when long.
type event struct {
	Key       string        `json:"key"` // tells the writer its own event
	Who       string        `json:"who,omitempty"`
	Note      string        `json:"note,omitempty"`
	Effective record.Millis `json:"effective,omitempty"` // not before this time
	First     bool          `json:"first,omitempty"`     // of the first revision: at exactly that time
	Object    string        `json:"object,omitempty"`    // the object that holds the patches, when they are long
	Patches   *patches      `json:"patches,omitempty"`   // absent when there is an object
}

type patches struct {
	Patch   model.Patch `json:"patch"`
	Inverse model.Patch `json:"inverse"`
}

const (
	plainThings = 10_000             // patches that name more become objects unseen
	plainBytes  = 2048               // longer events are compressed
	maxEvent    = bus.MaxPayload / 2 // larger ones become objects
	maxPatch    = int64(1) << 32     // of patches or snapshots unpacked, in bytes
	ahead       = 24 * time.Hour     // how far in the future a revision may be effective
	margin      = time.Second        // between storing and being effective
	zstdWindow  = 8 << 20            // bounds what a reader needs
)

// effective is when the revision comes into force, for every reader the same:
// at a full second, at least a second after it was stored. Who asks the stream
// for its last revision at a time t thus knows all that are effective at t.
func (e *event) effective(stored time.Time) record.Millis {
	if e.First && e.Effective != 0 {
		return e.Effective
	}
	at := stored.Add(margin + time.Second - time.Millisecond).Truncate(time.Second)
	return max(e.Effective, record.MillisOf(at))
}

func pack(v any) ([]byte, error) {
	b, err := json.Marshal(v)
	if err != nil || len(b) <= plainBytes {
		return b, err
	}
	enc, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(zstdWindow))
	if err != nil {
		return nil, err
	}
	out := enc.EncodeAll(b, nil)
	return out, enc.Close()
}

var errEvent = errors.New("not a readable event")

func unpack(b []byte, v any) error {
	if len(b) == 0 {
		return errEvent
	}
	if b[0] != '{' {
		dec, err := zstd.NewReader(bytes.NewReader(b), zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(uint64(maxPatch)), zstd.WithDecoderMaxWindow(zstdWindow))
		if err != nil {
			return fmt.Errorf("%w: %w", errEvent, err)
		}
		defer dec.Close()
		if err := json.NewDecoder(dec).Decode(v); err != nil {
			return fmt.Errorf("%w: %w", errEvent, err)
		}
		return nil
	}
	if err := json.Unmarshal(b, v); err != nil {
		return fmt.Errorf("%w: %w", errEvent, err)
	}
	return nil
}

// writePatches writes both patches of an event for an object, without ever
// holding them as text.
func writePatches(w io.Writer, p *patches) error {
	enc, err := zstd.NewWriter(w, zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(zstdWindow))
	if err != nil {
		return err
	}
	buf := bufio.NewWriterSize(enc, 1<<16)
	for _, x := range []*model.Patch{&p.Patch, &p.Inverse} {
		if err := x.WriteJSON(buf); err != nil {
			return err
		}
	}
	if err := buf.Flush(); err != nil {
		return err
	}
	return enc.Close()
}

func readPatches(r io.Reader) (*patches, error) {
	dec, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(zstdWindow))
	if err != nil {
		return nil, err
	}
	defer dec.Close()
	ps, err := model.ReadPatches(io.LimitReader(dec, maxPatch), 2)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errEvent, err)
	}
	return &patches{Patch: ps[0], Inverse: ps[1]}, nil
}
