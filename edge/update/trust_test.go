package update

import (
	"crypto/ed25519"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/theupdateframework/go-tuf/v2/metadata"

	"github.com/wattwerk/wattwerk/edge/bank"
	"github.com/wattwerk/wattwerk/survey/release"
	repository "github.com/wattwerk/wattwerk/survey/update"
)

// TestRollback: what was signed before is not taken in the place of what was seen.
func TestRollback(t *testing.T) {
	w := newWorld(t)
	w.publish("1.1.0")
	old := make(map[string][]byte)
	for _, name := range []string{"timestamp.json", "2.snapshot.json", "2.targets.json"} {
		old[name] = w.file(name)
	}
	w.publish("1.2.0")
	fresh := w.file("timestamp.json")
	w.update()
	if w.version != "1.2.0" {
		t.Fatal(w.version)
	}
	w.metadata = func(name string) ([]byte, error) {
		if data, ok := old[name]; ok {
			return data, nil
		}
		return nil, repository.ErrNotFound
	}
	w.refused("new timestamp version 2 must be >= 3")
	// Also after everything else was started anew, and when the timestamp is a new one of an old snapshot.
	w.boot()
	w.refused("new timestamp version 2 must be >= 3")
	w.metadata = nil
	for _, name := range []string{"3.snapshot.json", "3.targets.json"} {
		if err := os.Remove(filepath.Join(w.online, name)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(w.online, "timestamp.json"), old["timestamp.json"], 0o600); err != nil {
		t.Fatal(err)
	}
	w.now = w.now.Add(7 * time.Hour)
	for range 2 { // who has the key of the timestamp signs the old snapshot
		if _, err := w.repo.Renew(); err != nil {
			t.Fatal(err)
		}
		w.now = w.now.Add(7 * time.Hour)
	}
	w.refused("new snapshot version 2 must be >= 3")
	// The one that was seen is fine still, as long as it lasts.
	w.metadata = func(name string) ([]byte, error) {
		if name == "timestamp.json" {
			return fresh, nil
		}
		return nil, repository.ErrNotFound
	}
	if w.step() || w.incident != "" {
		t.Error(w.incident)
	}
}

// TestFreeze: what is not renewed is refused, and said.
func TestFreeze(t *testing.T) {
	w := newWorld(t)
	if w.step() {
		t.Fatal("there is nothing")
	}
	w.publish("1.1.0")
	held := w.file("timestamp.json")
	w.now = w.now.Add(23 * time.Hour)
	w.metadata = func(name string) ([]byte, error) {
		if name == "timestamp.json" {
			return held, nil
		}
		return w.repo.Metadata(name)
	}
	w.now = w.now.Add(2 * time.Hour)
	w.refused("timestamp.json is expired")
	w.refused("timestamp.json is expired") // also what is the same as before
	if s := w.device().Status(); s.Asked != (time.Time{}) {
		t.Error(s.Asked)
	}
	// Renewed it is taken, and the incident ends.
	if _, err := w.repo.Renew(); err != nil {
		t.Fatal(err)
	}
	w.metadata = nil
	w.update()
	if w.incident != "" {
		t.Error(w.incident)
	}
	// Who renews the timestamp alone, and not what is signed by the keys that are away, cannot for ever.
	w.now = w.now.Add(370 * 24 * time.Hour)
	if _, err := w.repo.Renew(); err != nil {
		t.Fatal(err)
	}
	w.refused("targets is expired")
	if err := w.repo.Sign(w.offline); err != nil {
		t.Fatal(err)
	}
	if w.step() || w.incident != "" {
		t.Error(w.incident)
	}
	w.now = w.now.Add(repository.RootLife)
	w.refused("root.json is expired")
}

// TestSilence: who answers nothing for days is found too.
func TestSilence(t *testing.T) {
	w := newWorld(t)
	w.metadata = func(string) ([]byte, error) { return nil, errors.New("connection refused") }
	u := w.device()
	wait, err := u.Step(t.Context())
	if err != nil || w.incident != "" || wait != retry {
		t.Error(wait, err, w.incident)
	}
	w.now = w.now.Add(staleAfter + time.Minute)
	if _, err := u.Step(t.Context()); err != nil || !strings.Contains(w.incident, "connection refused") {
		t.Error(err, w.incident)
	}
}

// TestMixAndMatch: files that do not belong together are refused.
func TestMixAndMatch(t *testing.T) {
	w := newWorld(t)
	w.publish("1.1.0")
	was := map[string][]byte{"3.snapshot.json": w.file("2.snapshot.json"), "3.targets.json": w.file("2.targets.json")}
	w.publish("1.2.0")
	// In this order: what was right of a refused answer is known from then on, and not asked for again.
	for _, name := range []string{"3.snapshot.json", "3.targets.json"} {
		w.metadata = func(n string) ([]byte, error) {
			if n == name {
				return was[name], nil
			}
			return w.repo.Metadata(n)
		}
		w.refused("length")
	}
	// Signed by another survey.
	other := newWorld(t)
	other.publish("9.9.9")
	for _, name := range []string{"timestamp.json", "3.snapshot.json", "3.targets.json", "2.root.json"} {
		w.metadata = func(n string) ([]byte, error) {
			if n == name {
				return other.file(strings.NewReplacer("3.", "2.", "2.root", "1.root").Replace(n)), nil
			}
			return w.repo.Metadata(n)
		}
		w.disk = bank.Dir(t.TempDir()) // a device that has seen nothing yet
		w.refused(ErrRefused.Error())
	}
	w.metadata = nil
	w.update()
}

// TestGarbage: whatever is answered, nothing is taken and nothing breaks.
func TestGarbage(t *testing.T) {
	w := newWorld(t)
	w.publish("1.1.0")
	for _, name := range []string{"2.root.json", "timestamp.json", "2.snapshot.json", "2.targets.json"} {
		for _, data := range []string{"", "{", "null", "[]", `{"signed":null,"signatures":null}`, `{"signed":{"_type":"timestamp"},"signatures":[]}`, strings.Repeat(" ", release.MaxMetadata+1)} {
			w.metadata = func(n string) ([]byte, error) {
				if n == name {
					return []byte(data), nil
				}
				return w.repo.Metadata(n)
			}
			w.refused(ErrRefused.Error())
		}
	}
	w.metadata = nil
	w.update()
}

// TestIncomplete: what is signed and lacks something is refused, and ends nothing.
func TestIncomplete(t *testing.T) {
	for _, text := range []string{`{}`, `{"snapshot.json":null}`} {
		w := newWorld(t)
		data := w.sign(fmt.Sprintf(`{"_type":"timestamp","spec_version":"1.0.31","version":9,"expires":"2026-03-02T00:00:00Z","meta":%s}`, text))
		w.metadata = func(n string) ([]byte, error) {
			if n == "timestamp.json" {
				return data, nil
			}
			return w.repo.Metadata(n)
		}
		w.refused(ErrRefused.Error())
		if w.step() {
			t.Error("something is taken")
		}
	}
}

// TestRotation: keys are replaced, all of them, and devices follow; the old ones are good for nothing.
func TestRotation(t *testing.T) {
	w := newWorld(t)
	w.publish("1.1.0")
	w.update()
	before := w.file("timestamp.json")
	for i, roles := range [][]string{{"timestamp", "snapshot"}, {"targets"}, {"root"}, {"root", "targets", "snapshot", "timestamp"}, nil} {
		if err := w.repo.Rotate(w.offline, roles...); err != nil {
			t.Fatal(err)
		}
		version := fmt.Sprintf("1.%d.0", i+2)
		w.publish(version)
		w.update()
		if w.version != version {
			t.Errorf("%v: version %s", roles, w.version)
		}
	}
	w.metadata = func(n string) ([]byte, error) {
		if n == "timestamp.json" {
			return before, nil
		}
		return w.repo.Metadata(n)
	}
	w.refused("not enough signatures")
	// A device that was away follows all of the roots.
	w.metadata = nil
	w.disk, w.running, w.version = bank.Dir(t.TempDir()), bank.Installed, "1.0.0"
	w.update()
	if w.version != "1.6.0" {
		t.Error(w.version)
	}
	if err := os.Rename(filepath.Join(w.offline, repository.RootKey+".old"), filepath.Join(w.offline, repository.RootKey)); err != nil {
		t.Fatal(err)
	}
	if err := w.repo.Rotate(w.offline); err == nil {
		t.Error("a root is made with a key that nobody trusts")
	}
}

// TestAnotherRoot: a device that is given another root begins anew, and what is damaged too.
func TestAnotherRoot(t *testing.T) {
	w := newWorld(t)
	w.publish("1.1.0")
	w.update()
	if err := os.WriteFile(w.disk.Path(trustFile), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	w.publish("1.2.0")
	w.update()
	other := newWorld(t)
	for range 5 {
		other.publish("1.3.0")
	}
	w.repo, w.online, w.offline = other.repo, other.online, other.offline
	w.refused(ErrRefused.Error())
	w.root = other.root
	w.update()
	if w.version != "1.3.0" {
		t.Error(w.version)
	}
}

// sign signs a timestamp, as who has the key of the service could.
func (w *world) sign(text string) []byte {
	w.t.Helper()
	b, _ := pem.Decode(w.file(repository.TimestampKey))
	k, err := x509.ParsePKCS8PrivateKey(b.Bytes)
	if err != nil {
		w.t.Fatal(err)
	}
	key, _ := k.(ed25519.PrivateKey)
	var v any
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		w.t.Fatal(err)
	}
	canonical, err := json.Marshal(v) // with its keys in order, and nothing else is needed here
	if err != nil {
		w.t.Fatal(err)
	}
	name, err := metadata.KeyFromPublicKey(key.Public())
	if err != nil {
		w.t.Fatal(err)
	}
	id, err := name.ID()
	if err != nil {
		w.t.Fatal(err)
	}
	return fmt.Appendf(nil, `{"signed":%s,"signatures":[{"keyid":%q,"sig":"%x"}]}`, canonical, id, ed25519.Sign(key, canonical))
}
