package update

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/sigstore/sigstore/pkg/signature"
	"github.com/theupdateframework/go-tuf/v2/metadata"

	"github.com/wattwerk/wattwerk/internal/durable"
)

// Files with keys. Those of root and targets belong on what is taken away.
const (
	RootKey      = "update-root.key"
	TargetsKey   = "update-targets.key"
	SnapshotKey  = "update-snapshot.key"
	TimestampKey = "update-timestamp.key"
)

// keyFiles are those of the roles.
var keyFiles = map[string]string{metadata.ROOT: RootKey, metadata.TARGETS: TargetsKey, metadata.SNAPSHOT: SnapshotKey, metadata.TIMESTAMP: TimestampKey}

// online tells whether the service has the key of a role.
func online(role string) bool { return role == metadata.SNAPSHOT || role == metadata.TIMESTAMP }

func newKey() (ed25519.PrivateKey, error) {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	return key, err
}

func writeKey(path string, key ed25519.PrivateKey) error {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	err = pem.Encode(f, &pem.Block{Type: "PRIVATE KEY", Bytes: der})
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	return durable.SyncDir(filepath.Dir(path))
}

func readKey(path string) (ed25519.PrivateKey, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	b, _ := pem.Decode(data)
	if b == nil {
		return nil, fmt.Errorf("%s holds no key", path)
	}
	k, err := x509.ParsePKCS8PrivateKey(b.Bytes)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	key, ok := k.(ed25519.PrivateKey)
	if !ok {
		return nil, fmt.Errorf("%s holds no key of Ed25519", path)
	}
	return key, nil
}

// public is the key as the metadata has it, and its name there.
func public(key ed25519.PrivateKey) (*metadata.Key, string, error) {
	k, err := metadata.KeyFromPublicKey(key.Public())
	if err != nil {
		return nil, "", err
	}
	id, err := k.ID()
	return k, id, err
}

// signed signs a file of metadata, by each of the keys.
func signed[T metadata.Roles](m *metadata.Metadata[T], keys ...ed25519.PrivateKey) ([]byte, error) {
	m.ClearSignatures()
	for i, key := range keys {
		if i > 0 && bytes.Equal(key, keys[0]) {
			continue
		}
		s, err := signature.LoadED25519Signer(key)
		if err != nil {
			return nil, err
		}
		if _, err := m.Sign(s); err != nil {
			return nil, err
		}
	}
	return m.ToBytes(false)
}

func exists(path string) (bool, error) {
	_, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}
