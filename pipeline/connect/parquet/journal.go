package parquet

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"os"

	"github.com/wattwerk/wattwerk/observation"
	"github.com/wattwerk/wattwerk/pipeline/connect"
	"github.com/wattwerk/wattwerk/pipeline/connect/format"
	"github.com/wattwerk/wattwerk/record"
)

// The journal is frames: the length and the CRC-32C of rows as JSON, in four bytes
// each, and the rows. What follows the last whole frame was never acknowledged.
const (
	journalName = "journal"
	head        = 8
	maxFrame    = maxJournal
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// identity is what a row is known by.
type identity struct {
	manifest, processor, key string
	time                     record.Millis
}

// row is a result as it is kept.
type row struct {
	Manifest  string   `json:"m" parquet:"manifest,dict"`
	Processor string   `json:"p" parquet:"processor,dict"`
	Key       string   `json:"k" parquet:"key,dict"`
	Time      int64    `json:"t" parquet:"time,timestamp(millisecond),delta"`
	Value     *float64 `json:"v" parquet:"value,optional"`
	Marks     string   `json:"s,omitempty" parquet:"marks,dict"`
}

func (r *row) id() identity {
	return identity{r.Manifest, r.Processor, r.Key, record.Millis(r.Time)}
}

func rowOf(w *connect.Written) row {
	r := row{w.Manifest, w.Processor, w.Key, int64(w.Time), nil, format.Marks(w.Marks)}
	if w.Marks&observation.Null == 0 {
		v := w.Value
		r.Value = &v
	}
	return r
}

// recover opens the journal and reads what is in it.
func (w *writer) recover() (err error) {
	// What was being written when the power went is nobody's.
	names, err := fs.Glob(w.root.FS(), ".new-*")
	if err != nil {
		return err
	}
	for _, name := range names {
		if err := w.root.Remove(name); err != nil {
			return err
		}
	}
	if w.journal, err = w.root.OpenFile(journalName, os.O_RDWR|os.O_CREATE, 0o640); err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("read the journal: %w", err), w.journal.Close())
		}
	}()
	if err := w.syncDir(); err != nil {
		return err
	}
	w.pending = make(map[identity]row)
	info, err := w.journal.Stat()
	if err != nil {
		return err
	}
	var h [head]byte
	for left := info.Size(); ; {
		if _, err := io.ReadFull(w.journal, h[:]); errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			break
		} else if err != nil {
			return err
		}
		left -= head
		n := binary.LittleEndian.Uint32(h[:])
		if n == 0 || n > maxFrame || int64(n) > left {
			break
		}
		data := make([]byte, n)
		if _, err := io.ReadFull(w.journal, data); err != nil {
			return err
		}
		left -= int64(n)
		var rows []row
		if crc32.Checksum(data, castagnoli) != binary.LittleEndian.Uint32(h[4:]) || json.Unmarshal(data, &rows) != nil {
			break
		}
		for _, r := range rows {
			w.pending[r.id()] = r
		}
		w.size += head + int64(n)
	}
	return w.cut()
}

// cut takes from the journal what is behind its whole frames.
func (w *writer) cut() error {
	if err := w.journal.Truncate(w.size); err != nil {
		return err
	}
	_, err := w.journal.Seek(w.size, io.SeekStart)
	return err
}

// note puts results into the journal.
func (w *writer) note(results []connect.Written, refused *connect.Refused) error {
	rows := make([]row, 0, len(results))
	for i := range results {
		if len(results[i].Manifest)+len(results[i].Processor)+len(results[i].Key) > 2000 {
			refused.Add(results[i], "its names are longer than 2,000 bytes")
			continue
		}
		rows = append(rows, rowOf(&results[i]))
	}
	if len(rows) == 0 {
		return nil
	}
	data, err := json.Marshal(rows)
	if err != nil {
		return err
	}
	frame := binary.LittleEndian.AppendUint32(nil, uint32(len(data)))
	frame = binary.LittleEndian.AppendUint32(frame, crc32.Checksum(data, castagnoli))
	_, err = w.journal.Write(append(frame, data...))
	if err == nil {
		err = w.step("sync")
	}
	if err == nil {
		err = w.journal.Sync()
	}
	if err != nil {
		// Half a frame must not stand between whole ones.
		return errors.Join(err, w.cut())
	}
	w.size += int64(len(frame) + len(data))
	for _, r := range rows {
		w.pending[r.id()] = r
	}
	return nil
}
