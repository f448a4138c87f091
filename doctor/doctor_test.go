package doctor

import (
	"flag"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

var update = flag.Bool("update", false, "write testdata again")

var now = time.Date(2026, 11, 28, 3, 0, 0, 0, time.UTC)

func ago(d time.Duration) *time.Time { t := now.Add(-d); return &t }

// well is an installation in which nothing is wrong.
func well() Facts {
	return Facts{
		At:     now,
		Disk:   &Disk{Path: "/var/lib/wattwerk", Free: 60 << 30, Size: 100 << 30, MinFree: 256 << 20},
		Limits: &Limits{OpenFiles: 200, MaxOpenFiles: 65536, Memory: 1 << 30, MaxMemory: 8 << 30},
		Bus: &Bus{Connected: true, Sync: true, Replicas: 3, Servers: 3, Streams: []Stream{{
			Name: "RECORDS-0000", Clustered: true, Leader: "n1", Followers: []Follower{{Name: "n2", Current: true}, {Name: "n3", Current: true}},
		}}},
		Backlogs: []Backlog{{Reader: "history", Messages: 10, Oldest: now.Add(-time.Hour), Usual: 4 * time.Hour}, {Reader: "aggregate"}},
		Lags:     []Lag{{Reader: "history", Messages: 1, Age: time.Second}},
		Members:  []Member{{Name: "a", Version: "v1", Modules: []string{"history"}}, {Name: "b", Version: "v1", Modules: []string{"aggregate"}}},
		Shares: []Share{
			{Module: "aggregate", Noun: "partition", Pieces: 12, Takers: []string{"b", "c", "d"}, Owners: map[string][]int{"b": {0, 1, 2, 3}, "c": {4, 6, 8, 9}, "d": {5, 7, 10, 11}}},
			{Module: "alert", Pieces: 1, Takers: []string{"a", "b"}, Owners: map[string][]int{"a": {0}}},
		},
		Ticks:       []Tick{{Hierarchy: "place", Delay: 3 * time.Second}},
		Late:        120,
		Taken:       1_000_000,
		DeadLetters: &DeadLetters{LastHour: 3, Reason: "no", Source: "influx", Count: 3, First: now},
		Settled:     &Settled{Until: now.Add(-17 * time.Minute), Usual: 17 * time.Minute, Marks: 12},
		Messages:    []Messages{{Sink: "mail", Waiting: 1, Oldest: now.Add(-time.Second)}},
		Sensors:     []Sensor{{ID: "kettle", Last: ago(time.Minute), MaxAge: 3 * time.Minute}},
		Files:       []File{{Path: "/etc/wattwerk/login", Mode: 0o600}},
		Format:      &Format{Is: 1, Knows: 1},
	}
}

// cases make each rule true, by its name; all others stay silent.
var cases = []struct {
	rule string
	make func(*Facts)
}{
	{"settings-unusable", func(f *Facts) { f.Settings.Error = "settings: no key is called bus.nat" }},
	{"settings-suspicious", func(f *Facts) { f.Settings.Warnings = []string{"aggregate.grace is 0."} }},
	{"format-unknown", func(f *Facts) { f.Format = &Format{Error: "read format.json: unexpected end"} }},
	{"restore-unfinished", func(f *Facts) { f.Format = &Format{Is: 1, Knows: 1, Unfinished: true} }},
	{"data-newer", func(f *Facts) { f.Format = &Format{Is: 3, Knows: 1, Program: "v9"} }},
	{"secret-readable", func(f *Facts) { f.Files[0].Mode = 0o640 }},
	{"disk-full", func(f *Facts) { f.Disk.Free = 100 << 20 }},
	{"disk-nearly-full", func(f *Facts) { f.Disk.Free = 9 << 30 }},
	{"open-files", func(f *Facts) { f.Limits.OpenFiles = 60000 }},
	{"open-files-limit", func(f *Facts) { f.Limits.MaxOpenFiles = 1024 }},
	{"memory", func(f *Facts) { f.Limits.Memory = 7800 << 20 }},
	{"bus-away", func(f *Facts) { f.Bus = &Bus{Sync: true} }},
	{"bus-mute", func(f *Facts) { f.Bus = &Bus{Connected: true, External: true, Error: "no responders"} }},
	{"bus-full", func(f *Facts) { f.Bus.Full = true }},
	{"no-leader", func(f *Facts) { f.Bus.Streams[0].Leader = "" }},
	{"replica-away", func(f *Facts) { f.Bus.Streams[0].Followers[0] = Follower{Name: "n2", Offline: true} }},
	{"replica-behind", func(f *Facts) { f.Bus.Streams[0].Followers[0] = Follower{Name: "n2", Behind: 4711} }},
	{"one-copy", func(f *Facts) { f.Bus.Replicas = 1 }},
	{"bus-unsynced", func(f *Facts) { f.Bus.Sync = false }},
	{"clocks-apart", func(f *Facts) { f.Bus.ClockAhead = -5 * time.Second }},
	{"unanswered", func(f *Facts) {
		f.Unanswered = []Unanswered{{What: "the store of the history", Error: "dial tcp: connection refused"}}
	}},
	{"meter-unreadable", func(f *Facts) {
		f.Meters = []Meter{{Name: "house", Address: "/dev/ttyUSB0", Why: "open /dev/ttyUSB0: no such file or directory", Since: now.Add(-time.Hour)}}
	}},
	{"service-unavailable", func(f *Facts) {
		f.Services = []Service{{Name: "service S1 (Generation and load estimation)", Why: "it needs some of 5 microservices, and 0 are usable", Missing: []string{"sensor/main", "sensor/pv"}, More: 3, Since: now.Add(-2 * time.Hour)}}
	}},
	{"nobody-reads", func(f *Facts) { f.Members = f.Members[:1] }},
	{"pieces-unowned", func(f *Facts) { f.Shares[0].Owners["c"] = []int{6} }},
	{"pieces-unowned", func(f *Facts) { f.Shares[1].Owners = nil }},
	{"share-uneven", func(f *Facts) {
		f.Shares[0].Owners = map[string][]int{"b": {0, 1, 2, 3, 4, 5, 6, 7, 8}, "c": {9}, "d": {10, 11}}
	}},
	{"reader-stopped", func(f *Facts) {
		f.Backlogs[0].Oldest = now.Add(-5 * time.Hour)
		f.Backlogs = append(f.Backlogs, Backlog{Reader: "history", Partition: 3, Messages: 1, Oldest: now.Add(-9 * time.Hour), Usual: 4 * time.Hour})
	}},
	{"reader-behind", func(f *Facts) { f.Lags[0].Age = 20 * time.Minute }},
	{"reader-behind", func(f *Facts) { f.Lags[0].Age, f.Lags[0].By = 20*time.Minute, "d" }},
	{"ticks-delayed", func(f *Facts) { f.Ticks[0].Delay = 3 * time.Hour }},
	{"late-readings", func(f *Facts) { f.Late = 20_000 }},
	{"dead-letters", func(f *Facts) {
		f.DeadLetters = &DeadLetters{LastHour: 1000, AtLeast: true, Reason: `unit "kWh" measures energy, but the sensor measures active_power`, Source: "influx", Count: 912, First: now.Add(-20 * time.Minute)}
	}},
	{"settling-behind", func(f *Facts) { f.Settled.Until = now.Add(-3 * time.Hour) }},
	{"settling-again", func(f *Facts) { f.Settled.Marks = 54_321 }},
	{"alerts-untold", func(f *Facts) {
		f.Messages[0] = Messages{Sink: "mail", Waiting: 7, Oldest: now.Add(-2 * time.Hour), Error: "dial tcp 192.0.2.1:587: i/o timeout"}
	}},
	{"sensors-ahead", func(f *Facts) { f.Sensors[0].Last = ago(-10 * time.Minute) }},
	{"sensors-silent", func(f *Facts) {
		f.Sensors[0].Last = ago(time.Hour)
		for _, id := range []string{"lamp", "oven", "pump", "fan"} {
			f.Sensors = append(f.Sensors, Sensor{ID: id, Last: ago(time.Hour), MaxAge: time.Minute})
		}
	}},
	{"sensors-never", func(f *Facts) { f.Sensors[0].Last = nil }},
	{"versions-mixed", func(f *Facts) { f.Members[1].Version = "v2" }},
}

func TestNothingIsWrong(t *testing.T) {
	if all := Examine(well()); len(all) != 0 {
		t.Errorf("%+v", all)
	}
	// What is not known is no fault.
	if all := Examine(Facts{At: now, Offline: true}); len(all) != 0 {
		t.Errorf("%+v", all)
	}
}

func TestEachRule(t *testing.T) {
	var text strings.Builder
	for _, c := range cases {
		f := well()
		c.make(&f)
		all := Examine(f)
		if len(all) != 1 || all[0].Rule != c.rule {
			t.Errorf("%s gives %+v", c.rule, all)
			continue
		}
		if x := all[0]; x.What == "" || x.Why == "" || x.Do == "" || x.Severity == "" || !strings.HasSuffix(x.What, ".") {
			t.Errorf("%s does not say everything: %+v", c.rule, x)
		}
		for name, p := range all[0].Params {
			if s, ok := p.(string); ok && !strings.Contains(strings.ToLower(all[0].What+all[0].Do), strings.ToLower(s)) {
				t.Errorf("%s: %s is %q, which is in no sentence", c.rule, name, s)
			}
		}
		text.WriteString("# " + c.rule + "\n")
		if err := Print(&text, all); err != nil {
			t.Fatal(err)
		}
		text.WriteByte('\n')
	}
	if *update {
		if err := os.WriteFile("testdata/findings.txt", []byte(text.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile("testdata/findings.txt")
	if err != nil {
		t.Fatal(err)
	}
	if string(want) != text.String() {
		t.Errorf("testdata/findings.txt is not what it says; -update writes it again:\n%s", text.String())
	}
}

// Rules whose name is written in the code are all in a case above.
func TestNoRuleIsUntried(t *testing.T) {
	var code []byte
	for _, file := range []string{"rules.go", "owners.go"} {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		code = append(code, text...)
	}
	for part := range strings.SplitSeq(string(code), `Rule: "`) {
		name, _, _ := strings.Cut(part, `"`)
		if strings.HasPrefix(part, "package") {
			continue
		}
		tried := false
		for _, c := range cases {
			tried = tried || c.rule == name
		}
		if !tried {
			t.Errorf("no case makes %s true", name)
		}
	}
}

func TestTheWorstComesFirst(t *testing.T) {
	f := well()
	f.Members[1].Version, f.Disk.Free = "v2", 0
	all := Examine(f)
	if len(all) != 2 || all[0].Severity != Trouble || all[1].Severity != Risk {
		t.Errorf("%+v", all)
	}
	if !slices.IsSortedFunc(all, func(a, b Finding) int { return weight(a) - weight(b) }) {
		t.Error("not in order")
	}
}

func TestOwners(t *testing.T) {
	f := well()
	want := []string{
		"b works on partitions 0 to 3 of aggregate, 4 of 12.",
		"c works on partitions 4, 6, 8 and 9 of aggregate, 4 of 12.",
		"d works on partitions 5, 7, 10 and 11 of aggregate, 4 of 12.",
		"a does the work of alert.",
		"b has none of the work of alert, and would take over.",
	}
	if got := Owners(f); !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
	f.Members = f.Members[:1]
	if got := Owners(f); got != nil {
		t.Errorf("one process says %q", got)
	}
}

// TestStoppedMeanwhile: what was noted last before all was stopped is old when
// it starts again, and says nothing of who reads now.
func TestStoppedMeanwhile(t *testing.T) {
	for _, x := range []struct {
		since []time.Duration // before now that those who read began; 0: not known
		found bool
	}{
		{nil, true}, {[]time.Duration{time.Minute}, false}, {[]time.Duration{time.Minute, 5 * time.Hour}, true}, {[]time.Duration{0}, true},
	} {
		f := &Facts{At: now, Backlogs: []Backlog{{Reader: "history", Messages: 1, Oldest: now.Add(-9 * time.Hour), Usual: 4 * time.Hour}}}
		f.Members = []Member{{Modules: []string{"gateway"}}}
		for _, d := range x.since {
			m := Member{Modules: []string{"history"}, Since: now.Add(-d)}
			if d == 0 {
				m.Since = time.Time{}
			}
			f.Members = append(f.Members, m)
		}
		if got := len(backlogs(f)) > 0; got != x.found {
			t.Errorf("begun %v ago: %v", x.since, got)
		}
	}
}
