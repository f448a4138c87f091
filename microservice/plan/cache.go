package plan

import (
	"sync"
	"time"

	"github.com/wattwerk/wattwerk/object"
	"github.com/wattwerk/wattwerk/record"
)

// CacheKey is what was asked for.
type CacheKey struct {
	SID, Domain string
	Subject     object.ID
	More        string // whatever else makes a difference: the interval, an aggregation
}

// CacheOptions say how long things are kept. What is 0 has its default.
type CacheOptions struct {
	Fresh time.Duration // as new: the interval of reports; default 15 s
	Stale time.Duration // longer by so much it may be used while it is made again; default 45 s
	Error time.Duration // so old it may be used when it cannot be made again: the horizon of virtual values; default 1 h
	Most  int           // entries; default 4096
}

// Freshness says how good an answer is.
type Freshness string

// How good an answer can be.
const (
	Fresh      Freshness = "fresh"
	Revalidate Freshness = "stale-while-revalidate" // to be used, and made again
	OnError    Freshness = "stale-if-error"         // only because nothing better can be had; to be marked
)

// Cache keeps answers of one epoch. It may be used by many at once.
type Cache[T any] struct {
	opts CacheOptions

	mu      sync.Mutex
	entries map[CacheKey]*cached[T]
	ring    []CacheKey // in the order of their coming
	next    int
}

type cached[T any] struct {
	epoch, states uint64
	at            record.Millis
	value         T
}

// NewCache makes an empty cache.
func NewCache[T any](o CacheOptions) *Cache[T] {
	if o.Fresh <= 0 {
		o.Fresh = 15 * time.Second
	}
	if o.Stale <= 0 {
		o.Stale = 45 * time.Second
	}
	if o.Error <= 0 {
		o.Error = time.Hour
	}
	if o.Most <= 0 {
		o.Most = 4096
	}
	return &Cache[T]{opts: o, entries: make(map[CacheKey]*cached[T])}
}

// Get gives what was kept in the same epochs, fresh or to be made again. What was
// made in another epoch is not given: see [Cache.GetOnError].
func (c *Cache[T]) Get(k CacheKey, epoch, states uint64, now record.Millis) (value T, f Freshness, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e := c.entries[k]
	if e == nil || e.epoch != epoch || e.states != states {
		return value, "", false
	}
	switch age := time.Duration(now-e.at) * time.Millisecond; {
	case age < c.opts.Fresh:
		return e.value, Fresh, true
	case age < c.opts.Fresh+c.opts.Stale:
		return e.value, Revalidate, true
	}
	return value, "", false
}

// GetOnError gives what was kept in any epoch, for when nothing better can be had, as
// long as it is not older than the horizon. When it is from says how old it is.
func (c *Cache[T]) GetOnError(k CacheKey, now record.Millis) (value T, from record.Millis, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e := c.entries[k]
	if e == nil || time.Duration(now-e.at)*time.Millisecond > c.opts.Error {
		return value, 0, false
	}
	return e.value, e.at, true
}

// Put keeps an answer. The one that came first goes when there are too many.
func (c *Cache[T]) Put(k CacheKey, epoch, states uint64, now record.Millis, value T) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, there := c.entries[k]; !there {
		if len(c.ring) < c.opts.Most {
			c.ring = append(c.ring, k)
		} else {
			delete(c.entries, c.ring[c.next])
			c.ring[c.next] = k
			c.next = (c.next + 1) % len(c.ring)
		}
	}
	c.entries[k] = &cached[T]{epoch, states, now, value}
}

// Len is how many answers are kept.
func (c *Cache[T]) Len() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.entries)
}
