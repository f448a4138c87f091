package uplink

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
)

// Version of the protocol between edge and centre. Both must speak the same.
const Version = 1

// Kinds of requests.
const (
	hello = "hello" // where are we?
	batch = "batch" // store this
)

// envelope begins a request; what follows is an encoded [record.Batch].
type envelope struct {
	Version int     `json:"version"`
	Kind    string  `json:"kind"`
	Epoch   string  `json:"epoch"`            // one life of the edge's streams
	Number  uint64  `json:"number,omitempty"` // of the batch within its epoch, from 1
	Cursor  *cursor `json:"cursor,omitempty"` // up to where in the edge's streams it goes
}

// cursor is a place in the streams of an edge. It is the edge's own affair; the
// centre keeps it with what is stored, and gives it back.
type cursor struct {
	At    []uint64 `json:"at"`              // per partition of the records
	Ticks uint64   `json:"ticks,omitempty"` // of the aggregates
	Clock int64    `json:"clock,omitempty"` // ms; after reading up to there, the clock moved on to this
}

// Results a centre answers with.
const (
	stored    = "stored"    // the batch is safe; or this is where we are
	waiting   = "wait"      // full or busy: the same again later
	misplaced = "misplaced" // not the batch that is next; the state says which is
	overtaken = "overtaken" // another instance speaks for the site since
	refused   = "refused"   // this cannot be stored, nor later
)

// answer is what the centre says.
type answer struct {
	Version int    `json:"version"`
	Result  string `json:"result"`
	Reason  string `json:"reason,omitempty"`
	Epoch   string `json:"epoch,omitempty"`
	place
	Open *place `json:"open,omitempty"` // a batch of which a part may be stored; it has to come again, the same
}

// place is a batch and where it ends.
type place struct {
	Number uint64  `json:"number,omitempty"`
	Cursor *cursor `json:"cursor,omitempty"`
}

var errRequest = errors.New("malformed request")

// encode puts the batch behind the envelope.
func (e *envelope) encode(dst, batch []byte) ([]byte, error) {
	head, err := json.Marshal(e)
	if err != nil {
		return nil, err
	}
	dst = binary.AppendUvarint(dst, uint64(len(head)))
	return append(append(dst, head...), batch...), nil
}

// decodeRequest gives the envelope and the encoded batch, which aliases data.
// Of a request in another version only the version is certain to be there.
func decodeRequest(data []byte) (e envelope, batch []byte, err error) {
	n, m := binary.Uvarint(data)
	if m <= 0 || n > uint64(len(data)-m) {
		return e, nil, errRequest
	}
	head := data[m : m+int(n)]
	if err := json.Unmarshal(head, &e); err != nil {
		var only struct {
			Version int `json:"version"`
		}
		if json.Unmarshal(head, &only) == nil && only.Version != Version {
			return envelope{Version: only.Version}, nil, nil
		}
		return e, nil, fmt.Errorf("%w: %w", errRequest, err)
	}
	return e, data[m+int(n):], nil
}
