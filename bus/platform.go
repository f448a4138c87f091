package bus

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"strconv"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// FreeBytes is how much may still be written to the disk of a directory.
func FreeBytes(dir string) (int64, error) {
	free, _, err := DiskBytes(dir)
	return free, err
}

// DiskBytes is how much may still be written to the disk of a directory, and
// how large that disk is.
func DiskBytes(dir string) (free, size int64, err error) {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return 0, 0, err
	}
	return int64(st.Bavail) * int64(st.Bsize), int64(st.Blocks) * int64(st.Bsize), nil
}

func splitHostPort(addr string) (string, int, error) {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return "", 0, fmt.Errorf("address %q: %w", addr, err)
	}
	n, err := strconv.Atoi(port)
	if err != nil || n < 0 || n > 65535 {
		return "", 0, fmt.Errorf("address %q: the port is not a number from 0 to 65535", addr)
	}
	if n == 0 {
		n = -1 // NATS: any free port
	}
	return host, n, nil
}

// natsLog hands the server's words to slog; its notices are our debug. A
// client that does what it may not is worth a line, but not one each time.
type natsLog struct {
	log *slog.Logger

	mu     sync.Mutex
	second int64
	lines  int // in that second
}

const linesASecond = 20

func (l *natsLog) say(level slog.Level, f string, v []any) {
	now := time.Now().Unix()
	l.mu.Lock()
	if now != l.second {
		if left := l.lines - linesASecond; left > 0 {
			l.log.Warn("nats said more", "lines", left)
		}
		l.second, l.lines = now, 0
	}
	l.lines++
	quiet := l.lines > linesASecond
	l.mu.Unlock()
	if !quiet {
		l.log.Log(context.Background(), level, "nats", "says", fmt.Sprintf(f, v...))
	}
}

func (l *natsLog) Noticef(f string, v ...any) { l.log.Debug("nats", "says", fmt.Sprintf(f, v...)) }
func (l *natsLog) Warnf(f string, v ...any)   { l.say(slog.LevelWarn, f, v) }
func (l *natsLog) Fatalf(f string, v ...any)  { l.say(slog.LevelError, f, v) }
func (l *natsLog) Errorf(f string, v ...any)  { l.say(slog.LevelError, f, v) }
func (l *natsLog) Debugf(string, ...any)      {}
func (l *natsLog) Tracef(string, ...any)      {}
