package alert

import (
	"context"
	"crypto/rand"
	"database/sql"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"strings"

	"github.com/uptrace/bun"

	"github.com/wattwerk/wattwerk/alert/rule"
	"github.com/wattwerk/wattwerk/internal/phrase"
	"github.com/wattwerk/wattwerk/internal/sqldb"
	"github.com/wattwerk/wattwerk/record"
)

// Errors. They are wrapped with a sentence that can be shown.
var (
	ErrNotFound = errors.New("not found")
	ErrChanged  = errors.New("it was changed meanwhile")
	ErrInvalid  = errors.New("invalid")
)

// errOutrun says that another process works now.
var errOutrun = errors.New("another process works on the alerts now")

//go:embed migrations/*.sql
var migrations embed.FS

// mostQueued bounds the messages that wait for one sink.
const mostQueued = 10_000

type ruleRow struct {
	bun.BaseModel `bun:"table:alert_rules,alias:r"`

	ID        string `bun:"id,pk"`
	Doc       string `bun:"doc"`
	Version   int64  `bun:"version"`
	Changed   int64  `bun:"changed"`
	ChangedBy string `bun:"changed_by"`
}

type workRow struct {
	bun.BaseModel `bun:"table:alert_work,alias:w"`

	ID         int64  `bun:"id,pk"`
	Epoch      int64  `bun:"epoch"`
	Changes    int64  `bun:"changes"`
	Checkpoint string `bun:"checkpoint"`
	Positions  string `bun:"positions"`
}

type incidentRow struct {
	bun.BaseModel `bun:"table:alert_incidents,alias:i"`

	ID        string   `bun:"id,pk"`
	Rule      string   `bun:"rule"`
	Name      string   `bun:"name"`
	Severity  string   `bun:"severity"`
	Kind      string   `bun:"kind"`
	Sensor    string   `bun:"sensor"`
	Group     string   `bun:"in_group"`
	Status    string   `bun:"status"`
	Since     int64    `bun:"since"`
	Fired     int64    `bun:"fired"`
	Resolved  *int64   `bun:"resolved"`
	Unknown   *int64   `bun:"unknown"`
	Withdrawn int64    `bun:"withdrawn"`
	Messages  int64    `bun:"messages"`
	Value     *float64 `bun:"value"`
	Sentence  string   `bun:"sentence"`
	Code      string   `bun:"code"`
	Params    string   `bun:"params"`
}

type ackRow struct {
	bun.BaseModel `bun:"table:alert_acks,alias:a"`

	Incident string `bun:"incident,pk"`
	Until    int64  `bun:"until"`
	Why      string `bun:"why"`
	Who      string `bun:"who"`
	Created  int64  `bun:"created"`
}

type silenceRow struct {
	bun.BaseModel `bun:"table:alert_silences,alias:s"`

	ID      string `bun:"id,pk"`
	Rule    string `bun:"rule"`
	Sensor  string `bun:"sensor"`
	Group   string `bun:"in_group"`
	Until   int64  `bun:"until"`
	Why     string `bun:"why"`
	Who     string `bun:"who"`
	Created int64  `bun:"created"`
}

type signalRow struct {
	bun.BaseModel `bun:"table:alert_signals,alias:g"`

	Rule   string `bun:"rule,pk"`
	Firing int64  `bun:"firing"`
	Words  string `bun:"words"`
	Found  string `bun:"found"`
	At     int64  `bun:"at"`
}

// oddity is what the words say; nil when they are of another program.
func (g *signalRow) oddity() *rule.Oddity {
	o := new(rule.Oddity)
	if g.Found == "" || json.Unmarshal([]byte(g.Found), o) != nil {
		return nil
	}
	return o
}

type queueRow struct {
	bun.BaseModel `bun:"table:alert_queue,alias:q"`

	ID       string `bun:"id,pk"`
	Sink     string `bun:"sink,pk"`
	Message  string `bun:"message"`
	Created  int64  `bun:"created"`
	Due      int64  `bun:"due"`    // when it is tried next
	Wanted   int64  `bun:"wanted"` // when it was due first
	Attempts int64  `bun:"attempts"`
	Error    string `bun:"error"`
	About    string `bun:"about"`  // rule and subject; the messages of one are told in order
	Number   int64  `bun:"number"` // of two that wait, the earlier one has the smaller
	Rest     string `bun:"rest"`   // of one that some have: a rest, as JSON

	incident, change string // of the message
}

