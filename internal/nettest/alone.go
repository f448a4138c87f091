package nettest

import (
	"bufio"
	"errors"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"testing"
	"time"
)

// inside names the test that a process was started for.
const inside = "NETTEST_INSIDE"

// least is how much sooner than the whole the test inside runs out of time: it
// has to say where it stands.
const least = 20 * time.Second

// Alone tells whether the test has a network of its own. When it has not, Alone
// runs it once more in a process that has, with the same flags, hands on what that
// says and how it ends, and gives false: nothing is left to do. The environment
// of that process has more besides. It fails the test where the system allows
// no namespaces.
func Alone(t *testing.T, more ...string) bool {
	t.Helper()
	if os.Getenv(inside) == t.Name() {
		run(t, nil, "ip", "link", "set", "lo", "up")
		return true
	}
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	// Of two equal flags the last counts.
	args := append(os.Args[1:len(os.Args):len(os.Args)], "-test.run=^"+t.Name()+"$", "-test.v", "-test.count=1", "-test.testlogfile=")
	if end, ok := t.Deadline(); ok {
		args = append(args, "-test.timeout="+max(time.Second, time.Until(end)-least).String())
	}
	// The process dies with the thread that started it, and that is to be at the
	// end of this one.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	start := func(attr *syscall.SysProcAttr) (*exec.Cmd, error) {
		cmd := exec.Command(program, args...)
		cmd.Env = append(append(os.Environ(), inside+"="+t.Name()), more...)
		cmd.SysProcAttr = attr
		cmd.SysProcAttr.Pdeathsig = syscall.SIGKILL
		out, err := cmd.StdoutPipe()
		if err != nil {
			return nil, err
		}
		cmd.Stderr = cmd.Stdout
		if err := cmd.Start(); err != nil {
			return nil, err
		}
		s := bufio.NewScanner(out)
		s.Buffer(nil, 16<<20)
		for s.Scan() {
			t.Log(s.Text())
		}
		return cmd, s.Err()
	}
	cmd, err := start(&syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET})
	if errors.Is(err, syscall.EPERM) {
		cmd, err = start(&syscall.SysProcAttr{
			Cloneflags:  syscall.CLONE_NEWNET | syscall.CLONE_NEWUSER,
			UidMappings: []syscall.SysProcIDMap{{HostID: os.Getuid(), Size: 1}},
			GidMappings: []syscall.SysProcIDMap{{HostID: os.Getgid(), Size: 1}},
		})
	}
	if err != nil && cmd == nil {
		t.Fatalf("this test cuts links between network namespaces, and the system lets it make none (%v): run it as root, or allow unprivileged user namespaces", err)
	}
	if err := errors.Join(err, cmd.Wait()); err != nil {
		t.Fatalf("in a network of its own: %v", err)
	}
	return false
}
