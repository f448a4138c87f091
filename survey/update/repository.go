package update

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/theupdateframework/go-tuf/v2/metadata"
	"golang.org/x/sys/unix"

	"github.com/wattwerk/wattwerk/internal/durable"
	"github.com/wattwerk/wattwerk/survey/release"
)

// How long metadata is good. What the service signs is renewed by it, in time.
const (
	RootLife      = 5 * 365 * 24 * time.Hour
	TargetsLife   = 365 * 24 * time.Hour
	SnapshotLife  = 7 * 24 * time.Hour
	TimestampLife = 24 * time.Hour
)

// Names of files.
const (
	timestampFile = "timestamp.json"
	programsDir   = "targets"
	lockFile      = "lock"
)

// RootFile is what devices begin with: the first root.
const RootFile = "1.root.json"

// Repository is a directory with releases.
type Repository struct {
	dir string
	now func() time.Time
}

// ErrNone says that there is no repository.
var ErrNone = errors.New("there are no updates here; 'wattwerk survey update init' begins")

// Open opens a repository; the error is [ErrNone] where there is none. now is the clock; nil: that of the
// system.
func Open(dir string, now func() time.Time) (*Repository, error) {
	if now == nil {
		now = time.Now
	}
	ok, err := exists(filepath.Join(dir, timestampFile))
	if err != nil {
		return nil, fmt.Errorf("open updates: %w", err)
	}
	if !ok {
		return nil, ErrNone
	}
	return &Repository{dir, now}, nil
}

// Init makes a repository without releases: the keys of root and targets in offline, the rest in dir.
// Nothing is written over.
func Init(offline, dir string, now func() time.Time) (*Repository, error) {
	if now == nil {
		now = time.Now
	}
	r := &Repository{dir, now}
	if err := r.init(offline); err != nil {
		return nil, fmt.Errorf("begin updates: %w", err)
	}
	return r, nil
}

func (r *Repository) init(offline string) error {
	for _, d := range []string{offline, r.dir, filepath.Join(r.dir, programsDir)} {
		if err := os.MkdirAll(d, 0o700); err != nil {
			return err
		}
	}
	unlock, err := r.lock()
	if err != nil {
		return err
	}
	defer unlock()
	if ok, err := exists(filepath.Join(r.dir, timestampFile)); err != nil || ok {
		return errors.Join(err, fmt.Errorf("%s is there already", filepath.Join(r.dir, timestampFile)))
	}
	root := metadata.Root(r.ends(RootLife))
	keys := make(map[string]ed25519.PrivateKey)
	for role, file := range keyFiles {
		key, err := newKey()
		if err != nil {
			return err
		}
		where := offline
		if online(role) {
			where = r.dir
		}
		if err := writeKey(filepath.Join(where, file), key); err != nil {
			return err
		}
		k, _, err := public(key)
		if err == nil {
			err = root.Signed.AddKey(k, role)
		}
		if err != nil {
			return err
		}
		keys[role] = key
	}
	data, err := signed(root, keys[metadata.ROOT])
	if err != nil {
		return err
	}
	if err := durable.Replace(filepath.Join(r.dir, RootFile), data); err != nil {
		return err
	}
	targets := metadata.Targets(r.ends(TargetsLife))
	return r.put(targets, keys[metadata.TARGETS], metadata.Snapshot(), metadata.Timestamp())
}

func (r *Repository) ends(life time.Duration) time.Time {
	return r.now().UTC().Add(life).Truncate(time.Second)
}