// Store keeps rules, what became of alerts, and messages that wait.
type Store struct{ db *sqldb.DB }

// Open opens the tables and brings them up to date.
func Open(ctx context.Context, o sqldb.Options) (*Store, error) {
	db, err := sqldb.Open(ctx, o)
	if err != nil {
		return nil, fmt.Errorf("open alerts: %w", err)
	}
	files, err := fs.Sub(migrations, "migrations")
	if err == nil {
		err = db.Migrate(ctx, "alert_migrations", files)
	}
	if err != nil {
		return nil, fmt.Errorf("open alerts: %s: %w", db.Name(), errors.Join(err, db.Close()))
	}
	return &Store{db}, nil
}

// Close ends the connections.
func (s *Store) Close() error { return s.db.Close() }

// change runs a transaction of people, after which the worker looks again.
func (s *Store) change(ctx context.Context, f func(ctx context.Context, tx bun.Tx) error) error {
	return s.db.Alone(ctx, "alert", func(ctx context.Context, tx bun.Tx) error {
		if err := f(ctx, tx); err != nil {
			return err
		}
		_, err := tx.NewUpdate().Model((*workRow)(nil)).Set("changes = changes + 1").Where("id = 1").Exec(ctx)
		return err
	})
}

func (s *Store) rules(ctx context.Context) ([]ruleRow, error) {
	var rows []ruleRow
	err := s.db.NewSelect().Model(&rows).Order("id").Scan(ctx)
	return rows, err
}

func (r *ruleRow) rule() (out rule.Rule, err error) {
	if err = json.Unmarshal([]byte(r.Doc), &out); err != nil {
		return out, fmt.Errorf("read rule %q: %w", r.ID, err)
	}
	return out, nil
}

func (s *Store) rule(ctx context.Context, id string) (*ruleRow, error) {
	row := new(ruleRow)
	err := s.db.NewSelect().Model(row).Where("id = ?", id).Scan(ctx)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, fmt.Errorf("%w: there is no rule %q", ErrNotFound, id)
	}
	return row, err
}

// putRule stores a rule that was made for a version; -1: whichever.
func (s *Store) putRule(ctx context.Context, r *rule.Rule, version int64, who string, now int64) (row *ruleRow, err error) {
	doc, err := json.Marshal(r)
	if err != nil {
		return nil, err
	}
	row = &ruleRow{ID: r.ID, Doc: string(doc), Version: 1, Changed: now, ChangedBy: who}
	err = s.change(ctx, func(ctx context.Context, tx bun.Tx) error {
		was, err := versionOf(ctx, tx, r.ID, version)
		if err != nil {
			return err
		}
		row.Version = was + 1
		_, err = tx.NewInsert().Model(row).On("CONFLICT (id) DO UPDATE").
			Set("doc = EXCLUDED.doc, version = EXCLUDED.version, changed = EXCLUDED.changed, changed_by = EXCLUDED.changed_by").Exec(ctx)
		return err
	})
	return row, err
}

func (s *Store) deleteRule(ctx context.Context, id string, version int64) error {
	return s.change(ctx, func(ctx context.Context, tx bun.Tx) error {
		was, err := versionOf(ctx, tx, id, version)
		if err != nil {
			return err
		}
		if was == 0 {
			return fmt.Errorf("%w: there is no rule %q", ErrNotFound, id)
		}
		if _, err := tx.NewDelete().Model((*signalRow)(nil)).Where("rule = ?", id).Exec(ctx); err != nil {
			return err
		}
		_, err = tx.NewDelete().Model((*ruleRow)(nil)).Where("id = ?", id).Exec(ctx)
		return err
	})
}

