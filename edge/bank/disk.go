package bank

import (
	"io"
	"os"
	"path/filepath"

	"github.com/wattwerk/wattwerk/internal/durable"
)

// Disk is where banks are; names are relative, with slashes. Errors are [fs.ErrNotExist] for what
// is not there.
type Disk interface {
	// Open opens a file for reading.
	Open(name string) (io.ReadCloser, error)
	// Append opens a file for writing at its end, which is its beginning when it is new.
	Append(name string) (File, error)
	// Size is how long a file is, in bytes.
	Size(name string) (int64, error)
	// Rename has a file take the place of another, and is on the disk when it returns.
	Rename(from, to string) error
	// Remove removes a file, and is on the disk when it returns.
	Remove(name string) error
}

// File is a file that is written.
type File interface {
	io.WriteCloser
	// Sync returns when what was written is on the disk.
	Sync() error
}

// Dir is a directory of the system.
type Dir string

// Path is where a file is.
func (d Dir) Path(name string) string { return filepath.Join(string(d), filepath.FromSlash(name)) }

// Open opens a file for reading.
func (d Dir) Open(name string) (io.ReadCloser, error) { return os.Open(d.Path(name)) }

// Append opens a file for writing at its end. Programs are executable from the beginning, since
// nobody starts them before they have their name.
func (d Dir) Append(name string) (File, error) {
	path := d.Path(name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, err
	}
	return os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o700)
}

// Size is how long a file is.
func (d Dir) Size(name string) (int64, error) {
	info, err := os.Stat(d.Path(name))
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

// Rename has a file take the place of another.
func (d Dir) Rename(from, to string) error {
	if err := os.Rename(d.Path(from), d.Path(to)); err != nil {
		return err
	}
	return durable.SyncDir(filepath.Dir(d.Path(to)))
}

// Remove removes a file.
func (d Dir) Remove(name string) error {
	if err := os.Remove(d.Path(name)); err != nil {
		return err
	}
	return durable.SyncDir(filepath.Dir(d.Path(name)))
}
