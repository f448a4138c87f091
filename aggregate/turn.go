package aggregate

import "sync"

// turn is the lock of a part's engine. Whoever holds it may have to wait for the
// bus, or for others who are behind, for as long as it takes; who only wants to
// look does not wait for that.
type turn struct {
	mu    sync.Mutex
	moved *sync.Cond
	taken bool
	stuck bool // the holder waits
}

func newTurn() *turn {
	t := new(turn)
	t.moved = sync.NewCond(&t.mu)
	return t
}

func (t *turn) lock() {
	t.mu.Lock()
	defer t.mu.Unlock()
	for t.taken {
		t.moved.Wait()
	}
	t.taken = true
}

// try locks unless the holder is stuck.
func (t *turn) try() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	for t.taken {
		if t.stuck {
			return false
		}
		t.moved.Wait()
	}
	t.taken = true
	return true
}

func (t *turn) unlock() {
	t.mu.Lock()
	t.taken, t.stuck = false, false
	t.moved.Broadcast()
	t.mu.Unlock()
}

// wait is what the holder says before and after it waits.
func (t *turn) wait(stuck bool) {
	t.mu.Lock()
	t.stuck = stuck && t.taken
	t.moved.Broadcast()
	t.mu.Unlock()
}

// waits tells whether the holder is stuck.
func (t *turn) waits() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.stuck
}
