package alert

import (
	"context"
	"encoding/json"

	"github.com/uptrace/bun"

	"github.com/wattwerk/wattwerk/alert/rule"
	"github.com/wattwerk/wattwerk/record"
)

// Found is something that cannot be right, or is not usual, and may go on.
type Found struct {
	Subject rule.Ref
	Text    string // in a sentence in English
	Found   *rule.Oddity
}

// Find has the rules about anomalies hold for what is found now, and for nothing else,
// whichever process evaluates them. What is said already is not said again.
func (s *Store) Find(ctx context.Context, all []Found, now record.Millis) error {
	rows, err := s.rules(ctx)
	if err != nil {
		return err
	}
	said, err := s.signals(ctx)
	if err != nil {
		return err
	}
	is := make(map[string]signalRow, len(said))
	for _, g := range said {
		is[g.Rule] = g
	}
	var next []signalRow
	for i := range rows {
		r, err := rows[i].rule()
		if err != nil || r.Condition.Kind != rule.External || r.Condition.Of != rule.Anomaly {
			continue // what is not understood is told by who evaluates it
		}
		g := signalRow{Rule: r.ID, At: int64(now)}
		for _, f := range all {
			if s := r.Subject; s.Sensor == "" && s.Group == "" || s.Sensor == f.Subject.Sensor && string(s.Group) == f.Subject.Group {
				g.Firing, g.Words = 1, f.Text
				if f.Found != nil {
					says, err := json.Marshal(f.Found)
					if err != nil {
						return err
					}
					g.Found = string(says)
				}
				break
			}
		}
		was, ok := is[r.ID]
		if !ok && g.Firing == 0 || ok && was.Firing == g.Firing && was.Words == g.Words && was.Found == g.Found {
			continue
		}
		next = append(next, g)
	}
	if len(next) == 0 {
		return nil
	}
	return s.change(ctx, func(ctx context.Context, tx bun.Tx) error {
		_, err := tx.NewInsert().Model(&next).On("CONFLICT (rule) DO UPDATE").Set("firing = EXCLUDED.firing, words = EXCLUDED.words, found = EXCLUDED.found, at = EXCLUDED.at").Exec(ctx)
		return err
	})
}
