package app

import (
	"fmt"
	"io"
	"os"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"
)

// progress shows how far long work has come, if somebody is watching.
type progress struct {
	n   int64
	bar *progressbar.ProgressBar
}

// newProgress begins; total is in bytes, 0 when unknown. On anything but a
// terminal it shows nothing and only counts.
func newProgress(sys IO, what string, total int64) *progress {
	f, ok := sys.Err.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return &progress{}
	}
	if total == 0 {
		total = -1
	}
	return &progress{bar: progressbar.NewOptions64(total,
		progressbar.OptionSetDescription(what), progressbar.OptionSetWriter(f), progressbar.OptionShowBytes(true),
		progressbar.OptionThrottle(100*time.Millisecond), progressbar.OptionSetWidth(30), progressbar.OptionClearOnFinish(),
	)}
}

// newCountdown does the same for things that are counted one by one.
func newCountdown(sys IO, what string, total int) *progress {
	p := newProgress(sys, what, int64(total))
	if p.bar != nil {
		progressbar.OptionShowBytes(false)(p.bar)
		progressbar.OptionShowCount()(p.bar)
	}
	return p
}

// add counts n more.
func (p *progress) add(n int) {
	if p.n += int64(n); p.bar != nil {
		_ = p.bar.Add(n)
	}
}

// Write counts, and never fails.
func (p *progress) Write(b []byte) (int, error) {
	p.n += int64(len(b))
	if p.bar != nil {
		_ = p.bar.Add(len(b))
	}
	return len(b), nil
}

func (p *progress) end() {
	if p.bar != nil {
		_ = p.bar.Finish()
	}
}

var _ io.Writer = (*progress)(nil)

// byteCount is for people.
func byteCount(n int64) string {
	f, unit := float64(n), "B"
	for _, u := range []string{"kB", "MB", "GB", "TB"} {
		if f < 1000 {
			break
		}
		f, unit = f/1000, u
	}
	if unit == "B" {
		return fmt.Sprintf("%d B", n)
	}
	return fmt.Sprintf("%.1f %s", f, unit)
}
