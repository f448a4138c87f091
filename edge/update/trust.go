package update

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"time"

	"github.com/theupdateframework/go-tuf/v2/metadata"
	"github.com/theupdateframework/go-tuf/v2/metadata/trustedmetadata"

	"github.com/wattwerk/wattwerk/edge/bank"
	"github.com/wattwerk/wattwerk/survey/release"
)

// trustFile is what was seen last, beside the banks.
const trustFile = "trust.json"

// Bounds of metadata, in bytes, and of the roots that are followed at a time.
const (
	maxRoot      = 64 << 10
	maxTimestamp = 16 << 10
	maxSaved     = 8 << 20
	maxRotations = 64
)

var (
	// ErrRefused says that what the service answers cannot be trusted.
	ErrRefused = errors.New("updates are refused")
	// ErrExpired says that what the service answers is too old: updates may be held back.
	ErrExpired = errors.New("what the service says of updates has expired, and newer ones may be held back")
)

// trust is what the device has seen of the metadata.
type trust struct {
	Begun     string `json:"begun"` // SHA-256 of the root that the device was given
	Root      []byte `json:"root"`
	Timestamp []byte `json:"timestamp,omitempty"`
	Snapshot  []byte `json:"snapshot,omitempty"`
	Targets   []byte `json:"targets,omitempty"`
}

// loadTrust reads what was seen. The root that the device is given counts when it is another one than
// before, as after all keys were lost. What is damaged is begun anew.
func loadTrust(disk bank.Disk, root []byte) (t trust, damaged error) {
	sum := sha256.Sum256(root)
	begun := hex.EncodeToString(sum[:])
	f, err := disk.Open(trustFile)
	if errors.Is(err, fs.ErrNotExist) {
		return trust{Begun: begun, Root: root}, nil
	}
	if err == nil {
		var data []byte
		data, err = io.ReadAll(io.LimitReader(f, maxSaved))
		if err = errors.Join(err, f.Close()); err == nil {
			err = json.Unmarshal(data, &t)
		}
	}
	if err != nil {
		return trust{Begun: begun, Root: root}, fmt.Errorf("read trust: %w", err)
	}
	if t.Begun != begun {
		return trust{Begun: begun, Root: root}, nil
	}
	return t, nil
}

func (t *trust) save(disk bank.Disk) error {
	data, err := json.Marshal(t)
	if err == nil {
		err = bank.Replace(disk, trustFile, data)
	}
	if err != nil {
		return fmt.Errorf("keep trust: %w", err)
	}
	return nil
}

// target is a program of the releases.
type target struct {
	release.Release
	program bank.Program
	name    string // as it is served
}

// refresh asks for the metadata, as the workflow of TUF says (5.3 to 5.6), and gives what there
// is. What was seen is in t, also when an error is returned; changed tells whether it is something new.
func (t *trust) refresh(ctx context.Context, from Source, now time.Time) (all []target, changed bool, err error) {
	was := *t
	defer func() {
		changed = !bytes.Equal(was.Root, t.Root) || !bytes.Equal(was.Timestamp, t.Timestamp) || !bytes.Equal(was.Snapshot, t.Snapshot) || !bytes.Equal(was.Targets, t.Targets)
	}()
	// The library trusts what is signed to be complete. Whoever has the keys of the service
	// must not be able to end this program by leaving something out.
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%w: they are not complete: %v", ErrRefused, r)
		}
	}()
	m, err := trustedmetadata.New(t.Root)
	if err != nil {
		return nil, false, fmt.Errorf("%w: the root that is trusted is none: %w", ErrRefused, err)
	}
	m.RefTime = now
	for range maxRotations {
		data, err := fetch(ctx, from, fmt.Sprintf("%d.root.json", m.Root.Signed.Version+1), maxRoot)
		if errors.Is(err, fs.ErrNotExist) {
			break
		}
		if err == nil {
			_, err = m.UpdateRoot(data)
		}
		if err != nil {
			return nil, false, refused("root", err)
		}
		t.Root = data
	}
	if err := t.timestamp(ctx, m, from); err != nil {
		return nil, false, err
	}
	if err := t.snapshot(ctx, m, from); err != nil {
		return nil, false, err
	}
	if err := t.targets(ctx, m, from); err != nil {
		return nil, false, err
	}
	return list(&m.Targets[metadata.TARGETS].Signed), false, nil
}

