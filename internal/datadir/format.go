package datadir

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// Format is the form of data directories that this program writes. It grows
// when an older program would misread what a newer one wrote; additions that
// older ones do not notice leave it as it is.
const Format = 1

const formatFile = "format.json"

// Mark says in which form the data is, and who wrote it.
type Mark struct {
	Format  int    `json:"format"`
	Program string `json:"program,omitempty"` // the version of the program that ran here last
}

// NewerError says that the data was written by a program that this one does
// not understand.
type NewerError struct {
	Where string // "the data directory /var/lib/wattwerk", "the bus"
	Mark  Mark
	Knows int // the newest form this program reads
}

func (e *NewerError) Error() string {
	program := "a newer wattwerk"
	if e.Mark.Program != "" {
		program = "wattwerk " + e.Mark.Program
	}
	return fmt.Sprintf("%s was written by %s in format %d, and this program reads formats up to %d; nothing was changed; run that version, or restore a backup that was made before the upgrade",
		e.Where, program, e.Mark.Format, e.Knows)
}

// ReadMark reads the mark of a directory. A directory without one is empty, or
// was written before there were marks, in format 1: then ok is false.
func ReadMark(dir string) (m Mark, ok bool, err error) {
	data, err := os.ReadFile(filepath.Join(dir, formatFile))
	if errors.Is(err, fs.ErrNotExist) {
		return Mark{Format: 1}, false, nil
	}
	if err == nil {
		err = json.Unmarshal(data, &m)
	}
	if err == nil && m.Format < 1 {
		err = fmt.Errorf("format %d", m.Format)
	}
	if err != nil {
		return m, false, fmt.Errorf("read %s: %w", filepath.Join(dir, formatFile), err)
	}
	return m, true, nil
}

// check refuses a directory of a newer program, and one that is not whole
// unless it is going to be made.
func check(dir string, make bool) error {
	begun, err := Unfinished(dir)
	if err != nil {
		return err
	}
	if begun && !make {
		return &UnfinishedError{dir}
	}
	m, _, err := ReadMark(dir)
	if err != nil {
		return err
	}
	if m.Format > Format {
		return &NewerError{Where: "the data directory " + dir, Mark: m, Knows: Format}
	}
	return nil
}

// mark writes the mark where it says something else. An empty program leaves
// the one that is there.
func (d *Dir) mark(program string) error {
	old, ok, err := ReadMark(d.path)
	if err != nil {
		return err
	}
	m := Mark{Format: Format, Program: program}
	if program == "" {
		m.Program = old.Program
	}
	if ok && m == old {
		return nil
	}
	return d.write(formatFile, m)
}
