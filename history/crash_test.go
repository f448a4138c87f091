package history_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/wattwerk/wattwerk/bus"
	"github.com/wattwerk/wattwerk/history"
	"github.com/wattwerk/wattwerk/history/tsdb"
	"github.com/wattwerk/wattwerk/record"
)

// child is the environment variable that makes the test binary a victim.
const child = "WATTWERK_HISTORY_VICTIM"

func TestMain(m *testing.M) {
	if dir := os.Getenv(child); dir != "" {
		if err := victim(dir); err != nil {
			fmt.Println("error:", err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

const (
	victims    = 50 // sensors
	victimTime = record.Millis(1_700_000_000_000)
)

// valueOf is what the victims measure at a step, so that a reader can tell
// right from wrong.
func valueOf(sensor, step int) float64 { return float64(step*victims + sensor) }

// timeOf is in order but for every seventh record, which is an hour late.
func timeOf(step int) record.Millis {
	t := victimTime + record.Millis(step)*1000
	if step%7 == 3 {
		t -= 60*minute + 500
	}
	return t
}

// victim writes, flushes all the time, and tells which steps are acknowledged,
// until it is killed. It begins behind the last step stored.
func victim(dir string) error {
	ctx := context.Background()
	b, err := bus.Open(ctx, bus.Options{Dir: dir, Partitions: 2, MinFree: 1, NoSync: true})
	if err != nil {
		return err
	}
	s, err := tsdb.Open(tsdb.Options{Dir: dir + "/history", MinFree: 1})
	if err != nil {
		return err
	}
	svc, err := history.New(history.Options{Bus: b, Store: s, FlushSamples: victims * 20})
	if err != nil {
		return err
	}
	go func() {
		if err := svc.Run(ctx); err != nil {
			fmt.Println("error:", err)
		}
	}()
	go func() {
		for i := 0; ; i++ {
			flush := svc.FlushSettled
			if i%5 == 0 {
				flush = svc.Flush
			}
			if err := flush(ctx); err != nil {
				fmt.Println("error:", err)
			}
		}
	}()
	first, err := strconv.Atoi(os.Getenv(child + "_FROM"))
	if err != nil {
		return err
	}
	w := b.NewWriter()
	for step := first; ; step++ {
		var rs []record.Record
		for i := range victims {
			rs = append(rs, record.Record{Sensor: record.SensorID(fmt.Sprint("v", i)), Time: timeOf(step), Value: valueOf(i, step)})
		}
		if err := w.Write(ctx, rs); err != nil {
			return err
		}
		fmt.Println(step)
	}
}

// TestKill kills a process that writes and flushes, again and again, and then
// looks for every record it acknowledged.
func TestKill(t *testing.T) {
	dir := t.TempDir()
	next := 0 // first step that was never acknowledged
	for round := range 5 {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), child+"="+dir, fmt.Sprintf("%s_FROM=%d", child, next))
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		// By count, not by clock: at another point of the flushes each time.
		enough := next + 40 + 53*round
		lines := bufio.NewScanner(out)
		for lines.Scan() {
			step, err := strconv.Atoi(lines.Text())
			if err != nil {
				t.Fatal(lines.Text())
			}
			if next = step + 1; next == enough {
				if err := cmd.Process.Signal(syscall.SIGKILL); err != nil {
					t.Fatal(err)
				}
			}
		}
		if err := cmd.Wait(); err == nil {
			t.Fatal("it ended by itself")
		}
	}
	b, err := bus.Open(t.Context(), bus.Options{Dir: dir, Partitions: 2, MinFree: 1, NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	p := &plant{t: t, dir: dir, bus: b}
	p.run()
	defer func() { p.stop() }()
	p.settle()
	for i := range victims {
		seen := make(map[record.Millis]int)
		if err := p.store.Scan(t.Context(), history.RecordsOf(record.SensorID(fmt.Sprint("v", i))), record.MinTime, record.MaxTime, func(ts []int64, vs []float64) error {
			for k, at := range ts {
				seen[record.Millis(at)]++
				if step := (int(vs[k]) - i) / victims; valueOf(i, step) != vs[k] || timeOf(step) != record.Millis(at) {
					return fmt.Errorf("%v at %d was never written", vs[k], at)
				}
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		for step := range next {
			if n := seen[timeOf(step)]; n != 1 {
				t.Fatalf("sensor %d, step %d of %d: there %d times", i, step, next, n)
			}
		}
	}
	if n, err := b.DeadLetterCount(t.Context()); err != nil || n != 0 {
		t.Errorf("%d dead letters, %v", n, err)
	}
}

// TestFullDisk lets every write beyond a few kilobytes fail, as a full disk
// does, in a process of its own, because the limit holds for all of it.
func TestFullDisk(t *testing.T) {
	if os.Getenv(child+"_FULL") == "" {
		cmd := exec.Command(os.Args[0], "-test.run=^TestFullDisk$", "-test.v")
		cmd.Env = append(os.Environ(), child+"_FULL=1")
		out, err := cmd.CombinedOutput()
		if err != nil || !strings.Contains(string(out), "PASS: TestFullDisk") {
			t.Fatalf("%v\n%s", err, out)
		}
		return
	}
	signal.Ignore(syscall.SIGXFSZ)
	dir := t.TempDir()
	s, err := tsdb.Open(tsdb.Options{Dir: dir, MinFree: 1})
	if err != nil {
		t.Fatal(err)
	}
	ref := s.Refs(nil, []history.Series{history.RecordsOf("a")})
	put := func(from, n int) {
		t.Helper()
		for i := range n {
			if _, err := s.Append(t.Context(), ref, nil, []record.Millis{victimTime + record.Millis(from+i)*1000}, []float64{float64(i) * 1.1}); err != nil {
				t.Fatal(err)
			}
		}
	}
	put(0, 3000)
	if err := s.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	put(3000, 3000)
	var before syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &before); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: 4096, Max: before.Max}); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if err := s.Flush(t.Context()); err == nil {
			t.Fatal("a flush that cannot write says that it did")
		}
	}
	put(6000, 100) // it goes on in memory
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &before); err != nil {
		t.Fatal(err)
	}
	if err := s.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if s, err = tsdb.Open(tsdb.Options{Dir: dir, MinFree: 1}); err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	n := 0
	if err := s.Scan(t.Context(), history.RecordsOf("a"), record.MinTime, record.MaxTime, func(ts []int64, _ []float64) error { n += len(ts); return nil }); err != nil || n != 6100 {
		t.Errorf("%d of 6100 are there, %v", n, err)
	}
}

// TestNoRoom fills the disk in the eyes of the store: intake waits, positions
// stay, and it goes on when there is room.
func TestNoRoom(t *testing.T) {
	p := start(t)
	p.write(p.rec("s1", 0, 1))
	p.stop()
	full, err := tsdb.Open(tsdb.Options{Dir: p.dir + "/history", MinFree: 1 << 62})
	if err != nil {
		t.Fatal(err)
	}
	ref := full.Refs(nil, []history.Series{history.RecordsOf("s1")})
	if _, err := full.Append(t.Context(), ref, nil, []record.Millis{p.at(1)}, []float64{1}); !errors.Is(err, history.ErrNoRoom) {
		t.Errorf("got %v", err)
	}
	tries := make(chan struct{}, 1)
	svc, err := history.New(history.Options{Bus: p.bus, Store: tried{full, tries}})
	if err != nil {
		t.Fatal(err)
	}
	before, err := p.bus.Position(t.Context(), history.Reader, record.Partition("s1", 2))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- svc.Run(ctx) }()
	if err := p.bus.NewWriter().Write(ctx, []record.Record{p.rec("s1", 1, 2)}); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		select {
		case <-tries:
		case err := <-done:
			t.Fatal("it gave up: ", err)
		}
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if err := full.Close(); err != nil {
		t.Error(err)
	}
	if after, err := p.bus.Position(t.Context(), history.Reader, record.Partition("s1", 2)); after != before || err != nil {
		t.Errorf("position %d became %d, %v", before, after, err)
	}
	p.run()
	p.settle()
	p.body("/api/v1/sensors/s1/count", `{"count":2}`)
}

// tried tells of every attempt to append.
type tried struct {
	history.Store
	told chan<- struct{}
}

func (s tried) Append(ctx context.Context, refs []history.Ref, index []uint32, times []record.Millis, values []float64) ([]history.Refusal, error) {
	select {
	case s.told <- struct{}{}:
	case <-ctx.Done():
	}
	return s.Store.Append(ctx, refs, index, times, values)
}
