package access

import (
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"time"
)

// limiter bounds how often sign-in is tried: per user and address, per
// address, and per user from anywhere. Each is a bucket that holds some
// attempts and refills slowly; a right password gives its attempt back.
type limiter struct {
	mu      sync.Mutex
	buckets map[string]*bucket
}

type bucket struct {
	left float64
	at   time.Time
	size float64
	per  time.Duration // one attempt comes back this often
}

const bucketLimit = 20_000

func newLimiter() *limiter { return &limiter{buckets: make(map[string]*bucket)} }

type rule struct {
	key  string
	size float64
	per  time.Duration
}

func rules(name, remote string) []rule {
	name, remote = strings.ToLower(name), network(remote)
	if len(name) > maxName {
		name = name[:maxName]
	}
	return []rule{
		{"both " + remote + " " + name, 8, 30 * time.Second},
		{"from " + remote, 60, 6 * time.Second},
		{"user " + name, 120, 6 * time.Second},
	}
}

// network folds an IPv6 address to its /64, because one host has all of it.
func network(remote string) string {
	a, err := netip.ParseAddr(remote)
	if err != nil {
		if ap, err := netip.ParseAddrPort(remote); err == nil {
			a = ap.Addr()
		} else {
			return remote
		}
	}
	a = a.Unmap()
	if a.Is6() {
		if p, err := a.WithZone("").Prefix(64); err == nil {
			return p.String()
		}
	}
	return a.String()
}

// take uses up one attempt. The error wraps ErrTooMany and says how long to wait.
func (l *limiter) take(now time.Time, name, remote string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.buckets) > bucketLimit {
		l.prune(now)
	}
	rs := rules(name, remote)
	for _, r := range rs {
		b := l.bucket(now, r)
		if b.left < 1 {
			wait := time.Duration((1 - b.left) * float64(b.per)).Round(time.Second)
			return &TooMany{After: max(wait, time.Second)}
		}
	}
	for _, r := range rs {
		l.buckets[r.key].left--
	}
	return nil
}

func (l *limiter) giveBack(now time.Time, name, remote string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, r := range rules(name, remote) {
		b := l.bucket(now, r)
		b.left = min(b.size, b.left+1)
	}
}

func (l *limiter) bucket(now time.Time, r rule) *bucket {
	b, ok := l.buckets[r.key]
	if !ok {
		b = &bucket{left: r.size, at: now, size: r.size, per: r.per}
		l.buckets[r.key] = b
		return b
	}
	if d := now.Sub(b.at); d > 0 {
		b.left = min(b.size, b.left+float64(d)/float64(b.per))
		b.at = now
	}
	return b
}

// prune drops the buckets that are full again, or all when that is not enough:
// memory is bounded before attempts are.
func (l *limiter) prune(now time.Time) {
	for k, b := range l.buckets {
		if b.left+float64(now.Sub(b.at))/float64(b.per) >= b.size {
			delete(l.buckets, k)
		}
	}
	if len(l.buckets) > bucketLimit {
		clear(l.buckets)
	}
}

// TooMany is the error of somebody who tried too often.
type TooMany struct{ After time.Duration }

// Error says how long to wait.
func (e *TooMany) Error() string {
	return fmt.Sprintf("%v: try again in %v", ErrTooMany, e.After)
}

// Unwrap makes it an ErrTooMany.
func (e *TooMany) Unwrap() error { return ErrTooMany }
