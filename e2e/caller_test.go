package e2e

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"testing"
	"time"
)

// door is where something is taken, and the token of who may bring it.
type door struct {
	url   string
	token func() string
}

// A caller waits so long for its answer before it tries elsewhere: not long at
// first, and longer each time, in case that all is slow. What was accepted all the
// same is asked for twice.
const (
	answerWithin = 3 * time.Second
	answerMost   = 60 * time.Second
)

// caller is a program that has its time. At a door where it hears no it takes the
// next one, and stays there.
type caller struct {
	t      *testing.T
	client *http.Client
	doors  []door
	at     int
}

// wish is what a caller wants done.
type wish struct {
	method, path string
	header       http.Header
	body         []byte
	also         int // a status that says that it is done besides: that of asking twice
}

// insist asks until it is done. An error says that it was refused for good.
func (c *caller) insist(a wish) error {
	for within := answerWithin; ; within = min(2*within, answerMost) {
		done, err := c.ask(a, within)
		if err != nil {
			return fmt.Errorf("%s %s: %w", a.method, a.path, err)
		}
		if done {
			return nil
		}
		c.at = (c.at + 1) % len(c.doors)
		if err := c.rest(); err != nil {
			return err
		}
	}
}

func (c *caller) rest() error {
	select {
	case <-time.After(20 * time.Millisecond): // as a program does
	case <-c.t.Context().Done():
	}
	return c.t.Context().Err()
}

// ask asks once. Not done and no error: it is worth another try.
func (c *caller) ask(a wish, within time.Duration) (bool, error) {
	ctx, cancel := context.WithTimeout(c.t.Context(), within)
	defer cancel()
	d := c.doors[c.at]
	req, err := http.NewRequestWithContext(ctx, a.method, d.url+a.path, bytes.NewReader(a.body))
	if err != nil {
		return false, err
	}
	for k, v := range a.header {
		req.Header[k] = v
	}
	req.Header.Set("Authorization", "Bearer "+d.token())
	resp, err := c.client.Do(req)
	if err != nil {
		return false, nil //nolint:nilerr // nobody is there, or on the way
	}
	defer resp.Body.Close()
	said, _ := io.ReadAll(resp.Body)
	switch resp.StatusCode {
	case http.StatusOK, http.StatusCreated, http.StatusNoContent, a.also:
		return true, nil
	case http.StatusTooManyRequests, http.StatusServiceUnavailable, http.StatusRequestTimeout:
		return false, nil
	case http.StatusUnauthorized: // it has begun anew, and so has its token
		return false, nil
	}
	return false, fmt.Errorf("%s: %s", resp.Status, said)
}