// lock waits until nobody else changes anything.
func (r *Repository) lock() (func(), error) {
	f, err := os.OpenFile(filepath.Join(r.dir, lockFile), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	for {
		if err = unix.Flock(int(f.Fd()), unix.LOCK_EX); !errors.Is(err, unix.EINTR) {
			break
		}
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return func() { _ = f.Close() }, nil // nothing was written
}

// put signs targets, which is nil when it stays as it is, and what is above it, and writes them in the order in
// which one names the other.
func (r *Repository) put(targets *metadata.Metadata[metadata.TargetsType], key ed25519.PrivateKey, snapshot *metadata.Metadata[metadata.SnapshotType], timestamp *metadata.Metadata[metadata.TimestampType]) error {
	first := targets != nil && targets.Signed.Version == 1
	if targets != nil {
		data, err := signed(targets, key)
		if err == nil {
			err = durable.Replace(filepath.Join(r.dir, fmt.Sprintf("%d.targets.json", targets.Signed.Version)), data)
		}
		if err != nil {
			return err
		}
		snapshot.Signed.Meta["targets.json"] = file(targets.Signed.Version, data)
	}
	if !first {
		snapshot.Signed.Version++
	}
	snapshot.Signed.Expires = r.ends(SnapshotLife)
	online, err := readKey(filepath.Join(r.dir, SnapshotKey))
	if err != nil {
		return err
	}
	data, err := signed(snapshot, online)
	if err == nil {
		err = durable.Replace(filepath.Join(r.dir, fmt.Sprintf("%d.snapshot.json", snapshot.Signed.Version)), data)
	}
	if err != nil {
		return err
	}
	timestamp.Signed.Meta["snapshot.json"] = file(snapshot.Signed.Version, data)
	return r.stamp(timestamp, first)
}

func (r *Repository) stamp(timestamp *metadata.Metadata[metadata.TimestampType], first bool) error {
	if !first {
		timestamp.Signed.Version++
	}
	timestamp.Signed.Expires = r.ends(TimestampLife)
	key, err := readKey(filepath.Join(r.dir, TimestampKey))
	if err != nil {
		return err
	}
	data, err := signed(timestamp, key)
	if err != nil {
		return err
	}
	return durable.Replace(filepath.Join(r.dir, timestampFile), data)
}

// file is what metadata says of another file of metadata.
func file(version int64, data []byte) *metadata.MetaFiles {
	sum := sha256.Sum256(data)
	return &metadata.MetaFiles{Version: version, Length: int64(len(data)), Hashes: metadata.Hashes{"sha256": sum[:]}}
}

// current reads what is in force.
func (r *Repository) current() (targets *metadata.Metadata[metadata.TargetsType], snapshot *metadata.Metadata[metadata.SnapshotType], timestamp *metadata.Metadata[metadata.TimestampType], err error) {
	if timestamp, err = metadata.Timestamp().FromFile(filepath.Join(r.dir, timestampFile)); err != nil {
		return nil, nil, nil, err
	}
	at := timestamp.Signed.Meta["snapshot.json"]
	if at == nil {
		return nil, nil, nil, errors.New("the timestamp names no snapshot")
	}
	if snapshot, err = metadata.Snapshot().FromFile(filepath.Join(r.dir, fmt.Sprintf("%d.snapshot.json", at.Version))); err != nil {
		return nil, nil, nil, err
	}
	if at = snapshot.Signed.Meta["targets.json"]; at == nil {
		return nil, nil, nil, errors.New("the snapshot names no targets")
	}
	targets, err = metadata.Targets().FromFile(filepath.Join(r.dir, fmt.Sprintf("%d.targets.json", at.Version)))
	return targets, snapshot, timestamp, err
}

// change changes the releases, with the key in offline.
func (r *Repository) change(offline string, f func(*metadata.TargetsType) error) error {
	unlock, err := r.lock()
	if err != nil {
		return err
	}
	defer unlock()
	key, err := readKey(filepath.Join(offline, TargetsKey))
	if err != nil {
		return err
	}
	root, err := r.root()
	if err != nil {
		return err
	}
	if _, id, err := public(key); err != nil || !slices.Contains(root.Signed.Roles[metadata.TARGETS].KeyIDs, id) {
		return errors.Join(err, fmt.Errorf("%s is not the key that the devices trust", filepath.Join(offline, TargetsKey)))
	}
	targets, snapshot, timestamp, err := r.current()
	if err != nil {
		return err
	}
	targets.Signed.Version++
	targets.Signed.Expires = r.ends(TargetsLife)
	if err := f(&targets.Signed); err != nil {
		return err
	}
	return r.put(targets, key, snapshot, timestamp)
}

// releases are those of the metadata. What is none stays out.
func releases(t *metadata.TargetsType) map[string]release.Release {
	out := make(map[string]release.Release)
	for name, x := range t.Targets {
		if x == nil || x.Custom == nil {
			continue
		}
		if rel, err := release.Parse(*x.Custom); err == nil {
			out[name] = rel
		}
	}
	return out
}

// Publish makes a program a release, signed by the key in offline. Its Sequence is
// filled in. The same version again is another release, which devices take that had
// given the one before back.
func (r *Repository) Publish(offline, path string, rel release.Release) (release.Release, error) {
	sum, size, err := r.copyIn(path, rel)
	if err != nil {
		return rel, fmt.Errorf("publish: %w", err)
	}
	before := "" // the file of the same version, when it is another one
	err = r.change(offline, func(t *metadata.TargetsType) error {
		rel.Sequence = t.Version // which grows with each change, so it is never used twice
		if err := rel.Validate(); err != nil {
			return err
		}
		if old, ok := t.Targets[rel.File()]; ok {
			if before = served(old.Hashes["sha256"], rel.File()); before == served(sum, rel.File()) {
				before = ""
			}
		} else if len(t.Targets) >= release.MaxReleases {
			return fmt.Errorf("there are %d releases; withdraw some", len(t.Targets))
		}
		custom, err := json.Marshal(rel)
		if err != nil {
			return err
		}
		t.Targets[rel.File()] = &metadata.TargetFiles{Length: size, Hashes: metadata.Hashes{"sha256": sum}, Custom: (*json.RawMessage)(&custom)}
		return nil
	})
	if err == nil && before != "" {
		err = os.Remove(filepath.Join(r.dir, programsDir, before))
	}
	if err != nil {
		return rel, fmt.Errorf("publish: %w", err)
	}
	return rel, nil
}

// copyIn copies a program to where it is served.
func (r *Repository) copyIn(path string, rel release.Release) (sum []byte, size int64, err error) {
	rel.Sequence = max(rel.Sequence, 1)
	if err := rel.Validate(); err != nil {
		return nil, 0, err
	}
	in, err := os.Open(path)
	if err != nil {
		return nil, 0, err
	}
	defer in.Close() //nolint:errcheck // only read
	dir := filepath.Join(r.dir, programsDir)
	out, err := os.CreateTemp(dir, ".new-*")
	if err != nil {
		return nil, 0, err
	}
	h := sha256.New()
	size, err = io.Copy(io.MultiWriter(out, h), io.LimitReader(in, release.MaxProgram+1))
	sum = h.Sum(nil)
	if err = errors.Join(err, out.Sync(), out.Close()); err == nil && (size == 0 || size > release.MaxProgram) {
		err = fmt.Errorf("%s has %d bytes; 1 to %d are possible", path, size, release.MaxProgram)
	}
	if err == nil {
		err = os.Rename(out.Name(), filepath.Join(dir, served(sum, rel.File())))
	}
	if err != nil {
		return nil, 0, errors.Join(err, os.Remove(out.Name()))
	}
	return sum, size, durable.SyncDir(dir)
}

// served is how a program is called where it is served.
func served(sum []byte, name string) string { return hex.EncodeToString(sum) + "." + name }

// SetRing changes how far the releases of a version go; platform is one of them, or empty for all. next: to
// the ring after the one that each has.
func (r *Repository) SetRing(offline, version, platform string, ring release.Ring, next bool) (changed []release.Release, err error) {
	err = r.change(offline, func(t *metadata.TargetsType) error {
		for name, rel := range releases(t) {
			if rel.Version != version || platform != "" && rel.Platform != platform {
				continue
			}
			if next {
				rel.Ring = min(rel.Ring+1, release.All)
			} else {
				rel.Ring = ring
			}
			if err := rel.Validate(); err != nil {
				return err
			}
			custom, err := json.Marshal(rel)
			if err != nil {
				return err
			}
			t.Targets[name].Custom = (*json.RawMessage)(&custom)
			changed = append(changed, rel)
		}
		if len(changed) == 0 {
			return fmt.Errorf("there is no release %s %s", version, platform)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("change ring: %w", err)
	}
	slices.SortFunc(changed, func(a, b release.Release) int { return int(a.Sequence - b.Sequence) })
	return changed, nil
}

// Withdraw takes releases of a version out. Devices that have one keep it.
func (r *Repository) Withdraw(offline, version, platform string) error {
	var files []string
	err := r.change(offline, func(t *metadata.TargetsType) error {
		for name, rel := range releases(t) {
			if rel.Version == version && (platform == "" || rel.Platform == platform) {
				files = append(files, served(t.Targets[name].Hashes["sha256"], name))
				delete(t.Targets, name)
			}
		}
		if len(files) == 0 {
			return fmt.Errorf("there is no release %s %s", version, platform)
		}
		return nil
	})
	for _, f := range files {
		if err == nil {
			err = os.Remove(filepath.Join(r.dir, programsDir, f))
		}
	}
	if err != nil {
		return fmt.Errorf("withdraw: %w", err)
	}
	return nil
}

// Sign signs the releases as they are again, before what was signed expires.
func (r *Repository) Sign(offline string) error {
	if err := r.change(offline, func(*metadata.TargetsType) error { return nil }); err != nil {
		return fmt.Errorf("sign releases: %w", err)
	}
	return nil
}
