package e2e

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// inside is set in a test that was started again where it may mount disks.
const inside = "E2E_INSIDE"

// smallDisk mounts a disk of that many MiB. Who may not do that has the test
// run again in a user namespace, in which everybody is root; then the path is
// empty and there is nothing left to do.
func smallDisk(t *testing.T, size int) string {
	t.Helper()
	dir := t.TempDir()
	err := syscall.Mount("wattwerk", dir, "tmpfs", 0, fmt.Sprintf("size=%dm", size))
	if errors.Is(err, syscall.EPERM) && os.Getenv(inside) == "" {
		cmd := exec.CommandContext(t.Context(), "/proc/self/exe", "-test.run=^"+strings.ReplaceAll(t.Name(), "/", "$/^")+"$", "-test.v")
		cmd.Env = append(os.Environ(), inside+"=1")
		cmd.SysProcAttr = &syscall.SysProcAttr{
			Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS,
			UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
			GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}},
		}
		out, err := cmd.CombinedOutput()
		t.Logf("in a user namespace:\n%s", out)
		if err != nil {
			t.Error(err)
		}
		return ""
	}
	if err != nil {
		t.Fatalf("mount a small disk: %v", err)
	}
	t.Cleanup(func() {
		// Not busy any more: what uses it was started later and has ended.
		if err := syscall.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	})
	return dir
}

func freeBytes(t *testing.T, dir string) int64 {
	t.Helper()
	var st syscall.Statfs_t
	if err := syscall.Statfs(dir, &st); err != nil {
		t.Fatal(err)
	}
	return int64(st.Bavail) * int64(st.Bsize)
}

// fill writes a file until only so many bytes are free, or none when that is
// what is asked for.
func fill(t *testing.T, disk string, leave int64) (remove func()) {
	t.Helper()
	name := filepath.Join(disk, "filler")
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	chunk := make([]byte, 64<<10)
	for leave == 0 || freeBytes(t, disk) > leave {
		if _, err := f.Write(chunk); errors.Is(err, syscall.ENOSPC) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
	}
	if err := f.Close(); err != nil && !errors.Is(err, syscall.ENOSPC) {
		t.Fatal(err)
	}
	return func() {
		if err := os.Remove(name); err != nil {
			t.Error(err)
		}
	}
}

// pusher sends readings and remembers which were acknowledged, and which may
// or may not be there.
type pusher struct {
	d      *deployment
	sensor string
	batch  int // readings sent at once
	begin  int64
	stop   chan struct{}
	done   sync.WaitGroup

	mu       sync.Mutex
	yes      map[int64]float64
	maybe    map[int64]bool
	refusals int   // since the last ask
	taken    int   // since the last ask
	gone     int   // requests without an answer, which must not be more than a new start explains
	wrong    error // an answer that must not be
}

func startPusher(d *deployment, sensor string, batch int) *pusher {
	x := &pusher{
		d: d, sensor: sensor, batch: batch, begin: time.Now().Add(-24*time.Hour).UnixMilli() / 1000 * 1000,
		stop: make(chan struct{}), yes: make(map[int64]float64), maybe: make(map[int64]bool),
	}
	x.done.Go(func() {
		for i := int64(0); ; i += int64(batch) {
			select {
			case <-x.stop:
				return
			case <-time.After(10 * time.Millisecond): // a fast machine is not to make more of it than can be compared
				x.push(i)
			}
		}
	})
	return x
}

func (x *pusher) push(from int64) {
	rows := make([]string, x.batch)
	readings := make(map[int64]float64, x.batch)
	for i := range rows {
		t := x.begin + 10*(from+int64(i))
		readings[t] = power(x.sensor, t)
		rows[i] = fmt.Sprintf(`{"sensor":%q,"time":%d,"value":%v}`, x.sensor, t, readings[t])
	}
	a, err := x.d.face().send("POST", "/api/v1/ingest/json", nil, "["+strings.Join(rows, ",")+"]")
	x.mu.Lock()
	defer x.mu.Unlock()
	if err == nil && a.status == http.StatusOK {
		for t, v := range readings {
			x.yes[t] = v
		}
		x.taken++
		return
	}
	for t := range readings {
		x.maybe[t] = true
	}
	if err != nil {
		x.gone++
		return
	}
	x.refusals++
	err = a.isProblem(http.StatusServiceUnavailable, http.StatusTooManyRequests)
	if err == nil && a.header.Get("Retry-After") == "" {
		err = fmt.Errorf("%d without Retry-After", a.status)
	}
	if x.wrong == nil {
		x.wrong = err
	}
}

// isProblem tells whether the answer is a problem of one of these statuses,
// with a sentence.
func (a answer) isProblem(statuses ...int) error {
	var p struct {
		Status        int
		Title, Detail string
	}
	said := a.header.Get("Content-Type")
	err := json.Unmarshal(a.body, &p)
	ok := false
	for _, s := range statuses {
		ok = ok || a.status == s && p.Status == s
	}
	if err != nil || !ok || said != "application/problem+json" || p.Title == "" || p.Detail == "" {
		return fmt.Errorf("answered %d %s %s, must be a problem of %v", a.status, said, a.body, statuses)
	}
	return nil
}

