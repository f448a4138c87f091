package alert

import (
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/wattwerk/wattwerk/alert/rule"
	"github.com/wattwerk/wattwerk/internal/sqldb"
)

// TestFind has rules about anomalies hold while there are some of their subject.
func TestFind(t *testing.T) {
	s, err := Open(t.Context(), sqldb.Options{File: filepath.Join(t.TempDir(), "x.db"), NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for id, r := range map[string]rule.Rule{
		"a":    {Subject: rule.Subject{Sensor: "a"}, Condition: rule.Condition{Kind: rule.External, Of: rule.Anomaly}},
		"hall": {Subject: rule.Subject{Group: "hall"}, Condition: rule.Condition{Kind: rule.External, Of: rule.Anomaly}},
		"any":  {Condition: rule.Condition{Kind: rule.External, Of: rule.Anomaly}},
		"else": {Condition: rule.Condition{Kind: rule.External}}, // somebody else says so
	} {
		r.ID = id
		r = r.Complete()
		if err := r.Validate(); err != nil {
			t.Fatal(err)
		}
		if _, err := s.putRule(t.Context(), &r, -1, "eva", 1); err != nil {
			t.Fatal(err)
		}
	}
	wrong := rule.Rule{ID: "x", Subject: rule.Subject{Sensor: "a"}, Condition: rule.Condition{Kind: rule.Above, Of: rule.Anomaly}}.Complete()
	if err := wrong.Validate(); err == nil {
		t.Error("a value above an anomaly is taken")
	}
	for i, x := range []struct {
		found []Found
		want  map[string]string
		new   bool
	}{
		{nil, map[string]string{}, false},
		{[]Found{{rule.Ref{Sensor: "a"}, "stuck", nil}}, map[string]string{"a": "stuck", "any": "stuck"}, true},
		{[]Found{{rule.Ref{Sensor: "a"}, "stuck", nil}}, map[string]string{"a": "stuck", "any": "stuck"}, false},
		{[]Found{{rule.Ref{Group: "hall"}, "parts", &rule.Oddity{Object: "group/hall", Kind: "parts", Began: 7}}}, map[string]string{"hall": "parts", "any": "parts"}, true},
		{nil, map[string]string{}, true},
	} {
		before, err := s.changes(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Find(t.Context(), x.found, 7); err != nil {
			t.Fatal(err)
		}
		rows, err := s.signals(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		got := make(map[string]string)
		for _, g := range rows {
			if g.Firing != 0 {
				got[g.Rule] = g.Words
			}
		}
		after, err := s.changes(t.Context())
		if diff := cmp.Diff(x.want, got); diff != "" || err != nil || (after != before) != x.new {
			t.Errorf("%d: %s, %d changes", i, diff, after-before)
		}
	}
}
