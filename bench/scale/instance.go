package scale

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"github.com/wattwerk/wattwerk/internal/datadir"
)

// instance is one processing process.
type instance struct {
	dir     string
	cmd     *exec.Cmd
	said    tail
	release func()
	ended   chan struct{} // closed when the process has ended
	in      datadir.Instance
}

// tail keeps the end of what a process says.
type tail struct {
	mu   sync.Mutex
	text []byte
}

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.text = append(t.text, p...)
	if n := len(t.text); n > 4000 {
		t.text = append(t.text[:0], t.text[n-2000:]...)
	}
	return len(p), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(bytes.TrimSpace(t.text))
}

// launch starts an instance; it is not ready yet.
func (r *runner) launch(n int, dir string) (*instance, error) {
	x := &instance{dir: filepath.Join(dir, fmt.Sprint("instance", n)), ended: make(chan struct{})}
	args := append(r.opts.Command[1:len(r.opts.Command):len(r.opts.Command)],
		"run", "--modules", "aggregate", "--nats", r.url, "--data", x.dir, "--addr", "127.0.0.1:0", "--log-level", "warn")
	x.cmd = exec.Command(r.opts.Command[0], args...)
	// One thread of Go's at a time: two of them would use the share of a period
	// up at once and stand still for the rest of it.
	x.cmd.Env = append(append(os.Environ(), "GOMAXPROCS=1"), r.opts.Env...)
	x.cmd.Stderr = &x.said
	if err := x.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start instance %d: %w", n, err)
	}
	go func() {
		_ = x.cmd.Wait() // how it ended shows in what it said
		close(x.ended)
	}()
	var err error
	if x.release, err = r.limiter.limit(x.cmd.Process.Pid, r.opts.Share); err != nil {
		x.release = func() {}
		return nil, errors.Join(err, x.stop())
	}
	return x, nil
}

// ready waits until the instance answers.
func (x *instance) ready(ctx context.Context) error {
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		if in, err := datadir.Running(x.dir); err == nil {
			x.in = in
			if x.get(ctx, "/readyz", nil) == nil {
				return nil
			}
		}
		select {
		case <-x.ended:
			return fmt.Errorf("an instance ended before it was ready: %s", &x.said)
		case <-ctx.Done():
			return fmt.Errorf("an instance is not ready: %w; %s", ctx.Err(), &x.said)
		case <-tick.C:
		}
	}
}

// get asks the instance.
func (x *instance) get(ctx context.Context, path string, answer any) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, x.in.URL+path, nil)
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+x.in.Secret)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", path, resp.Status)
	}
	if answer == nil {
		return nil
	}
	return json.NewDecoder(resp.Body).Decode(answer)
}

// stopWithin is how long an instance may take to end by itself.
const stopWithin = 15 * time.Second

// stop ends the instance and returns when it is gone.
func (x *instance) stop() error {
	defer func() {
		x.release()
		http.DefaultClient.CloseIdleConnections()
	}()
	_ = x.cmd.Process.Signal(syscall.SIGTERM) // it may have ended
	select {
	case <-x.ended:
		return nil
	case <-time.After(stopWithin):
	}
	_ = x.cmd.Process.Kill()
	<-x.ended
	return fmt.Errorf("an instance did not stop within %v: %s", stopWithin, &x.said)
}