func versionOf(ctx context.Context, tx bun.Tx, id string, want int64) (int64, error) {
	var was int64
	err := tx.NewSelect().Model((*ruleRow)(nil)).Column("version").Where("id = ?", id).Scan(ctx, &was)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return 0, err
	}
	if want >= 0 && was != want {
		return 0, fmt.Errorf("%w: rule %q is at version %d", ErrChanged, id, was)
	}
	return was, nil
}

// take begins to work, and ends the work of whoever did before.
func (s *Store) take(ctx context.Context) (row workRow, err error) {
	err = s.db.Alone(ctx, "alert", func(ctx context.Context, tx bun.Tx) error {
		if _, err := tx.NewUpdate().Model((*workRow)(nil)).Set("epoch = epoch + 1").Where("id = 1").Exec(ctx); err != nil {
			return err
		}
		return tx.NewSelect().Model(&row).Where("id = 1").Scan(ctx)
	})
	return row, err
}

func (s *Store) changes(ctx context.Context) (n int64, err error) {
	err = s.db.NewSelect().Model((*workRow)(nil)).Column("changes").Where("id = 1").Scan(ctx, &n)
	return n, err
}

// progress is what is stored in one go.
type progress struct {
	epoch       int64
	checkpoint  string
	positions   string
	transitions []told
	messages    []queueRow
}

// save stores what became of alerts, what is to be told, and how far it goes.
// It gives how many messages found no room.
func (s *Store) save(ctx context.Context, p *progress) (lost int, err error) {
	err = s.db.Alone(ctx, "alert", func(ctx context.Context, tx bun.Tx) error {
		lost = 0
		res, err := tx.NewUpdate().Model((*workRow)(nil)).Set("checkpoint = ?", p.checkpoint).Set("positions = ?", p.positions).
			Where("id = 1 AND epoch = ?", p.epoch).Exec(ctx)
		if err != nil {
			return err
		}
		if n, err := res.RowsAffected(); err != nil || n == 0 {
			return errors.Join(err, errOutrun)
		}
		for i := range p.transitions {
			if err := note(ctx, tx, &p.transitions[i]); err != nil {
				return err
			}
		}
		var number int64
		if len(p.messages) > 0 {
			if err := tx.NewSelect().Model((*queueRow)(nil)).ColumnExpr("COALESCE(MAX(number), 0)").Scan(ctx, &number); err != nil {
				return err
			}
		}
		full := make(map[string]int)
		for i := range p.messages {
			m := &p.messages[i]
			n, known := full[m.Sink]
			if !known {
				waiting, err := tx.NewSelect().Model((*queueRow)(nil)).Where("sink = ?", m.Sink).Count(ctx)
				if err != nil {
					return err
				}
				n = int(waiting)
			}
			if full[m.Sink] = n + 1; n >= mostQueued {
				lost++
				if err := noteDelivery(ctx, tx, m, dropped, m.Created); err != nil {
					return err
				}
				continue
			}
			// Those that wait are tried first, as far as they would be tried later.
			if _, err := tx.NewUpdate().Model((*queueRow)(nil)).Set("due = ?", m.Due).Where("sink = ? AND about = ? AND due > ?", m.Sink, m.About, m.Due).Exec(ctx); err != nil {
				return err
			}
			number++
			m.Number = number
			if _, err := tx.NewInsert().Model(m).On("CONFLICT (id, sink) DO NOTHING").Exec(ctx); err != nil {
				return err
			}
			if err := noteDelivery(ctx, tx, m, waiting, m.Created); err != nil {
				return err
			}
		}
		return nil
	})
	return lost, err
}

