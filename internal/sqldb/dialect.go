package sqldb

import (
	"bytes"
	"fmt"
	"io"
	"io/fs"
	"regexp"
)

// forSQLite are migrations in which what is meant for SQLite alone is said.
type forSQLite struct{ fs.FS }

var onlySQLite = regexp.MustCompile(`/\*SQLite: ([^*]*)\*/`)

// Open opens a directory as it is, and a migration with what SQLite is told.
func (f forSQLite) Open(name string) (fs.File, error) {
	file, err := f.FS.Open(name)
	if err != nil {
		return nil, err
	}
	if d, ok := file.(fs.ReadDirFile); ok {
		return d, nil
	}
	data, err := io.ReadAll(file)
	if err != nil {
		return nil, fmt.Errorf("%w; %w", err, file.Close())
	}
	return told{file, bytes.NewReader(onlySQLite.ReplaceAll(data, []byte("$1")))}, nil
}

// told is a file with another content.
type told struct {
	fs.File
	content io.Reader
}

// Read reads the other content.
func (t told) Read(b []byte) (int, error) { return t.content.Read(b) }
