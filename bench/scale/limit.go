package scale

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// period is how often a limited process gets its part of a core.
const period = 20 * time.Millisecond

// limiter holds processes to a share of one core each.
type limiter interface {
	how() string // for the report
	// limit holds a process to a share of a core until release is called.
	limit(pid int, share float64) (release func(), err error)
}

// newLimiter takes what the machine has: a quota of cgroups, else signals.
func newLimiter() limiter {
	for _, c := range []cgroup{version1(), version2()} {
		if c.dir == "" {
			continue
		}
		if release, err := c.try(); err == nil {
			release()
			return c
		}
	}
	return signals{}
}

// cgroup limits by a quota.
type cgroup struct {
	dir     string // of the control group this process is in
	version int
}

// version1 finds the group of the cpu controller, version2 the one group there is.
func version1() cgroup { return cgroup{find("cgroup", "cpu"), 1} }
func version2() cgroup { return cgroup{find("cgroup2", ""), 2} }

// find gives the directory of this process's group: where the hierarchy is
// mounted, and where in it the process is.
func find(kind, controller string) string {
	mount, own := "", ""
	lines("/proc/mounts", func(line string) {
		if f := strings.Fields(line); len(f) > 3 && f[2] == kind && (controller == "" || has(f[3], controller)) {
			mount = f[1]
		}
	})
	lines("/proc/self/cgroup", func(line string) {
		if f := strings.SplitN(line, ":", 3); len(f) == 3 && (controller == "" && f[1] == "" || controller != "" && has(f[1], controller)) {
			own = f[2]
		}
	})
	if mount == "" || own == "" {
		return ""
	}
	return filepath.Join(mount, own)
}

func has(list, word string) bool {
	for _, w := range strings.Split(list, ",") {
		if w == word {
			return true
		}
	}
	return false
}

func lines(file string, take func(string)) {
	f, err := os.Open(file)
	if err != nil {
		return
	}
	defer f.Close() //nolint:errcheck // read only
	for s := bufio.NewScanner(f); s.Scan(); {
		take(s.Text())
	}
}

func (c cgroup) how() string {
	return fmt.Sprintf("cgroup v%d, quota in periods of %v", c.version, period)
}

// try makes and removes a group.
func (c cgroup) try() (func(), error) { return c.group("try", 0.5) }

func (c cgroup) group(name string, share float64) (remove func(), err error) {
	dir := filepath.Join(c.dir, fmt.Sprintf("wattwerk-bench-%d-%s", os.Getpid(), name))
	if err := os.Mkdir(dir, 0o755); err != nil {
		return nil, err
	}
	remove = func() { _ = os.Remove(dir) }
	us := func(d float64) string { return strconv.FormatInt(int64(d)/1000, 10) }
	quota := us(float64(period) * share)
	files := map[string]string{"cpu.max": quota + " " + us(float64(period))}
	if c.version == 1 {
		files = map[string]string{"cpu.cfs_period_us": us(float64(period)), "cpu.cfs_quota_us": quota}
	}
	for f, v := range files {
		// A file that must be made is not the kernel's: O_CREATE is left out.
		if werr := write(filepath.Join(dir, f), v); werr != nil {
			err = errors.Join(err, werr)
		}
	}
	if err != nil {
		remove()
		return nil, err
	}
	return remove, nil
}

func write(file, text string) error {
	f, err := os.OpenFile(file, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	return errors.Join(err, f.Close())
}

func (c cgroup) limit(pid int, share float64) (func(), error) {
	name := strconv.Itoa(pid)
	remove, err := c.group(name, share)
	if err != nil {
		return nil, fmt.Errorf("limit process %d: %w", pid, err)
	}
	dir := filepath.Join(c.dir, fmt.Sprintf("wattwerk-bench-%d-%s", os.Getpid(), name))
	if err := write(filepath.Join(dir, "cgroup.procs"), name); err != nil {
		remove()
		return nil, fmt.Errorf("limit process %d: %w", pid, err)
	}
	return remove, nil // the process has ended by then, so the group is empty
}

// signals stops and continues a process in turn: coarse, but possible
// everywhere.
type signals struct{}

func (signals) how() string {
	return fmt.Sprintf("stopped and continued by signals in periods of %v", period)
}

func (signals) limit(pid int, share float64) (func(), error) {
	p, err := os.FindProcess(pid)
	if err != nil {
		return nil, err
	}
	done := make(chan struct{})
	var ended sync.WaitGroup
	ended.Go(func() {
		on := time.Duration(float64(period) * share)
		for {
			for _, turn := range []struct {
				signal syscall.Signal
				lasts  time.Duration
			}{{syscall.SIGCONT, on}, {syscall.SIGSTOP, period - on}} {
				if p.Signal(turn.signal) != nil {
					return
				}
				select {
				case <-done:
					_ = p.Signal(syscall.SIGCONT)
					return
				case <-time.After(turn.lasts):
				}
			}
		}
	})
	return func() { close(done); ended.Wait() }, nil
}

// cpuOf is the CPU time of a process so far: of its threads to the nanosecond,
// or to the hundredth of a second where the system does not say.
func cpuOf(pid int) time.Duration {
	var sum int64
	files, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", pid))
	for _, f := range files {
		lines(f, func(line string) {
			ns, _, _ := strings.Cut(line, " ")
			n, _ := strconv.ParseInt(ns, 10, 64)
			sum += n
		})
	}
	if sum > 0 {
		return time.Duration(sum)
	}
	lines(fmt.Sprintf("/proc/%d/stat", pid), func(line string) {
		// The name of the program, in brackets, may hold anything.
		if _, rest, ok := strings.Cut(line[max(0, strings.LastIndexByte(line, ')')):], " "); ok {
			if f := strings.Fields(rest); len(f) > 12 {
				user, _ := strconv.ParseInt(f[11], 10, 64)
				system, _ := strconv.ParseInt(f[12], 10, 64)
				sum = (user + system) * 10_000_000
			}
		}
	})
	return time.Duration(sum)
}
