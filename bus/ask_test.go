package bus

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"
)

// TestAskAll: all processes that answer are heard, as long as they are wanted;
// one that cannot answer, or has ended, is missing, and is not waited for longer
// than the time given.
func TestAskAll(t *testing.T) {
	b := open(t, Options{Listen: "127.0.0.1:0"})
	other, err := Open(t.Context(), Options{URL: "nats://" + b.ListenAddr()})
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	ask := func(within time.Duration, enough int) (heard []string) {
		ctx, cancel := context.WithTimeout(t.Context(), within)
		defer cancel()
		err := other.AskAll(ctx, "how", func(data []byte) bool {
			heard = append(heard, string(data))
			return len(heard) == enough
		})
		if err != nil {
			t.Error(err)
		}
		slices.Sort(heard)
		return heard
	}
	if got := ask(100*time.Millisecond, 1); len(got) != 0 {
		t.Errorf("%v answered of nobody", got)
	}
	ctx, end := context.WithCancel(t.Context())
	ended := make(chan error, 3)
	for _, x := range []struct {
		b    *Bus
		says string
		err  error
	}{{b, "one", nil}, {other, "two", nil}, {b, "", errors.New("it has nothing to say")}} {
		go func() {
			ended <- x.b.Answer(ctx, "how", func(context.Context) ([]byte, error) { return []byte(x.says), x.err })
		}()
	}
	for both := []string{"one", "two"}; !slices.Equal(ask(time.Second, 2), both); { // until both listen
		if t.Context().Err() != nil {
			t.Fatal("they do not answer")
		}
	}
	if got := ask(time.Minute, 1); len(got) != 1 {
		t.Errorf("%v answered, of which one was enough", got)
	}
	if got := ask(200*time.Millisecond, 3); !slices.Equal(got, []string{"one", "two"}) {
		t.Errorf("%v answered until the time was up", got)
	}
	end()
	for range 3 {
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
	if got := ask(100*time.Millisecond, 1); len(got) != 0 {
		t.Errorf("%v answered after all had ended", got)
	}
}
