package e2e

import (
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// TestSecondProcessIsRefused starts a second process on a directory, and
// another one after the first was killed.
func TestSecondProcessIsRefused(t *testing.T) {
	p := start(t, t.TempDir())
	_, err := command(t, "run", "--data", p.dir, "--addr", "127.0.0.1:0", "--mqtt", "off")
	var exit *exec.ExitError
	sentence := fmt.Sprintf("the data directory %s is in use by process %d; stop that one first", p.dir, p.cmd.Process.Pid)
	if !errors.As(err, &exit) || exit.ExitCode() != 3 || !strings.Contains(err.Error(), sentence) {
		t.Errorf("%v, must be exit code 3 and %q", err, sentence)
	}
	p.call("POST", "/api/v1/ingest/json", `{"sensor":"desk","value":1}`, nil)
	p.kill()
	start(t, p.dir).call("POST", "/api/v1/ingest/json", `{"sensor":"desk","value":2}`, nil)
}

// TestStoppedWhileItStarts ends a process that waits for a NATS that is not
// there: it was told to, so that is no failure, and it does not wait on.
func TestStoppedWhileItStarts(t *testing.T) {
	p := launch(t, t.TempDir(), nil, "--nats", "nats://127.0.0.1:1")
	eventually(t, startWithin, func() error {
		if !strings.Contains(p.output(), "waiting for NATS") {
			return fmt.Errorf("it does not say what it waits for:\n%s", p.output())
		}
		return nil
	})
	began := time.Now()
	p.stop() // complains of an exit code
	if took := time.Since(began); took > 30*time.Second {
		t.Errorf("it took %v", took)
	}
}
