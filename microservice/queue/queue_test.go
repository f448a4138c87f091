package queue_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/wattwerk/wattwerk/microservice/queue"
	"github.com/wattwerk/wattwerk/record"
)

const quarter = 15 * 60_000

func work(service string, n int) queue.Work {
	return queue.Work{Microservice: "load", Key: queue.Key{Service: service, From: record.Millis(n * quarter), To: record.Millis((n + 1) * quarter)}}
}

// TestScenarioR3: the data of a microservice return after two hours. Its eight quarters
// of an hour are done once each, the oldest first, although they are asked for in
// any order, twice, and again while they are done; more than fits is refused and counted.
func TestScenarioR3(t *testing.T) {
	q := queue.New(queue.Options{Size: 8})
	for _, n := range []int{3, 1, 2, 0, 7, 5, 6, 4} {
		if o, err := q.Add(work("S1", n)); o != queue.Added || err != nil {
			t.Fatal(o, err)
		}
		if o, err := q.Add(work("S1", n)); o != queue.Known || err != nil {
			t.Fatal(o, err)
		}
	}
	if o, err := q.Add(work("S1", 8)); o != queue.Refused || !errors.Is(err, queue.ErrFull) {
		t.Fatal(o, err)
	}
	var done []int
	for {
		taken := q.Take("load", 3)
		if len(taken) == 0 {
			break
		}
		for i, w := range taken {
			if o, _ := q.Add(w); o != queue.Known {
				t.Fatalf("added again while it is done: %s", o)
			}
			if i == 2 && w.Tries == 1 { // the data go away again
				if !q.Return("load", w.Key) {
					t.Fatal("not returned")
				}
				continue
			}
			if !q.Done("load", w.Key) || q.Done("load", w.Key) {
				t.Fatal("done once, and once only")
			}
			done = append(done, int(w.From/quarter))
			if o, _ := q.Add(w); o != queue.WasDone {
				t.Fatalf("added again after it was done: %s", o)
			}
		}
	}
	if !slices.Equal(done, []int{0, 1, 2, 3, 4, 5, 6, 7}) {
		t.Errorf("done in the order %v", done)
	}
	c := q.Counts("load")
	if c.Added != 8 || c.Done != 8 || c.Refused != 1 || c.Waiting+c.InWork != 0 {
		t.Errorf("counts are %+v", c)
	}
}

func TestInvalidWork(t *testing.T) {
	q := queue.New(queue.Options{})
	for _, spoil := range []func(w *queue.Work){
		func(w *queue.Work) { w.Service = "" }, func(w *queue.Work) { w.Microservice = "" }, func(w *queue.Work) { w.To = w.From },
		func(w *queue.Work) { w.Note = make([]byte, queue.MaxNote+1) },
	} {
		w := work("S1", 1)
		spoil(&w)
		if o, err := q.Add(w); o != queue.Refused || !errors.Is(err, queue.ErrInvalid) {
			t.Error(o, err)
		}
	}
	if q.Done("other", work("S1", 1).Key) || q.Return("other", work("S1", 1).Key) || q.Take("other", 1) != nil {
		t.Error("there is work of a microservice that has none")
	}
}

// TestAgainstNaive compares random operations with a plain list.
func TestAgainstNaive(t *testing.T) {
	type piece struct {
		w     queue.Work
		state string
	}
	for seed := range uint64(50) {
		r := rand.New(rand.NewPCG(seed, 2))
		q := queue.New(queue.Options{Size: 6, Done: 5})
		var all []*piece // in the order of becoming done for those done
		var doneOrder []queue.Key
		find := func(k queue.Key) *piece {
			for _, p := range all {
				if p.w.Key == k {
					return p
				}
			}
			return nil
		}
		held := func() (n int) {
			for _, p := range all {
				if p.state != "done" {
					n++
				}
			}
			return n
		}
		for range 600 {
			k := work(fmt.Sprint("S", r.IntN(2)), r.IntN(8))
			switch r.IntN(4) {
			case 0:
				o, _ := q.Add(k)
				p := find(k.Key)
				want := queue.Added
				switch {
				case p != nil && p.state == "done":
					want = queue.WasDone
				case p != nil:
					want = queue.Known
				case held() >= 6:
					want = queue.Refused
				default:
					all = append(all, &piece{k, "waits"})
				}
				if o != want {
					t.Fatalf("add is %s, want %s", o, want)
				}
			case 1:
				var waiting []*piece
				for _, p := range all {
					if p.state == "waits" {
						waiting = append(waiting, p)
					}
				}
				slices.SortFunc(waiting, func(a, b *piece) int {
					return int(a.w.From-b.w.From)*10 + int(a.w.Service[1]) - int(b.w.Service[1])
				})
				n := r.IntN(3)
				got := q.Take("load", n)
				if len(got) != min(n, len(waiting)) {
					t.Fatalf("took %d of %d", len(got), len(waiting))
				}
				for i, g := range got {
					if g.Key != waiting[i].w.Key {
						t.Fatalf("took %v, want %v", g.Key, waiting[i].w.Key)
					}
					waiting[i].state = "works"
				}
			case 2:
				p := find(k.Key)
				want := p != nil && p.state == "works"
				if got := q.Done("load", k.Key); got != want {
					t.Fatalf("done is %v, want %v", got, want)
				}
				if want {
					p.state = "done"
					if doneOrder = append(doneOrder, k.Key); len(doneOrder) > 5 {
						old := doneOrder[0]
						doneOrder = doneOrder[1:]
						all = slices.DeleteFunc(all, func(p *piece) bool { return p.w.Key == old })
					}
				}
			case 3:
				p := find(k.Key)
				want := p != nil && p.state == "works"
				if got := q.Return("load", k.Key); got != want {
					t.Fatalf("return is %v, want %v", got, want)
				}
				if want {
					p.state = "waits"
				}
			}
			if c := q.Counts("load"); c.Waiting+c.InWork != held() || c.Waiting+c.InWork > 6 {
				t.Fatalf("counts are %+v, want %d held", c, held())
			}
		}
	}
}
