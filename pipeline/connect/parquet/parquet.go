package parquet

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/wattwerk/wattwerk/manifest"
	"github.com/wattwerk/wattwerk/pipeline/connect"
)

const (
	maxRows    = 200_000 // of a file
	maxPending = 50_000  // results in the journal
	maxJournal = 64 << 20
)

// Protocol is that of Parquet files.
func Protocol() connect.Protocol {
	return connect.Protocol{
		Name:    "parquet",
		Summary: "Results are rows of Parquet files, some for each day.",
		Details: "Files are `DAY-NNNN.parquet`, of at most 200,000 rows, with the columns manifest, processor, key, time, value (null where there is none) and marks. " +
			"They are in a directory below the one that the settings name. Results are safe in a journal there until a file is written, after `every` at the latest. " +
			"The last file of a day is replaced by one that has more rows.",
		Example: `interfaces:
  - name: Files
    protocol: parquet
kinds:
  - name: Results
    quantityKind: TotalRealPower
    unit: W
sourceDefinitions:
  - {name: Results in files, interface: Files, kinds: [Results]}
sources:
  - name: For the data scientists
    definition: Results in files
    parameters: {directory: hourly, every: 15m}
`,
		Parameters: []manifest.Parameter{
			{Name: "directory", Description: "Where, below the directory of the settings: names of letters, digits, ., _ and -, with / between them. Absent: the identifier of the sink."},
			{Name: "every", Type: manifest.Duration, Description: "How long results wait for others before they are in a file, at most.", Default: connect.Default("15m")},
		},
		Check:  check,
		Writer: newWriter,
		Local:  true,
	}
}

type writer struct {
	end   connect.End
	every time.Duration

	mu      sync.Mutex
	root    *os.Root // its directory
	journal *os.File
	size    int64              // of the journal
	pending map[identity]row   // what is in it
	timer   *time.Timer        // nil: nothing waits
	fault   func(string) error // tests fail steps by it
}

func check(v manifest.Values) error {
	if dir := v.Text("directory"); dir != "" {
		return checkDirectory(dir)
	}
	return nil
}

// checkDirectory tells what is wrong with the name of a directory.
func checkDirectory(s string) error {
	for part := range strings.SplitSeq(s, "/") {
		if part == "" || strings.HasPrefix(part, ".") || len(part) > 100 || len(s) > 300 ||
			strings.Trim(part, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") != "" {
			return fmt.Errorf("the directory %.60q is not made of names of letters, digits, ., _ and -, with / between them", s)
		}
	}
	return nil
}

func newWriter(_ context.Context, e connect.End) (connect.Writer, error) {
	w, err := open(e, nil)
	if err != nil {
		return nil, fmt.Errorf("open sink %s: %w", e.Name, err)
	}
	return w, nil
}

func open(e connect.End, fault func(string) error) (w *writer, err error) {
	w = &writer{end: e, every: e.Duration("every"), fault: fault}
	if w.every <= 0 {
		w.every = 15 * time.Minute
	}
	if e.House.Files == "" {
		return nil, errors.New("the settings name no directory for files")
	}
	dir := e.Text("directory")
	if dir == "" {
		dir = e.ID
	}
	if err := checkDirectory(dir); err != nil {
		return nil, err
	}
	house, err := os.OpenRoot(e.House.Files)
	if err != nil {
		return nil, errors.New("the directory for files cannot be opened")
	}
	defer func() { err = errors.Join(err, house.Close()) }()
	if err := house.MkdirAll(dir, 0o750); err != nil {
		return nil, err
	}
	if w.root, err = house.OpenRoot(dir); err != nil {
		return nil, err
	}
	if err := w.recover(); err != nil {
		return nil, errors.Join(err, w.root.Close())
	}
	w.wait()
	return w, nil
}

// step is a moment in which tests have it end.
func (w *writer) step(what string) error {
	if w.fault == nil {
		return nil
	}
	return w.fault(what)
}

// wait has a file written in time, if there is something for one.
func (w *writer) wait() {
	if len(w.pending) == 0 || w.timer != nil {
		return
	}
	w.timer = time.AfterFunc(w.every, func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		if w.timer == nil {
			return // closed meanwhile
		}
		w.timer = nil
		if err := w.flush(); err != nil {
			w.end.Log.Warn("Parquet files of a data sink were not written, trying again", "end", w.end.ID, "error", err)
			w.wait()
		}
	})
}

// Write returns when the results are in the journal, on the disk.
func (w *writer) Write(ctx context.Context, results []connect.Written) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	var refused connect.Refused
	for len(results) > 0 {
		if err := ctx.Err(); err != nil {
			return err
		}
		n := min(len(results), maxPending/10)
		if len(w.pending)+n > maxPending || w.size > maxJournal {
			if err := w.flush(); err != nil {
				return fmt.Errorf("write to sink %s: %w", w.end.Name, err)
			}
		}
		if err := w.note(results[:n], &refused); err != nil {
			return fmt.Errorf("write to sink %s: %w", w.end.Name, err)
		}
		results = results[n:]
	}
	w.wait()
	return refused.Err()
}

// Close writes what waits into files.
func (w *writer) Close() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.timer != nil {
		w.timer.Stop()
		w.timer = nil
	}
	return errors.Join(w.flush(), w.journal.Close(), w.root.Close())
}
