package intake

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestIntakesOfSeveralProcesses sums up by bridge, names the parts, and says
// who is silent.
func TestIntakesOfSeveralProcesses(t *testing.T) {
	first, later := time.Unix(1, 0), time.Unix(2, 0)
	a, b, c := Peer{"1", "bridge-1"}, Peer{"2", "bridge-2"}, Peer{"3", "bridge-3"}
	of := func(messages uint64, last *time.Time) Counts {
		return Counts{Messages: messages, Bytes: 10 * messages, Accepted: messages - 1, Refused: 1, Filtered: 2, Failed: 3, Last: last}
	}
	got := sum([]Peer{c, b, a}, map[string]offering{
		"1": {a, []Intake{{Bridge: "json", Counts: of(2, &later)}}},
		"2": {b, []Intake{{Bridge: "influx", Counts: of(7, nil)}, {Bridge: "json", Counts: of(5, &first)}}},
	})
	silent := InstanceIntake{Instance: "bridge-3", Silent: true}
	want := []Intake{
		{Bridge: "influx", Counts: of(7, nil), Instances: []InstanceIntake{{Instance: "bridge-2", Counts: of(7, nil)}, silent}},
		{
			Bridge: "json", Counts: Counts{Messages: 7, Bytes: 70, Accepted: 5, Refused: 2, Filtered: 4, Failed: 6, Last: &later},
			Instances: []InstanceIntake{{Instance: "bridge-1", Counts: of(2, &later)}, {Instance: "bridge-2", Counts: of(5, &first)}, silent},
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
