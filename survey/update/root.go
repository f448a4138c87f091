package update

import (
	"cmp"
	"crypto/ed25519"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/theupdateframework/go-tuf/v2/metadata"

	"github.com/wattwerk/wattwerk/internal/durable"
	"github.com/wattwerk/wattwerk/survey/release"
)

// root is the latest one.
func (r *Repository) root() (*metadata.Metadata[metadata.RootType], error) {
	var last *metadata.Metadata[metadata.RootType]
	for n := 1; ; n++ {
		m, err := metadata.Root().FromFile(filepath.Join(r.dir, fmt.Sprintf("%d.root.json", n)))
		if errors.Is(err, fs.ErrNotExist) {
			if last == nil {
				return nil, ErrNone
			}
			return last, nil
		}
		if err != nil {
			return nil, err
		}
		last = m
	}
}

// Rotate makes the next root, good for as long as the first one was, with a new key for the roles named: root,
// targets, snapshot, timestamp. It is signed by the key before, so devices follow, and by the new one. The key
// before stays beside, with .old at its name.
func (r *Repository) Rotate(offline string, roles ...string) error {
	if err := r.rotate(offline, roles); err != nil {
		return fmt.Errorf("make root: %w", err)
	}
	return nil
}

func (r *Repository) rotate(offline string, roles []string) error {
	unlock, err := r.lock()
	if err != nil {
		return err
	}
	defer unlock()
	root, err := r.root()
	if err != nil {
		return err
	}
	old, err := readKey(filepath.Join(offline, RootKey))
	if err != nil {
		return err
	}
	if _, id, err := public(old); err != nil || !slices.Contains(root.Signed.Roles[metadata.ROOT].KeyIDs, id) {
		return errors.Join(err, fmt.Errorf("%s is not the key that the devices trust", filepath.Join(offline, RootKey)))
	}
	targets, snapshot, timestamp, err := r.current()
	if err != nil {
		return err
	}
	// What was cut off is left as it was: new keys get their name when the root that names them is written.
	keys := map[string]ed25519.PrivateKey{metadata.ROOT: old}
	fresh := make(map[string]string)
	for _, role := range roles {
		file, ok := keyFiles[role]
		if !ok {
			return fmt.Errorf("%q is no role: they are root, targets, snapshot and timestamp", role)
		}
		where := filepath.Join(offline, file)
		if online(role) {
			where = filepath.Join(r.dir, file)
		}
		if keys[role], err = newKey(); err != nil {
			return err
		}
		if err := os.Remove(where + ".new"); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		if err := writeKey(where+".new", keys[role]); err != nil {
			return err
		}
		fresh[role] = where
		k, _, err := public(keys[role])
		if err != nil {
			return err
		}
		for _, id := range slices.Clone(root.Signed.Roles[role].KeyIDs) {
			if err := root.Signed.RevokeKey(id, role); err != nil {
				return err
			}
		}
		if err := root.Signed.AddKey(k, role); err != nil {
			return err
		}
	}
	root.Signed.Version++
	root.Signed.Expires = r.ends(RootLife)
	data, err := signed(root, old, keys[metadata.ROOT])
	if err != nil {
		return err
	}
	if err := durable.Replace(filepath.Join(r.dir, fmt.Sprintf("%d.root.json", root.Signed.Version)), data); err != nil {
		return err
	}
	for _, where := range fresh {
		if err := errors.Join(os.Rename(where, where+".old"), os.Rename(where+".new", where)); err != nil {
			return err
		}
	}
	key, ok := keys[metadata.TARGETS]
	if !ok {
		return r.put(nil, nil, snapshot, timestamp)
	}
	targets.Signed.Version++
	targets.Signed.Expires = r.ends(TargetsLife)
	return r.put(targets, key, snapshot, timestamp)
}

// Renew signs what the service signs anew when a quarter of its life has passed. It tells when it is to be called again.
func (r *Repository) Renew() (time.Duration, error) {
	if err := r.renew(); err != nil {
		return 0, fmt.Errorf("renew timestamp: %w", err)
	}
	return TimestampLife / 8, nil
}

func (r *Repository) renew() error {
	unlock, err := r.lock()
	if err != nil {
		return err
	}
	defer unlock()
	_, snapshot, timestamp, err := r.current()
	if err != nil {
		return err
	}
	now := r.now()
	switch {
	case snapshot.Signed.Expires.Sub(now) < SnapshotLife*3/4:
		return r.put(nil, nil, snapshot, timestamp)
	case timestamp.Signed.Expires.Sub(now) < TimestampLife*3/4:
		return r.stamp(timestamp, false)
	}
	return nil
}

// Status is how a repository stands.
type Status struct {
	Releases  []release.Release `json:"releases"` // the latest last
	Root      time.Time         `json:"root"`     // when what is signed expires
	Targets   time.Time         `json:"targets"`
	Snapshot  time.Time         `json:"snapshot"`
	Timestamp time.Time         `json:"timestamp"`
	Todo      []string          `json:"todo"` // what there is to do, in sentences
}

// soon is how long before something expires that it is said.
const soon = 60 * 24 * time.Hour

// Status tells how it stands.
func (r *Repository) Status() (s Status, err error) {
	root, err := r.root()
	if err != nil {
		return s, fmt.Errorf("read updates: %w", err)
	}
	targets, snapshot, timestamp, err := r.current()
	if err != nil {
		return s, fmt.Errorf("read updates: %w", err)
	}
	s = Status{Releases: []release.Release{}, Root: root.Signed.Expires, Targets: targets.Signed.Expires, Snapshot: snapshot.Signed.Expires, Timestamp: timestamp.Signed.Expires, Todo: []string{}}
	for _, rel := range releases(&targets.Signed) {
		s.Releases = append(s.Releases, rel)
	}
	slices.SortFunc(s.Releases, func(a, b release.Release) int {
		return cmp.Or(cmp.Compare(a.Sequence, b.Sequence), cmp.Compare(a.File(), b.File()))
	})
	now := r.now()
	if s.Root.Sub(now) < soon {
		s.Todo = append(s.Todo, "the root expires at "+s.Root.Format(time.DateOnly)+": run 'wattwerk survey update root --offline DIR'")
	}
	if s.Targets.Sub(now) < soon {
		s.Todo = append(s.Todo, "what is signed of the releases expires at "+s.Targets.Format(time.DateOnly)+": run 'wattwerk survey update sign --offline DIR'")
	}
	if now.After(s.Timestamp) || now.After(s.Snapshot) {
		s.Todo = append(s.Todo, "the timestamp has expired, and devices refuse all updates: the data service of the survey must run, which renews it")
	}
	return s, nil
}