// ask waits until the pusher was refused, or taken, some times in a row.
func (x *pusher) ask(t *testing.T, refused bool) {
	t.Helper()
	x.mu.Lock()
	x.refusals, x.taken = 0, 0
	x.mu.Unlock()
	eventually(t, 2*time.Minute, func() error {
		x.mu.Lock()
		defer x.mu.Unlock()
		if x.wrong != nil {
			t.Fatalf("%v\n%s", x.wrong, x.d.output())
		}
		yes, no := x.taken, x.refusals
		if refused {
			yes, no = no, yes
		}
		x.taken, x.refusals = 0, 0
		if yes < 3 || no > 0 {
			return fmt.Errorf("%d refused (%v), %d not", yes, refused, no)
		}
		return nil
	})
}

// TestDiskFull fills the disk under running processes below what must be free,
// and to the last byte.
func TestDiskFull(t *testing.T) { everywhere(t, testDiskFull) }

func testDiskFull(t *testing.T, kind string) {
	disk := smallDisk(t, 192)
	if disk == "" {
		return
	}
	d := deployFull(t, kind, disk, "48MiB")
	x := startPusher(d, "desk", 1)
	x.ask(t, false)
	for _, c := range []struct {
		name  string
		leave int64
	}{{"below what must be free", 40 << 20}, {"to the last byte", 0}, {"below what must be free again", 40 << 20}} {
		t.Run(c.name, func(t *testing.T) {
			remove := fill(t, disk, c.leave)
			x.ask(t, true)
			stillAnswers(t, d, "desk")
			remove()
			x.ask(t, false)
			eventually(t, 2*time.Minute, x.check)
		})
	}
	x.mu.Lock()
	if x.gone > 0 {
		t.Errorf("%d requests had no answer", x.gone)
	}
	x.mu.Unlock()
	endFull(t, d, x)
}

// TestDiskFullInTheMiddleOfAWrite has next to nothing kept free, so that the
// disk is full in the middle of what is being written: the worst case.
func TestDiskFullInTheMiddleOfAWrite(t *testing.T) {
	if *long {
		everywhere(t, testDiskFullInTheMiddle)
		return
	}
	testDiskFullInTheMiddle(t, oneProcess)
}

func testDiskFullInTheMiddle(t *testing.T, kind string) {
	disk := smallDisk(t, 96)
	if disk == "" {
		return
	}
	d := deployFull(t, kind, disk, "4KiB")
	var all []*pusher
	for i := range 4 {
		all = append(all, startPusher(d, fmt.Sprintf("desk %d", i), 200))
	}
	for round := range 3 {
		for _, x := range all {
			x.ask(t, false)
		}
		remove := fill(t, disk, 512<<10)
		for _, x := range all {
			x.ask(t, true)
		}
		stillAnswers(t, d, "desk 0")
		remove()
		for _, x := range all {
			x.ask(t, false)
			eventually(t, 2*time.Minute, x.check)
		}
		again := 0
		for _, s := range d.parts {
			again += strings.Count(s.process().output(), "starting all modules again")
		}
		t.Logf("round %d: modules were started again %d times", round, again)
	}
	endFull(t, d, all...)
}

func deployFull(t *testing.T, kind, disk, minFree string) *deployment {
	t.Helper()
	return options{
		kind: kind, dir: filepath.Join(disk, "data"),
		settings: []string{"WATTWERK_BUS_MIN_FREE=" + minFree, "WATTWERK_HISTORY_FLUSH_EVERY=1s"},
	}.deploy(t)
}

// stillAnswers asks what can be answered without writing.
func stillAnswers(t *testing.T, d *deployment, sensor string) {
	t.Helper()
	var got struct{ Value *float64 }
	d.face().call("GET", "/api/v1/sensors/"+url.PathEscape(sensor)+"/latest", nil, &got)
	if got.Value == nil {
		t.Error("there is no latest value")
	}
	for path, want := range map[string]int{"/readyz": http.StatusServiceUnavailable, "/healthz": http.StatusOK} {
		// Who has the bus knows.
		if a, err := d.parts[0].process().send("GET", path, nil, nil); err != nil || a.status != want {
			t.Errorf("%s: %d %s, %v", path, a.status, a.body, err)
		}
	}
}

// endFull checks everything once more, and again after a new start.
func endFull(t *testing.T, d *deployment, all ...*pusher) {
	t.Helper()
	d.ready()
	for _, x := range all {
		close(x.stop)
		x.done.Wait()
		eventually(t, 2*time.Minute, x.check)
	}
	d.stop()
	d.start()
	for _, x := range all {
		eventually(t, 2*time.Minute, x.check)
	}
	d.stop()
}

// check compares the history with what was acknowledged until now.
func (x *pusher) check() error {
	x.mu.Lock()
	want := make(map[int64]float64, len(x.yes))
	last := int64(0)
	for t, v := range x.yes {
		want[t] = v
		last = max(last, t)
	}
	maybe := maps.Clone(x.maybe)
	x.mu.Unlock()
	got, err := x.d.other().raw("sensors", x.sensor, "", x.begin, last)
	if err != nil {
		return err
	}
	for t, v := range want {
		if g := got[t]; g == nil || *g != v {
			return fmt.Errorf("%d is %v, %v was acknowledged; %d of %d are there", t, show(g), v, len(got), len(want))
		}
	}
	for t, g := range got {
		if _, ok := want[t]; !ok && (!maybe[t] || g == nil || *g != power(x.sensor, t)) {
			return fmt.Errorf("%d is %v, and nobody sent that", t, show(g))
		}
	}
	return nil
}
