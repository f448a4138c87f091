package app

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"runtime"
	"strconv"
	"sync"
	"time"

	"github.com/wattwerk/wattwerk/edge/visit"
)

// mostLines is how many lines of its log a device shows from afar.
const mostLines = 500

// lastLines keeps the last lines of a log.
type lastLines struct {
	mu  sync.Mutex
	all [][]byte
}

func (l *lastLines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.all) == mostLines {
		l.all = append(l.all[:0], l.all[1:]...)
	}
	l.all = append(l.all, bytes.Clone(p[:min(len(p), 2000)]))
	return len(p), nil
}

func (l *lastLines) last(n int) []byte {
	l.mu.Lock()
	defer l.mu.Unlock()
	return bytes.Join(l.all[max(0, len(l.all)-n):], nil)
}

// diagnoses are what those who look after the survey may do. None shows who lives here, what was measured, or a secret.
func (d *device) diagnoses(e EdgeConfig, said *lastLines) []visit.Command {
	began := time.Now()
	return []visit.Command{
		visit.JSON("status", "whether it measures, what waits to be sent, how its meters are", func() any { return d.Status() }),
		visit.JSON("incidents", "what is wrong", func() any { return d.Status().Sender.Incidents }),
		visit.JSON("config", "its settings; secrets are in files that are only named", func() any { return e }),
		visit.JSON("machine", "memory, version and how long the program has run", func() any {
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			return map[string]any{
				"version": Version(), "go": runtime.Version(), "system": runtime.GOOS + "/" + runtime.GOARCH, "memoryBytes": m.Sys - m.HeapReleased,
				"goroutines": runtime.NumGoroutine(), "up": time.Since(began).Round(time.Second).String(), "now": time.Now().UTC(),
			}
		}),
		{Name: "log", Help: "the last lines of its log: log [LINES]", Run: func(_ context.Context, args []string, out io.Writer) error {
			n := 100
			if len(args) > 0 {
				var err error
				if n, err = strconv.Atoi(args[0]); err != nil || n < 1 || n > mostLines {
					return fmt.Errorf("between 1 and %d lines can be shown", mostLines)
				}
			}
			_, err := out.Write(said.last(n))
			return err
		}},
		{Name: "send", Help: "send what waits now", Run: func(_ context.Context, _ []string, out io.Writer) error {
			d.Flush()
			_, err := fmt.Fprintln(out, "it is being sent")
			return err
		}},
	}
}
