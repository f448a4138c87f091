package app

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/wattwerk/wattwerk/aggregate"
	"github.com/wattwerk/wattwerk/bus"
	"github.com/wattwerk/wattwerk/doctor"
	"github.com/wattwerk/wattwerk/history"
	"github.com/wattwerk/wattwerk/internal/datadir"
	"github.com/wattwerk/wattwerk/record"
	"github.com/wattwerk/wattwerk/service/execution"
	"github.com/wattwerk/wattwerk/window"
)

// Bounds of what is looked at for a diagnosis.
const (
	diagnosisWithin  = 20 * time.Second
	diagnosisSensors = 5000
	diagnosisLetters = 1000
	partitionsAsked  = 64 // whose backlog is asked for, reader by reader
)

// diagnose collects what is known of the installation, and says what is wrong
// and who works on what.
func (p *process) diagnose(ctx context.Context) (found []doctor.Finding, owners []string) {
	ctx, cancel := context.WithTimeout(ctx, diagnosisWithin)
	defer cancel()
	f := p.visible()
	f.Limits = ownLimits()
	f.Bus = &doctor.Bus{Full: p.bus.Full(), Sync: p.config.Bus.Sync, Replicas: p.config.Bus.Replicas}
	if p.busFacts(ctx, &f) {
		p.backlogFacts(ctx, &f)
		p.letterFacts(ctx, &f)
	}
	p.ownerFacts(ctx, &f)
	if p.aggregate != nil {
		st := p.aggregate.Status()
		for _, h := range st.Hierarchies {
			if h.Lag != nil {
				f.Ticks = append(f.Ticks, doctor.Tick{Hierarchy: h.Hierarchy, Delay: time.Duration(*h.Lag * float64(time.Second))})
			}
		}
		for _, x := range st.Partitions {
			f.Late += x.Late
		}
	}
	if p.history != nil {
		f.Taken = p.history.Appended()
		p.sensorFacts(ctx, &f)
	}
	if p.settlement != nil {
		p.settledFacts(ctx, &f)
	}
	if p.alert != nil {
		waiting, err := p.alert.Waiting(ctx)
		if err != nil {
			f.Unanswered = append(f.Unanswered, doctor.Unanswered{What: "the database of alerts", Error: err.Error()})
		}
		for _, w := range waiting {
			f.Messages = append(f.Messages, doctor.Messages(w))
		}
	}
	f.Meters = p.brokenMeters()
	if p.service != nil {
		f.Services = servicesBroken(p.service.Broken())
	}
	if _, err := p.users.Users(ctx); err != nil {
		f.Unanswered = append(f.Unanswered, doctor.Unanswered{What: "the database of users", Error: err.Error()})
	}
	return doctor.Examine(f), doctor.Owners(f)
}

// mostNamed is how many objects of a service are named.
const mostNamed = 3

func servicesBroken(all []execution.BrokenService) (out []doctor.Service) {
	for _, x := range all {
		d := doctor.Service{Name: "service " + x.SID, Why: x.Why, More: x.More + max(0, len(x.Missing)-mostNamed)}
		if x.Name != "" {
			d.Name += " (" + x.Name + ")"
		}
		for _, id := range x.Missing[:min(mostNamed, len(x.Missing))] {
			d.Missing = append(d.Missing, string(id))
		}
		if x.Since > 0 {
			d.Since = x.Since.Time()
		}
		out = append(out, d)
	}
	return out
}

func (p *process) settledFacts(ctx context.Context, f *doctor.Facts) {
	s, err := p.settlement.Status(ctx)
	if err != nil {
		f.Unanswered = append(f.Unanswered, doctor.Unanswered{What: "the database of settled windows", Error: err.Error()})
		return
	}
	if s.Frontier > 0 { // else it has not begun
		usual := p.config.Settlement.Delay.Std() + window.QuarterLength*time.Millisecond
		f.Settled = &doctor.Settled{Until: s.Frontier.Time(), Usual: usual, Marks: s.Marks}
	}
}

// busFacts tells whether more can be asked of the bus.
func (p *process) busFacts(ctx context.Context, f *doctor.Facts) bool {
	h, err := p.bus.Health(ctx)
	b := f.Bus
	b.Connected, b.External, b.Reconnects, b.Servers, b.ClockAhead = h.Connected, h.External, h.Reconnects, h.Servers, h.Ahead
	if err != nil {
		b.Error = err.Error()
		return false
	}
	for _, s := range h.Streams {
		x := doctor.Stream{Name: s.Name, Clustered: s.Clustered, Leader: s.Leader}
		for _, r := range s.Followers {
			x.Followers = append(x.Followers, doctor.Follower(r))
		}
		b.Streams = append(b.Streams, x)
	}
	p.lagFacts(ctx, f)
	return h.Connected
}

// backlogFacts asks what is stored behind the positions that readers noted.
func (p *process) backlogFacts(ctx context.Context, f *doctor.Facts) {
	usual := map[string]time.Duration{
		// Positions are noted when a flush is done, checkpoints are stored.
		history.Reader:   2*p.config.History.FlushEvery.Std() + 10*time.Minute,
		aggregate.Reader: 15 * time.Minute,
	}
	for _, reader := range p.config.Bus.Readers {
		for part := range min(p.bus.Partitions(), partitionsAsked) {
			at, err := p.bus.Position(ctx, reader, part)
			if err != nil {
				continue // the next rule says that the bus does not answer
			}
			n, oldest, err := p.bus.Behind(ctx, part, at)
			if err != nil {
				continue
			}
			d, ok := usual[reader]
			if !ok {
				d = time.Hour
			}
			f.Backlogs = append(f.Backlogs, doctor.Backlog{Reader: reader, Partition: part, Messages: n, Oldest: oldest, Usual: d})
		}
	}
}

