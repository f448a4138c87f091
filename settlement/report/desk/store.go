package desk

import (
	"bytes"
	"context"
	"crypto/rand"
	"database/sql"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"

	"github.com/klauspost/compress/zstd"
	"github.com/uptrace/bun"

	"github.com/wattwerk/wattwerk/internal/sqldb"
	"github.com/wattwerk/wattwerk/settlement/report"
)

// errChanged says that a change was made for another version.
var errChanged = errors.New("it was changed meanwhile")

//go:embed migrations/*.sql
var migrations embed.FS

type definitionRow struct {
	bun.BaseModel `bun:"table:report_definitions,alias:d"`

	ID        string `bun:"id,pk"`
	Doc       string `bun:"doc"`
	Version   int64  `bun:"version"`
	Since     int64  `bun:"since"`
	Created   int64  `bun:"created"`
	CreatedBy string `bun:"created_by"`
	Changed   int64  `bun:"changed"`
	ChangedBy string `bun:"changed_by"`
	Problem   string `bun:"problem"`
}

func (r *definitionRow) definition() (d Definition, err error) {
	if err = json.Unmarshal([]byte(r.Doc), &d); err != nil {
		return d, fmt.Errorf("read report %q: %w", r.ID, err)
	}
	return d, nil
}

type issueRow struct {
	bun.BaseModel `bun:"table:report_issues,alias:i"`

	ID         string `bun:"id,pk"`
	Definition string `bun:"definition"`
	Doc        string `bun:"doc"`
	Period     string `bun:"period"`
	Version    int64  `bun:"version"`
	Begins     int64  `bun:"begins"`
	Ends       int64  `bun:"ends"`
	Made       int64  `bun:"made"`
	MadeBy     string `bun:"made_by"`
	Digest     string `bun:"digest"`
	Candidate  string `bun:"candidate"`
	Checked    int64  `bun:"checked"`
	Superseded int64  `bun:"superseded"`
	Summary    string `bun:"summary"`
	Body       []byte `bun:"body"`
}

// listed are the columns of an issue without its body.
var listed = []string{"id", "definition", "doc", "period", "version", "begins", "ends", "made", "made_by", "digest", "candidate", "checked", "superseded", "summary"}

type deliveryRow struct {
	bun.BaseModel `bun:"table:report_deliveries,alias:s"`

	Issue      string `bun:"issue,pk"`
	Sink       string `bun:"sink,pk"`
	Recipients string `bun:"recipients"`
	State      string `bun:"state"`
	Created    int64  `bun:"created"`
	Due        int64  `bun:"due"`
	Attempts   int64  `bun:"attempts"`
	Error      string `bun:"error"`
	Sent       *int64 `bun:"sent"`
	Rest       string `bun:"rest"` // of one that some have: a rest, as JSON
}

// States of a delivery.
const (
	waiting = "waiting"
	sent    = "sent"
	givenUp = "given_up"
)

// Store keeps definitions, the reports that were made, and what became of
// sending them.
type Store struct{ db *sqldb.DB }

// Open brings the tables up to date in a database, which stays its owner's.
func Open(ctx context.Context, db *sqldb.DB) (*Store, error) {
	files, err := fs.Sub(migrations, "migrations")
	if err == nil {
		err = db.Migrate(ctx, "report_migrations", files)
	}
	if err != nil {
		return nil, fmt.Errorf("open reports: %s: %w", db.Name(), err)
	}
	return &Store{db}, nil
}

func (s *Store) definitions(ctx context.Context) ([]definitionRow, error) {
	var rows []definitionRow
	err := s.db.NewSelect().Model(&rows).Order("id").Scan(ctx)
	return rows, err
}

func (s *Store) definition(ctx context.Context, id string) (*definitionRow, error) {
	row := new(definitionRow)
	err := s.db.NewSelect().Model(row).Where("id = ?", id).Scan(ctx)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, fmt.Errorf("%w: there is no definition %q of a report", report.ErrNotFound, id)
	}
	return row, err
}

// lock is held by whoever changes definitions or makes issues.
const lock = "reports"

// mostDefinitions bounds how many there are.
const mostDefinitions = 1000

