package survey_test

import (
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/wattwerk/wattwerk/survey/client"
	"github.com/wattwerk/wattwerk/survey/household"
)

// releases stands in for a repository.
type releases struct{}

func (releases) Metadata(name string) ([]byte, error) {
	switch name {
	case "timestamp.json":
		return []byte(`{"signed":{}}`), nil
	case "broken.json":
		return nil, errors.New("the disk is broken")
	}
	return nil, fs.ErrNotExist
}

func (releases) Program(name string, offset int64) ([]byte, error) {
	if name != strings.Repeat("0", 64)+".wattwerk-1.4.0+x-linux-arm64" {
		return nil, fs.ErrNotExist
	}
	return fmt.Appendf(nil, "\x7fELF from %d", offset), nil
}

func (releases) Renew() (time.Duration, error) { return time.Hour, nil }

// TestUpdates: devices get updates as they are; nobody else does.
func TestUpdates(t *testing.T) {
	w := start(t, sqlite(t))
	c, h, _ := w.device()
	ctx := t.Context()
	if data, err := c.UpdateMetadata(ctx, "timestamp.json"); string(data) != `{"signed":{}}` || err != nil {
		t.Errorf("%q, %v", data, err)
	}
	program := strings.Repeat("0", 64) + ".wattwerk-1.4.0+x-linux-arm64"
	if data, err := c.UpdateProgram(ctx, program, 1<<20); string(data) != "\x7fELF from 1048576" || err != nil {
		t.Errorf("%q, %v", data, err)
	}
	for _, name := range []string{"2.root.json", "../timestamp.json", "timestamp.key"} {
		if data, err := c.UpdateMetadata(ctx, name); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: %q, %v", name, data, err)
		}
	}
	if data, err := c.UpdateProgram(ctx, "x", 0); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%q, %v", data, err)
	}
	_, err := c.UpdateMetadata(ctx, "broken.json")
	refusal(t, err, http.StatusServiceUnavailable, "unavailable", household.Retry)
	if _, err := c.UpdateProgram(ctx, program, -1); err == nil || errors.Is(err, fs.ErrNotExist) {
		t.Errorf("before the beginning: %v", err)
	}
	_, err = w.client(client.Options{}).UpdateMetadata(ctx, "timestamp.json")
	refusal(t, err, http.StatusUnauthorized, "no_identity", household.None)
	_, err = w.client(client.Options{Token: "researcher"}).UpdateMetadata(ctx, "timestamp.json")
	refusal(t, err, http.StatusForbidden, "devices_only", household.None)
	if err := w.store.RevokeDevice(ctx, h.Devices[0].ID, "test"); err != nil {
		t.Fatal(err)
	}
	_, err = c.UpdateMetadata(ctx, "timestamp.json")
	refusal(t, err, http.StatusForbidden, "credential_revoked", household.Stop)
}