func (t *trust) timestamp(ctx context.Context, m *trustedmetadata.TrustedMetadata, from Source) error {
	if t.Timestamp != nil {
		// What does not hold any more, as after its key was replaced, is as if it had not been seen.
		_, _ = m.UpdateTimestamp(t.Timestamp)
	}
	data, err := fetch(ctx, from, "timestamp.json", maxTimestamp)
	if err != nil {
		return refused("timestamp", err)
	}
	switch _, err := m.UpdateTimestamp(data); {
	case err == nil:
		t.Timestamp = data
	case errors.Is(err, &metadata.ErrEqualVersionNumber{}):
		// The one before is kept, which may have expired; the snapshot is refused then.
	default:
		return refused("timestamp", err)
	}
	return nil
}

func (t *trust) snapshot(ctx context.Context, m *trustedmetadata.TrustedMetadata, from Source) error {
	if t.Snapshot != nil {
		if _, err := m.UpdateSnapshot(t.Snapshot, true); err == nil {
			return nil
		}
	}
	at := m.Timestamp.Signed.Meta["snapshot.json"]
	data, err := fetch(ctx, from, fmt.Sprintf("%d.snapshot.json", at.Version), bound(at))
	if err == nil {
		_, err = m.UpdateSnapshot(data, false)
	}
	if err != nil {
		return refused("snapshot", err)
	}
	t.Snapshot = data
	return nil
}

func (t *trust) targets(ctx context.Context, m *trustedmetadata.TrustedMetadata, from Source) error {
	if t.Targets != nil {
		if _, err := m.UpdateTargets(t.Targets); err == nil {
			return nil
		}
	}
	at := m.Snapshot.Signed.Meta["targets.json"]
	data, err := fetch(ctx, from, fmt.Sprintf("%d.targets.json", at.Version), bound(at))
	if err == nil {
		_, err = m.UpdateTargets(data)
	}
	if err != nil {
		return refused("targets", err)
	}
	t.Targets = data
	return nil
}

// bound is how long a file may be.
func bound(at *metadata.MetaFiles) int64 {
	if at.Length > 0 {
		return min(at.Length, release.MaxMetadata)
	}
	return release.MaxMetadata
}

// list gives the releases among what is signed. What is none stays out.
func list(t *metadata.TargetsType) []target {
	var all []target
	for name, x := range t.Targets {
		if x == nil || x.Custom == nil || x.Length < 1 || x.Length > release.MaxProgram {
			continue
		}
		rel, err := release.Parse(*x.Custom)
		sum := x.Hashes["sha256"]
		if err != nil || rel.File() != name || len(sum) != sha256.Size {
			continue
		}
		digest := hex.EncodeToString(sum)
		all = append(all, target{rel, bank.Program{Version: rel.Version, Sequence: rel.Sequence, SHA256: digest, Size: x.Length}, digest + "." + name})
	}
	return all
}

var errTooLong = errors.New("more was sent than there can be")

// fetch asks for a file of metadata.
func fetch(ctx context.Context, from Source, name string, most int64) ([]byte, error) {
	data, err := from.Metadata(ctx, name)
	if err != nil {
		return nil, &unreached{err}
	}
	if int64(len(data)) > most {
		return nil, errTooLong
	}
	return data, nil
}

// unreached is an error of asking, which says nothing about the answer.
type unreached struct{ error }

func (u *unreached) Unwrap() error { return u.error }

// refused says of which file an error is.
func refused(what string, err error) error {
	var u *unreached
	switch {
	case errors.As(err, &u):
		return fmt.Errorf("ask for %s of updates: %w", what, u.error)
	case errors.Is(err, &metadata.ErrExpiredMetadata{}):
		return fmt.Errorf("%w: %w", ErrExpired, err)
	}
	return fmt.Errorf("%w: %s: %w", ErrRefused, what, err)
}