// put stores a definition that was made for a version; -1: whichever.
func (s *Store) put(ctx context.Context, d *Definition, version int64, who string, now int64) (row *definitionRow, err error) {
	doc, err := json.Marshal(d)
	if err != nil {
		return nil, err
	}
	err = s.db.Alone(ctx, lock, func(ctx context.Context, tx bun.Tx) error {
		row = &definitionRow{ID: d.ID, Since: now, Created: now, CreatedBy: who}
		err := tx.NewSelect().Model(row).WherePK().Scan(ctx)
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		if version >= 0 && row.Version != version {
			return fmt.Errorf("%w: the report %q is at version %d", errChanged, d.ID, row.Version)
		}
		if was, err := row.scheduled(); err != nil {
			return err
		} else if d.Scheduled && !was {
			row.Since = now // what passed while nobody asked for it is not made
		}
		if row.Version == 0 {
			if n, err := tx.NewSelect().Model((*definitionRow)(nil)).Count(ctx); err != nil {
				return err
			} else if n >= mostDefinitions {
				return fmt.Errorf("%w: there are %d definitions already", report.ErrInvalid, n)
			}
		}
		row.Doc, row.Version, row.Changed, row.ChangedBy, row.Problem = string(doc), row.Version+1, now, who, ""
		_, err = tx.NewInsert().Model(row).On("CONFLICT (id) DO UPDATE").
			Set("doc = EXCLUDED.doc, version = EXCLUDED.version, since = EXCLUDED.since, changed = EXCLUDED.changed, changed_by = EXCLUDED.changed_by, problem = EXCLUDED.problem").Exec(ctx)
		return err
	})
	return row, err
}

// scheduled tells whether it was so when it was stored.
func (r *definitionRow) scheduled() (bool, error) {
	if r.Version == 0 {
		return false, nil
	}
	d, err := r.definition()
	return d.Scheduled, err
}

// problem notes why the report of a definition was not made.
func (s *Store) problem(ctx context.Context, row *definitionRow, why string) error {
	if row.Problem == why {
		return nil
	}
	_, err := s.db.NewUpdate().Model(row).Set("problem = ?", why).WherePK().Exec(ctx)
	return err
}

func (s *Store) remove(ctx context.Context, id string, version int64) error {
	return s.db.Alone(ctx, lock, func(ctx context.Context, tx bun.Tx) error {
		row := &definitionRow{ID: id}
		err := tx.NewSelect().Model(row).WherePK().Scan(ctx)
		switch {
		case errors.Is(err, sql.ErrNoRows):
			return fmt.Errorf("%w: there is no definition %q of a report", report.ErrNotFound, id)
		case err != nil:
			return err
		case version >= 0 && row.Version != version:
			return fmt.Errorf("%w: the report %q is at version %d", errChanged, id, row.Version)
		}
		_, err = tx.NewDelete().Model(row).WherePK().Exec(ctx)
		return err
	})
}

// periods gives those of a definition that have an issue and end after a time.
func (s *Store) periods(ctx context.Context, definition string, after int64) (map[string]bool, error) {
	var all []string
	err := s.db.NewSelect().Model((*issueRow)(nil)).Column("period").Where("definition = ? AND ends > ?", definition, after).Scan(ctx, &all)
	out := make(map[string]bool, len(all))
	for _, p := range all {
		out[p] = true
	}
	return out, err
}

// keep stores an issue with what is to be sent of it, in place of the one it
// supersedes; false when another process was first.
func (s *Store) keep(ctx context.Context, x *issueRow, send []deliveryRow) (bool, error) {
	kept := false
	err := s.db.Alone(ctx, lock, func(ctx context.Context, tx bun.Tx) error {
		res, err := tx.NewInsert().Model(x).On("CONFLICT (definition, period, version) DO NOTHING").Exec(ctx)
		if err != nil {
			return err
		}
		n, err := res.RowsAffected()
		if kept = n > 0; err != nil || !kept {
			return err
		}
		if _, err := tx.NewUpdate().Model((*issueRow)(nil)).Set("superseded = 1").
			Where("definition = ? AND period = ? AND version < ?", x.Definition, x.Period, x.Version).Exec(ctx); err != nil {
			return err
		}
		if len(send) == 0 {
			return nil
		}
		_, err = tx.NewInsert().Model(&send).Exec(ctx)
		return err
	})
	if err != nil {
		return false, fmt.Errorf("keep report: %w", err)
	}
	return kept, nil
}

// unchecked gives issues that were not checked since a time and whose period
// ended after another, the longest unchecked first.
func (s *Store) unchecked(ctx context.Context, since, ended int64, limit int) ([]issueRow, error) {
	var rows []issueRow
	err := s.db.NewSelect().Model(&rows).Column(listed...).Where("superseded = 0 AND checked < ? AND ends > ?", since, ended).
		Where("definition IN (SELECT id FROM report_definitions)").Order("checked", "id").Limit(int64(limit)).Scan(ctx)
	return rows, err
}

func (s *Store) checked(ctx context.Context, x *issueRow) error {
	_, err := s.db.NewUpdate().Model(x).Column("candidate", "checked").WherePK().Exec(ctx)
	return err
}

