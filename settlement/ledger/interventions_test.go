package ledger_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/wattwerk/wattwerk/record"
	"github.com/wattwerk/wattwerk/settlement/ledger"
)

// TestRoomForInterventions refuses one more than may be in force, of one sensor
// and not of others, and takes it when one is undone.
func TestRoomForInterventions(t *testing.T) {
	s, err := ledger.Open(t.Context(), ledger.Options{Dir: t.TempDir(), NoSync: true, InForce: 3})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	at := time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)
	add := func(sensor record.SensorID, id string) error {
		_, err := s.AddIntervention(t.Context(), ledger.Intervention{ID: id, Sensor: sensor, Who: "ada", At: at, InterventionBody: ledger.InterventionBody{
			Kind: ledger.Exclude, From: at, To: new(at.Add(time.Hour)), Why: "it was so",
		}})
		return err
	}
	for _, id := range []string{"a1", "a2", "a3"} {
		if err := add("a", id); err != nil {
			t.Fatal(err)
		}
	}
	if err := add("a", "a4"); !errors.Is(err, ledger.ErrFull) || !strings.Contains(err.Error(), `sensor "a"`) {
		t.Errorf("a fourth: %v", err)
	}
	if err := add("b", "b1"); err != nil {
		t.Error(err)
	}
	if _, err := s.UndoIntervention(t.Context(), "a2", "it was not", "bob", at); err != nil {
		t.Fatal(err)
	}
	if err := add("a", "a4"); err != nil {
		t.Error(err)
	}
	if err := add("a", "a5"); !errors.Is(err, ledger.ErrFull) {
		t.Errorf("a fourth again: %v", err)
	}
	if _, err := s.UndoIntervention(t.Context(), "b1", "it was not", "bob", at); err != nil {
		t.Fatal(err)
	}
	if who, err := s.Intervened(t.Context()); err != nil || len(who) != 1 || !who["a"] {
		t.Errorf("something is in force of %v, %v", who, err)
	}
}
