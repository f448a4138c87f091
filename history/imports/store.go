package imports

import (
	"context"
	"database/sql"
	"embed"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/klauspost/compress/zstd"
	"github.com/uptrace/bun"

	"github.com/wattwerk/wattwerk/internal/sqldb"
	"github.com/wattwerk/wattwerk/record"
)

//go:embed migrations/*.sql
var migrations embed.FS

// State says what became of a file.
type State string

// The states. A file goes from Uploaded over Waiting, Reading and Storing to
// Stored; after a trial back to Uploaded.
const (
	Uploaded State = "uploaded" // it can be looked at, tried and imported
	Waiting  State = "waiting"  // for others
	Reading  State = "reading"  // it is read, and compared with what is stored
	Storing  State = "storing"
	Stored   State = "stored"
	Undone   State = "undone" // what it brought is excluded
	Failed   State = "failed" // and can be tried again, as Uploaded
)

// Import is a file and what became of it.
type Import struct {
	ID       string           `json:"id"`
	Name     string           `json:"name" doc:"Of the file"`
	Bytes    int64            `json:"bytes" doc:"Its length"`
	Hash     string           `json:"sha256" doc:"Of its content"`
	Who      string           `json:"who" doc:"Who brought it"`
	At       time.Time        `json:"at" doc:"When"`
	Expires  time.Time        `json:"expires" doc:"When the file is removed; the list keeps the import"`
	State    State            `json:"state" enum:"uploaded,waiting,reading,storing,stored,undone,failed"`
	Here     bool             `json:"here" doc:"The file is there, with this process or another one, and can be looked at, tried and imported"`
	Trial    bool             `json:"trial,omitempty" doc:"What is being done, or was done last, is a trial"`
	Guess    *ImportGuess     `json:"guess,omitempty" doc:"How it can probably be read"`
	Plan     *ImportPlan      `json:"plan,omitempty" doc:"How it was read"`
	Progress *ImportProgress  `json:"progress,omitempty" doc:"While something is done"`
	Report   *ImportReport    `json:"report,omitempty" doc:"What the trial found, or the import did"`
	Error    string           `json:"error,omitempty" doc:"Why it failed"`
	Events   []ImportEvent    `json:"events" nullable:"false" doc:"Who did what and when, never shortened"`
	Held     []ImportDecision `json:"interventions,omitempty" doc:"What in the interventions comes of it"`
}

// ImportEvent is something that was done with a file.
type ImportEvent struct {
	At   time.Time `json:"at"`
	Who  string    `json:"who"`
	What string    `json:"what" enum:"upload,try,import,cancel,stored,failed,undo,redo,remove"`
	Why  string    `json:"why,omitempty" doc:"For whoever audits this"`
}

// ImportDecision is an intervention that comes of an import.
type ImportDecision struct {
	ID     string          `json:"id"`
	Sensor record.SensorID `json:"sensor"`
	Kind   string          `json:"kind" enum:"exclude,replace"`
	Over   bool            `json:"over,omitempty" doc:"It was undone"`
}

// ImportProgress is how far a file has been read or stored.
type ImportProgress struct {
	Done  int64 `json:"done" doc:"Bytes read, or values stored"`
	Total int64 `json:"total" doc:"Of how many"`
}

// ImportReport is what a trial found, or an import did.
type ImportReport struct {
	Rows     uint64          `json:"rows" doc:"Of the file"`
	Refused  uint64          `json:"refused" doc:"Rows and values that cannot be read or stored"`
	Sensors  []ImportOutcome `json:"sensors" nullable:"false"`
	Examples []ImportExample `json:"examples" nullable:"false" doc:"The first that are not taken as they are, at most 100"`
	Made     []string        `json:"made,omitempty" doc:"Sensors that are new"`
	Notes    []string        `json:"notes,omitempty"`
}

