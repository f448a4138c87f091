package linktest

import (
	"errors"
	"io"
	"net"
	"sync"
	"testing"
)

// Link passes connections on to an address, or does not.
type Link struct {
	t  *testing.T
	l  net.Listener
	to string

	mu      sync.Mutex
	flowing *sync.Cond
	cut     bool
	stalled bool
	ended   bool
	open    map[net.Conn]bool
	wg      sync.WaitGroup
}

// New makes a link to an address; the test ends it.
func New(t *testing.T, to string) *Link {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	k := &Link{t: t, l: l, to: to, open: make(map[net.Conn]bool)}
	k.flowing = sync.NewCond(&k.mu)
	k.wg.Go(k.accept)
	t.Cleanup(k.end)
	return k
}

// Addr is where the link begins.
func (k *Link) Addr() string { return k.l.Addr().String() }

// Cut ends all connections and refuses new ones.
func (k *Link) Cut() { k.set(true, false) }

// Stall lets connections stand and nothing through: both sides believe they
// are connected.
func (k *Link) Stall() { k.set(false, true) }

// Heal lets everything through.
func (k *Link) Heal() { k.set(false, false) }

func (k *Link) set(cut, stalled bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.cut, k.stalled = cut, stalled
	if cut {
		for c := range k.open {
			c.Close()
		}
	}
	k.flowing.Broadcast()
}

func (k *Link) end() {
	k.mu.Lock()
	k.ended, k.cut = true, true
	for c := range k.open {
		c.Close()
	}
	k.flowing.Broadcast()
	k.mu.Unlock()
	k.l.Close()
	k.wg.Wait()
}

func (k *Link) accept() {
	for {
		in, err := k.l.Accept()
		if err != nil {
			return
		}
		k.wg.Go(func() {
			defer in.Close()
			if !k.keep(in) {
				return
			}
			defer k.forget(in)
			out, err := net.Dial("tcp", k.to)
			if err != nil {
				return
			}
			defer out.Close()
			if !k.keep(out) {
				return
			}
			defer k.forget(out)
			var both sync.WaitGroup
			both.Go(func() { k.pass(out, in) })
			both.Go(func() { k.pass(in, out) })
			both.Wait()
		})
	}
}

// keep remembers a connection, unless the link is cut.
func (k *Link) keep(c net.Conn) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.cut {
		return false
	}
	k.open[c] = true
	return true
}

func (k *Link) forget(c net.Conn) {
	k.mu.Lock()
	defer k.mu.Unlock()
	delete(k.open, c)
}

func (k *Link) pass(to, from net.Conn) {
	defer to.Close()
	defer from.Close()
	buf := make([]byte, 32<<10)
	for {
		n, err := from.Read(buf)
		if err != nil && !errors.Is(err, io.EOF) {
			return
		}
		k.mu.Lock()
		for k.stalled && !k.cut && !k.ended {
			k.flowing.Wait()
		}
		k.mu.Unlock()
		if n > 0 {
			if _, err := to.Write(buf[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}