var digits = regexp.MustCompile(`[0-9]+([.:,-][0-9]+)*`)

// letterFacts finds the commonest reason of the last hour's dead letters.
func (p *process) letterFacts(ctx context.Context, f *doctor.Facts) {
	all, err := p.bus.DeadLetters(ctx, diagnosisLetters)
	if err != nil {
		return
	}
	type kind struct{ source, reason string }
	d := doctor.DeadLetters{}
	counts := make(map[kind]int)
	first := f.At
	for _, l := range all {
		at := l.At.Time()
		if f.At.Sub(at) > time.Hour {
			break // the newest come first
		}
		d.LastHour++
		if at.Before(first) {
			first = at
		}
		// Numbers differ from one to the next, the reason is the same.
		k := kind{l.Source, digits.ReplaceAllString(l.Reason, "…")}
		counts[k]++
		if counts[k] > d.Count {
			d.Count, d.Source, d.Reason = counts[k], l.Source, l.Reason
		}
	}
	d.AtLeast, d.First = d.LastHour == diagnosisLetters, first
	f.DeadLetters = &d
}

func (p *process) sensorFacts(ctx context.Context, f *doctor.Facts) {
	m := p.catalog.State().Model
	var ids []record.SensorID
	for _, s := range m.Document().Sensors {
		if len(ids) == diagnosisSensors {
			break
		}
		ids = append(ids, s.ID)
	}
	newest, err := p.history.Newest(ctx, ids)
	if err != nil {
		f.Unanswered = append(f.Unanswered, doctor.Unanswered{What: "the store of the history", Error: err.Error()})
		return
	}
	for i, id := range ids {
		s, ok := m.Sensor(id)
		if !ok {
			continue
		}
		x := doctor.Sensor{ID: string(id)}
		if age := s.Age(); age > 0 {
			x.MaxAge = time.Duration(age) * time.Millisecond
		}
		if !newest[i].IsZero() {
			x.Last = &newest[i]
		}
		f.Sensors = append(f.Sensors, x)
	}
}

// visible is what can be seen without asking a process: the settings, the
// disk, the files.
func visible(c *Config) doctor.Facts {
	f := doctor.Facts{At: time.Now(), Settings: doctor.Settings{Warnings: c.Warnings()}}
	if free, size, err := bus.DiskBytes(c.Data); err == nil {
		f.Disk = &doctor.Disk{Path: c.Data, Free: free, Size: size, MinFree: int64(c.Bus.MinFree)}
	}
	for _, path := range append(c.secrets(), filepath.Join(c.Data, "wattwerk.db")) {
		if st, err := os.Stat(path); path != "" && err == nil {
			f.Files = append(f.Files, doctor.File{Path: path, Mode: uint32(st.Mode().Perm())})
		}
	}
	m, _, err := datadir.ReadMark(c.Data)
	f.Format = &doctor.Format{Is: m.Format, Knows: datadir.Format, Program: m.Program}
	if err == nil {
		f.Format.Unfinished, err = datadir.Unfinished(c.Data)
	}
	if err != nil {
		f.Format.Error = err.Error()
	}
	return f
}

// secrets are the files with secrets that the settings name.
func (c *Config) secrets() []string {
	return []string{c.Bus.LoginFile, c.Bus.CredsFile, c.Bus.LinkLoginFile, c.Gateway.TLSKeyFile, c.Gateway.OIDC.SecretFile, c.Bus.Leaf.KeyFile}
}

// ownLimits is what the system lets this process have.
func ownLimits() *doctor.Limits {
	l := &doctor.Limits{}
	var r unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &r); err == nil && r.Cur < 1<<40 {
		l.MaxOpenFiles = r.Cur
	}
	if open, err := os.ReadDir("/proc/self/fd"); err == nil {
		l.OpenFiles = uint64(len(open))
	}
	l.Memory, l.MaxMemory = groupMemory("/sys/fs/cgroup")
	return l
}

// groupMemory is what the control group of this process uses and may use, in
// bytes, without what the system can take back at once; 0 when there is no limit.
func groupMemory(dir string) (used, limit uint64) {
	number := func(name string) uint64 {
		data, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			return 0
		}
		n, err := strconv.ParseUint(strings.TrimSpace(string(data)), 10, 64)
		if err != nil {
			return 0 // "max"
		}
		return n
	}
	if limit = number("memory.max"); limit == 0 {
		return 0, 0
	}
	used = number("memory.current")
	data, err := os.ReadFile(filepath.Join(dir, "memory.stat"))
	if err != nil {
		return used, limit
	}
	for line := range strings.Lines(string(data)) {
		if v, ok := strings.CutPrefix(strings.TrimSpace(line), "inactive_file "); ok {
			if n, err := strconv.ParseUint(v, 10, 64); err == nil {
				used -= min(used, n)
			}
		}
	}
	return used, limit
}

// resting examines a data directory on which no process runs.
func resting(c *Config) ([]doctor.Finding, error) {
	if _, err := os.Stat(c.Data); errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("there is no data directory %s, and nothing runs there", c.Data)
	}
	f := visible(c)
	f.Offline = true
	return doctor.Examine(f), nil
}