// ImportOutcome is what an import does to a sensor.
type ImportOutcome struct {
	Sensor    record.SensorID `json:"sensor"`
	Values    uint64          `json:"values" doc:"Of the file"`
	From      *time.Time      `json:"from,omitempty"`
	To        *time.Time      `json:"to,omitempty"`
	New       uint64          `json:"new" doc:"That are stored"`
	Same      uint64          `json:"same" doc:"That were there already, or are twice in the file"`
	Conflicts uint64          `json:"conflicts" doc:"That differ from a stored one, or from another of the file, and are refused"`
	Replacing uint64          `json:"replacing" doc:"That count instead of a stored one, by an intervention"`
	Amount    *float64        `json:"amount,omitempty" doc:"What the amounts of the file add up to, in the coherent unit of the quantity, as W·h; absent for other columns"`
	Settled   *ImportSettled  `json:"settled,omitempty" doc:"Of a trial: what would be settled otherwise; absent when nothing of the time is settled, or another process settles"`
}

// ImportSettled is what is settled of a sensor, and would be after an import. Amounts
// are in the coherent unit (of electricity: W·h).
type ImportSettled struct {
	From    time.Time `json:"from" doc:"Begin of the time in which windows may be others"`
	To      time.Time `json:"to"`
	Windows int       `json:"windows" doc:"Settled windows of 15 minutes that would say something else"`
	Before  *float64  `json:"before" doc:"What is settled of the time; null when nothing is known"`
	After   *float64  `json:"after" doc:"What would be settled of it"`
}

// ErrNotFound is for an import that there is not.
var ErrNotFound = errors.New("there is no such import")

type row struct {
	bun.BaseModel `bun:"table:imports"`
	ID            string `bun:"id,pk"`
	At            int64  `bun:"at"`
	State         string `bun:"state"`
	Body          string `bun:"body"`
}

type readingsRow struct {
	bun.BaseModel `bun:"table:imports_readings"`
	Import        string `bun:"import,pk"`
	Sensor        string `bun:"sensor,pk"`
	Begin         int64  `bun:"begin_at"`
	End           int64  `bun:"end_at"`
	Readings      int64  `bun:"readings"`
	Times         []byte `bun:"times"`
}

// store keeps imports in SQL.
type store struct{ db *sqldb.DB }

// Prepare brings the tables up to date.
func Prepare(ctx context.Context, db *sqldb.DB) error {
	_, err := openStore(ctx, db)
	return err
}

func openStore(ctx context.Context, db *sqldb.DB) (store, error) {
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return store{}, err
	}
	if err := db.Migrate(ctx, "imports_migrations", files); err != nil {
		return store{}, fmt.Errorf("open imports: %w", err)
	}
	return store{db}, nil
}

func rowOf(x *Import) (row, error) {
	kept := *x
	kept.Here = false // it depends on who is asked
	body, err := json.Marshal(&kept)
	return row{ID: x.ID, At: x.At.UnixMilli(), State: string(x.State), Body: string(body)}, err
}

func (r *row) read() (x Import, err error) {
	if err = json.Unmarshal([]byte(r.Body), &x); err != nil {
		return x, fmt.Errorf("read import %s: %w", r.ID, err)
	}
	return x, nil
}

func (s store) save(ctx context.Context, x *Import) error {
	r, err := rowOf(x)
	if err != nil {
		return fmt.Errorf("keep import: %w", err)
	}
	if _, err := s.db.NewInsert().Model(&r).On("CONFLICT (id) DO UPDATE").Set("state = excluded.state").Set("body = excluded.body").Exec(ctx); err != nil {
		return fmt.Errorf("keep import: %w", err)
	}
	return nil
}

func (s store) row(ctx context.Context, id string) (*row, error) {
	r := new(row)
	err := s.db.NewSelect().Model(r).Where("id = ?", id).Scan(ctx)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, ErrNotFound
	}
	if err != nil {
		return nil, fmt.Errorf("read import: %w", err)
	}
	return r, nil
}

func (s store) get(ctx context.Context, id string) (Import, error) {
	r, err := s.row(ctx, id)
	if err != nil {
		return Import{}, err
	}
	return r.read()
}

