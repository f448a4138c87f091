package e2e

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// binary is the program under test.
var binary string

func TestMain(m *testing.M) {
	code, err := build(m.Run)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// built names a program that was built already.
const built = "E2E_BINARY"

func build(run func() int) (int, error) {
	if binary = os.Getenv(built); binary != "" {
		return run(), nil
	}
	dir, err := os.MkdirTemp("", "wattwerk-e2e-")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(dir)
	binary = filepath.Join(dir, "wattwerk")
	out, err := exec.Command("go", "build", "-o", binary, "../cmd/wattwerk").CombinedOutput()
	if err != nil {
		return 0, fmt.Errorf("build: %w\n%s", err, out)
	}
	return run(), nil
}

// startWithin is how long a process may take until it says where it is.
const startWithin = 1 * time.Minute

// process is a running wattwerk.
type process struct {
	t     *testing.T
	cmd   *exec.Cmd
	dir   string
	url   string
	token string
	told  chan string   // where it answers, once it does
	ended chan struct{} // closed when it has ended
	began time.Time

	mu  sync.Mutex
	log bytes.Buffer
}

// start runs "wattwerk run" on the directory, on a free port, and returns when
// it answers. The test ends it.
func start(t *testing.T, dir string, args ...string) *process {
	t.Helper()
	p := launch(t, dir, nil, args...)
	p.ready()
	return p
}

// launch is start without waiting. The settings are environment variables.
func launch(t *testing.T, dir string, settings []string, args ...string) *process {
	t.Helper()
	return launchOn(t, nil, dir, settings, args...)
}

// launchOn is launch on another machine; enter is what goes before a command to
// run it there.
func launchOn(t *testing.T, enter []string, dir string, settings []string, args ...string) *process {
	t.Helper()
	all := append(enter[:len(enter):len(enter)], binary, "run", "--data", dir, "--addr", "127.0.0.1:0", "--mqtt", "off")
	all = append(all, args...)
	p := &process{t: t, dir: dir, cmd: exec.Command(all[0], all[1:]...), ended: make(chan struct{}), told: make(chan string, 1), began: time.Now()}
	p.cmd.Env = append(os.Environ(), settings...)
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	p.cmd.Stderr = p
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		for s := bufio.NewScanner(out); s.Scan(); {
			_, _ = p.Write(append(s.Bytes(), '\n'))
			if at, ok := strings.CutPrefix(strings.TrimSpace(s.Text()), "page and API"); ok {
				select {
				case p.told <- strings.TrimSpace(at):
				default: // it is said again when the modules start again
				}
			}
		}
		_ = p.cmd.Wait()
		close(p.ended)
	}()
	t.Cleanup(p.stop)
	return p
}

// ready returns when the process answers.
func (p *process) ready() {
	p.t.Helper()
	if p.url != "" {
		return
	}
	select {
	case p.url = <-p.told:
	case <-p.ended:
		p.t.Fatalf("wattwerk ended:\n%s", p.output())
	case <-time.After(startWithin):
		_ = p.cmd.Process.Signal(syscall.SIGQUIT) // it says what it waits for
		<-p.ended
		p.t.Fatalf("wattwerk did not start within %v:\n%s", startWithin, p.output())
	}
	var in struct{ Secret string }
	data, err := os.ReadFile(filepath.Join(p.dir, "instance.json"))
	if err == nil {
		err = json.Unmarshal(data, &in)
	}
	if err != nil {
		p.t.Fatal(err)
	}
	p.token = in.Secret
}

// Write collects what the process says.
func (p *process) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.log.Write(b)
}

func (p *process) output() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.log.String()
}