// newest gives the newest issue of a period.
func (s *Store) newest(ctx context.Context, definition, period string) (*issueRow, error) {
	row := new(issueRow)
	err := s.db.NewSelect().Model(row).Column(listed...).Where("definition = ? AND period = ?", definition, period).Order("version DESC").Limit(1).Scan(ctx)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	return row, err
}

func (s *Store) issue(ctx context.Context, id string) (*issueRow, error) {
	row := new(issueRow)
	err := s.db.NewSelect().Model(row).Where("id = ?", id).Scan(ctx)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, fmt.Errorf("%w: there is no report %q", report.ErrNotFound, id)
	}
	return row, err
}

// issues gives those that are asked for, newest first, with their deliveries.
func (s *Store) issues(ctx context.Context, definition, period string, superseded bool, before int64, limit int) ([]issueRow, map[string][]deliveryRow, error) {
	var rows []issueRow
	q := s.db.NewSelect().Model(&rows).Column(listed...).Order("made DESC", "begins DESC", "version DESC", "id").Limit(int64(limit))
	if definition != "" {
		q = q.Where("definition = ?", definition)
	}
	if period != "" {
		q = q.Where("period = ?", period)
	}
	if !superseded {
		q = q.Where("superseded = 0")
	}
	if before > 0 {
		q = q.Where("made < ?", before)
	}
	if err := q.Scan(ctx); err != nil || len(rows) == 0 {
		return nil, nil, err
	}
	ids := make([]string, len(rows))
	for i := range rows {
		ids[i] = rows[i].ID
	}
	by, err := s.deliveries(ctx, ids)
	return rows, by, err
}

// deliveries gives those of issues, by issue.
func (s *Store) deliveries(ctx context.Context, issues []string) (map[string][]deliveryRow, error) {
	var rows []deliveryRow
	err := s.db.NewSelect().Model(&rows).Where("issue IN (?)", bun.List(issues)).Order("issue", "sink").Scan(ctx)
	by := make(map[string][]deliveryRow)
	for _, d := range rows {
		by[d.Issue] = append(by[d.Issue], d)
	}
	return by, err
}

// due gives deliveries that are to be tried now.
func (s *Store) due(ctx context.Context, now int64) ([]deliveryRow, error) {
	var rows []deliveryRow
	err := s.db.NewSelect().Model(&rows).Where("state = ? AND due <= ?", waiting, now).Order("due", "issue", "sink").Limit(10).Scan(ctx)
	return rows, err
}

func (s *Store) tried(ctx context.Context, d *deliveryRow) error {
	_, err := s.db.NewUpdate().Model(d).Column("state", "due", "attempts", "error", "sent", "rest").WherePK().Exec(ctx)
	return err
}

// sendAgain has deliveries of an issue tried anew, and gives how many.
func (s *Store) sendAgain(ctx context.Context, send []deliveryRow) error {
	if len(send) == 0 {
		return nil
	}
	_, err := s.db.NewInsert().Model(&send).On("CONFLICT (issue, sink) DO UPDATE").
		Set("recipients = EXCLUDED.recipients, state = EXCLUDED.state, created = EXCLUDED.created, due = EXCLUDED.due, attempts = 0, error = '', rest = ''").Exec(ctx)
	return err
}

func (s *Store) queued(ctx context.Context) (int, error) {
	n, err := s.db.NewSelect().Model((*deliveryRow)(nil)).Where("state = ?", waiting).Count(ctx)
	return int(n), err
}

func newID() string { return strings.ToLower(rand.Text()[:16]) }

// mostBody bounds what a kept report unpacks to.
const mostBody = 64 << 20

func pack(r *report.Report) ([]byte, error) {
	text, err := json.Marshal(r)
	if err != nil {
		return nil, err
	}
	w, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1))
	if err != nil {
		return nil, err
	}
	defer w.Close() //nolint:errcheck // it writes nowhere
	return w.EncodeAll(text, nil), nil
}

// report is the report of an issue, as it was made.
func (x *issueRow) report() (*report.Report, error) {
	d, err := zstd.NewReader(bytes.NewReader(x.Body), zstd.WithDecoderConcurrency(1))
	if err != nil {
		return nil, err
	}
	defer d.Close()
	text, err := io.ReadAll(io.LimitReader(d, mostBody))
	if err != nil {
		return nil, fmt.Errorf("read report %s: %w", x.ID, err)
	}
	r, err := report.Read(text)
	if err != nil {
		return nil, err
	}
	r.Issue = &report.Issue{ID: x.ID, Definition: x.Definition, Version: int(x.Version), Superseded: x.Superseded != 0}
	return r, nil
}