// list gives the newest first; of some states when they are named, else of all.
func (s store) list(ctx context.Context, limit, offset int, states ...State) ([]Import, error) {
	var rows []row
	q := s.db.NewSelect().Model(&rows).Order("at DESC", "id").Limit(int64(limit)).Offset(int64(offset))
	if len(states) > 0 {
		q = q.Where("state IN (?)", bun.List(states))
	}
	if err := q.Scan(ctx); err != nil {
		return nil, fmt.Errorf("list imports: %w", err)
	}
	out := make([]Import, 0, len(rows))
	for i := range rows {
		x, err := rows[i].read()
		if err != nil {
			return nil, err
		}
		out = append(out, x)
	}
	return out, nil
}

func (s store) remove(ctx context.Context, id string) error {
	if _, err := s.db.NewDelete().Table("imports").Where("id = ?", id).Exec(ctx); err != nil {
		return fmt.Errorf("remove import: %w", err)
	}
	return nil
}

// keepReadings notes which readings an import is going to bring, instead of
// what was noted before, and that it is going to store them.
func (s store) keepReadings(ctx context.Context, x *Import, all map[record.SensorID][]record.Millis) error {
	rows := make([]readingsRow, 0, len(all))
	for id, times := range all {
		if len(times) > 0 {
			rows = append(rows, readingsRow{
				Import: x.ID, Sensor: string(id), Begin: int64(times[0]), End: int64(times[len(times)-1]), Readings: int64(len(times)), Times: packTimes(times),
			})
		}
	}
	r, err := rowOf(x)
	if err != nil {
		return fmt.Errorf("keep import: %w", err)
	}
	err = s.db.RunInTx(ctx, nil, func(ctx context.Context, tx bun.Tx) error {
		if _, err := tx.NewDelete().Table("imports_readings").Where("import = ?", x.ID).Exec(ctx); err != nil {
			return err
		}
		for i := range rows {
			if _, err := tx.NewInsert().Model(&rows[i]).Exec(ctx); err != nil {
				return err
			}
		}
		_, err := tx.NewUpdate().Model(&r).WherePK().Column("state", "body").Exec(ctx)
		return err
	})
	if err != nil {
		return fmt.Errorf("note what an import brings: %w", err)
	}
	return nil
}

// readings gives what an import alone brought.
func (s store) readings(ctx context.Context, id string) (map[record.SensorID][]record.Millis, error) {
	var rows []readingsRow
	if err := s.db.NewSelect().Model(&rows).Where("import = ?", id).Scan(ctx); err != nil {
		return nil, fmt.Errorf("read what an import brought: %w", err)
	}
	out := make(map[record.SensorID][]record.Millis, len(rows))
	for _, r := range rows {
		times, err := unpackTimes(r.Times, int(r.Readings))
		if err != nil {
			return nil, fmt.Errorf("read what import %s brought: %w", id, err)
		}
		out[record.SensorID(r.Sensor)] = times
	}
	return out, nil
}

var (
	packer, _   = zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1))                                   // without options that can be wrong
	unpacker, _ = zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(1<<30)) // likewise
)

// packTimes writes times that rise in few bytes: of regular ones nearly none.
func packTimes(times []record.Millis) []byte {
	raw := make([]byte, 0, len(times)+16)
	last, step := int64(0), int64(0)
	for _, t := range times {
		d := int64(t) - last
		raw = binary.AppendVarint(raw, d-step)
		last, step = int64(t), d
	}
	return packer.EncodeAll(raw, nil)
}

func unpackTimes(packed []byte, n int) ([]record.Millis, error) {
	raw, err := unpacker.DecodeAll(packed, nil)
	if err != nil {
		return nil, err
	}
	out := make([]record.Millis, 0, min(n, len(raw)))
	last, step := int64(0), int64(0)
	for len(raw) > 0 {
		dd, k := binary.Varint(raw)
		if k <= 0 {
			return nil, errors.New("times are broken")
		}
		raw = raw[k:]
		step += dd
		last += step
		out = append(out, record.Millis(last))
	}
	if len(out) != n {
		return nil, fmt.Errorf("%d times, not %d", len(out), n)
	}
	return out, nil
}