// note brings the history of an incident up to date.
func note(ctx context.Context, tx bun.Tx, t *told) error {
	if t.Incident == "" {
		return nil // pending, or over before it was raised
	}
	params, err := json.Marshal(t.says)
	if err != nil {
		return err
	}
	row := &incidentRow{
		ID: t.Incident, Rule: t.Rule, Name: t.Name, Severity: string(t.Severity), Kind: string(t.Kind), Sensor: string(t.Subject.Sensor), Group: t.Subject.Group,
		Status: "firing", Since: int64(t.Since), Fired: int64(t.Time), Messages: int64(t.Count), Value: t.Value, Sentence: t.says.Say(t.Code(), phrase.English), Code: string(t.Code()), Params: string(params),
	}
	set := "messages = EXCLUDED.messages, sentence = EXCLUDED.sentence, code = EXCLUDED.code, params = EXCLUDED.params, resolved = EXCLUDED.resolved, unknown = EXCLUDED.unknown, withdrawn = EXCLUDED.withdrawn"
	if t.Unknown > 0 {
		row.Unknown = new(int64(t.Unknown))
	}
	if t.Change != rule.Unknown && t.Change != rule.Known { // these leave it as it is
		set += ", status = EXCLUDED.status"
	}
	switch t.Change {
	case rule.Suppressed:
		row.Status = "hushed"
	case rule.Resolved, rule.Withdrawn:
		row.Status, row.Resolved = "resolved", new(int64(t.Time))
		if t.Change == rule.Withdrawn {
			row.Withdrawn = 1
		}
	}
	_, err = tx.NewInsert().Model(row).On("CONFLICT (id) DO UPDATE").Set(set).Exec(ctx)
	return err
}

// due gives messages of a sink that are to be sent now, the oldest first, so that
// none overtakes an earlier one that is due, too.
func (s *Store) due(ctx context.Context, sink string, now int64) ([]queueRow, error) {
	var rows []queueRow
	err := s.db.NewSelect().Model(&rows).Where("sink = ? AND due <= ?", sink, now).Order("number", "due", "id").Limit(20).Scan(ctx)
	return rows, err
}

func (s *Store) queued(ctx context.Context) (int, error) {
	n, err := s.db.NewSelect().Model((*queueRow)(nil)).Count(ctx)
	return int(n), err
}

func (s *Store) signals(ctx context.Context) ([]signalRow, error) {
	var rows []signalRow
	err := s.db.NewSelect().Model(&rows).Order("rule").Scan(ctx)
	return rows, err
}

func (s *Store) hushes(ctx context.Context, now int64) ([]rule.Silence, []rule.Acknowledgement, error) {
	var silences []silenceRow
	if err := s.db.NewSelect().Model(&silences).Where("until > ?", now).Order("id").Scan(ctx); err != nil {
		return nil, nil, err
	}
	var acks []ackRow
	if err := s.db.NewSelect().Model(&acks).Where("until > ?", now).Order("incident").Scan(ctx); err != nil {
		return nil, nil, err
	}
	var out []rule.Silence
	for _, r := range silences {
		out = append(out, rule.Silence{Rule: r.Rule, Subject: rule.Ref{Sensor: record.SensorID(r.Sensor), Group: r.Group}, Until: record.Millis(r.Until)})
	}
	var also []rule.Acknowledgement
	for _, r := range acks {
		also = append(also, rule.Acknowledgement{Incident: r.Incident, Until: record.Millis(r.Until)})
	}
	return out, also, nil
}

func newID() string { return strings.ToLower(rand.Text()[:16]) }

func itoa(n int) string { return strconv.Itoa(n) }

func (s *Store) silences(ctx context.Context, now int64) ([]silenceRow, error) {
	var rows []silenceRow
	err := s.db.NewSelect().Model(&rows).Where("until > ?", now).Order("until", "id").Scan(ctx)
	return rows, err
}

// incidents gives some incidents, and who has acknowledged them.
func (s *Store) incidents(ctx context.Context, pick func(*bun.SelectQuery) *bun.SelectQuery) ([]incidentRow, map[string]ackRow, error) {
	var rows []incidentRow
	if err := pick(s.db.NewSelect().Model(&rows)).Scan(ctx); err != nil {
		return nil, nil, err
	}
	acks := make(map[string]ackRow)
	if len(rows) == 0 {
		return nil, acks, nil
	}
	ids := make([]string, len(rows))
	for i := range rows {
		ids[i] = rows[i].ID
	}
	var found []ackRow
	if err := s.db.NewSelect().Model(&found).Where("incident IN (?)", bun.List(ids)).Scan(ctx); err != nil {
		return nil, nil, err
	}
	for _, a := range found {
		acks[a.Incident] = a
	}
	return rows, acks, nil
}