// stop ends the process as an operator would, and complains when that fails.
func (p *process) stop() {
	select {
	case <-p.ended:
		return
	default:
	}
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.ended:
	case <-time.After(60 * time.Second):
		// Where it hangs is in what it writes down before it ends.
		_ = p.cmd.Process.Signal(syscall.SIGQUIT)
		select {
		case <-p.ended:
		case <-time.After(10 * time.Second):
			p.kill()
		}
		out := p.output()
		p.t.Errorf("wattwerk did not stop within 60 s:\n%s", out[max(0, len(out)-100_000):])
		return
	}
	if code := p.cmd.ProcessState.ExitCode(); code != 0 && code != -1 {
		p.t.Errorf("wattwerk ended with exit code %d:\n%s", code, p.output())
	}
}

// kill ends the process as a power cut would.
func (p *process) kill() {
	_ = p.cmd.Process.Kill()
	<-p.ended
}

// call sends a request and decodes the JSON answer into v, which may be nil.
func (p *process) call(method, path string, body, v any) {
	p.t.Helper()
	if err := p.try(method, path, body, v); err != nil {
		p.t.Fatalf("%s %s: %v", method, path, err)
	}
}

func (p *process) try(method, path string, body, v any) error {
	a, err := p.send(method, path, nil, body)
	if err != nil {
		return err
	}
	if a.status/100 != 2 {
		return fmt.Errorf("%d: %s", a.status, a.body)
	}
	if v == nil {
		return nil
	}
	return json.Unmarshal(a.body, v)
}

// answer is what came back.
type answer struct {
	status int
	header http.Header
	body   []byte
}

// send sends a request. The body is text, a reader, or becomes JSON.
func (p *process) send(method, path string, header http.Header, body any) (answer, error) {
	var r io.Reader
	switch b := body.(type) {
	case nil:
	case string:
		r = strings.NewReader(b)
	case io.Reader:
		r = b
	default:
		data, err := json.Marshal(b)
		if err != nil {
			return answer{}, err
		}
		r = bytes.NewReader(data)
	}
	ctx, cancel := context.WithTimeout(p.t.Context(), 60*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, p.url+path, r)
	if err != nil {
		return answer{}, err
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if p.token != "" {
		req.Header.Set("Authorization", "Bearer "+p.token)
	}
	for k, v := range header {
		req.Header[k] = v
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return answer{}, err
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	return answer{resp.StatusCode, resp.Header, data}, err
}

// run runs a command of the program on the same directory.
func (p *process) run(args ...string) string {
	p.t.Helper()
	out, err := command(p.t, append(args, "--data", p.dir)...)
	if err != nil {
		p.t.Fatalf("wattwerk %s: %v", strings.Join(args, " "), err)
	}
	return out
}

// command runs the program until it ends and gives what it wrote.
func command(t *testing.T, args ...string) (string, error) {
	cmd := exec.CommandContext(t.Context(), binary, args...)
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		return string(out), fmt.Errorf("%w: %s", err, errs.String())
	}
	return string(out), nil
}

// errEnough ends a stream that has given what was asked.
var errEnough = errors.New("enough")

// events follows the stream of live events until f says errEnough, or the
// deadline has passed.
func (p *process) events(query string, within time.Duration, f func(event string, data []byte) error) error {
	ctx, cancel := context.WithTimeout(p.t.Context(), within)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, p.url+"/api/v1/stream"+query, nil)
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+p.token)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return errors.New(resp.Status)
	}
	event := ""
	s := bufio.NewScanner(resp.Body)
	s.Buffer(nil, 16<<20)
	for s.Scan() {
		if name, ok := strings.CutPrefix(s.Text(), "event: "); ok {
			event = name
		}
		if data, ok := strings.CutPrefix(s.Text(), "data: "); ok {
			if err := f(event, []byte(data)); err != nil {
				return err
			}
		}
	}
	return fmt.Errorf("the stream ended: %w", s.Err())
}

// ticks is one event of the stream.
type ticks struct {
	Hierarchy   string     `json:"hierarchy"`
	T           int64      `json:"t"`
	Group       []string   `json:"group"`
	Sum         []*float64 `json:"sum"`
	Count       []int      `json:"count"`
	Total       []int      `json:"total"`
	Meter       []*float64 `json:"meter"`
	Unaccounted []*float64 `json:"unaccounted"`
}
