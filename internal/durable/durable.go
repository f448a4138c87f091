// Package durable writes small files so that a power cut at any moment leaves
// the old or the new one, and never a part.
package durable

import (
	"errors"
	"os"
	"path/filepath"
)

// Replace writes a file that its owner alone can read (0600). It is whole and on
// the disk when Replace returns; after an error the one before may still be there.
// Calls for one path must not run at the same time: one of them would win.
func Replace(path string, data []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".new-*") // 0600
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err = errors.Join(err, f.Sync(), f.Close()); err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return SyncDir(filepath.Dir(path))
}

// SyncDir returns when the names in a directory are on the disk.
func SyncDir(path string) error {
	dir, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}
