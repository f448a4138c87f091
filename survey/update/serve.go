package update

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"

	"github.com/wattwerk/wattwerk/survey/release"
)

// ErrNotFound says that no such file is served.
var ErrNotFound = fmt.Errorf("there is no such file among the updates: %w", fs.ErrNotExist)

var (
	metadataNames = regexp.MustCompile(`^(timestamp|[1-9][0-9]{0,17}\.(root|snapshot|targets))\.json$`)
	programNames  = regexp.MustCompile(`^[0-9a-f]{64}\.wattwerk-[0-9A-Za-z.+-]{1,120}$`)
)

// Metadata gives a file of metadata.
func (r *Repository) Metadata(name string) ([]byte, error) {
	if !metadataNames.MatchString(name) {
		return nil, ErrNotFound
	}
	return r.part(filepath.Join(r.dir, name), 0, release.MaxMetadata)
}

// Program gives a part of a program, [release.MaxPart] bytes from an offset on, and fewer at its end.
func (r *Repository) Program(name string, offset int64) ([]byte, error) {
	if !programNames.MatchString(name) || offset < 0 || offset > release.MaxProgram {
		return nil, ErrNotFound
	}
	return r.part(filepath.Join(r.dir, programsDir, name), offset, release.MaxPart)
}

func (r *Repository) part(path string, offset, most int64) ([]byte, error) {
	f, err := os.Open(path)
	if os.IsNotExist(err) {
		return nil, ErrNotFound
	}
	if err != nil {
		return nil, fmt.Errorf("read update: %w", err)
	}
	data, err := io.ReadAll(io.NewSectionReader(f, offset, most))
	if err = errors.Join(err, f.Close()); err != nil {
		return nil, fmt.Errorf("read update: %w", err)
	}
	return data, nil
}
