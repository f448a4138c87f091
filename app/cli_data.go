package app

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/wattwerk/wattwerk/history/transfer"
	"github.com/wattwerk/wattwerk/internal/config"
	"github.com/wattwerk/wattwerk/internal/datadir"
)

// PrintConfig writes the settings as a commented file.
func PrintConfig(w io.Writer, c *Config) error { return config.Print(w, c) }

func firstLine(r io.Reader) (string, error) {
	line, err := bufio.NewReader(r).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return "", err
	}
	return strings.TrimRight(line, "\r\n"), nil
}

// ImportCmd is "wattwerk import".
type ImportCmd struct {
	serverFlags
	Files     []string `arg:"" help:"CSV, NDJSON or Parquet; '-' reads from standard input."`
	Format    string   `placeholder:"FORMAT" help:"csv, ndjson, parquet or xlsx (default: by the name of the file)."`
	Column    []string `sep:"none" placeholder:"COLUMN=SENSOR:UNIT/INTERVAL" help:"A column with the values of one sensor; may be repeated (default: every column)."`
	Time      string   `placeholder:"COLUMN" help:"The column of the time (default: time, timestamp, date, or the first)."`
	Layout    string   `placeholder:"LAYOUT" help:"How times are written: as Go writes 2006-01-02 15:04:05, or unix, unix_ms (default: ISO 8601)."`
	Zone      string   `placeholder:"ZONE" help:"IANA time zone of times that do not say theirs (default: UTC)."`
	Shift     string   `placeholder:"TIME" help:"Added to every time, as -15m when rows are stamped with the end of their interval."`
	Unit      string   `placeholder:"UNIT" help:"Unit of columns that do not state theirs."`
	Sensor    string   `placeholder:"COLUMN" help:"The column that names the sensor, when each row is one value."`
	Value     string   `placeholder:"COLUMN" help:"The column of the value, then."`
	Date      string   `placeholder:"COLUMN" help:"The column of the date, where that of the time has only the time of day."`
	Stamp     string   `placeholder:"WORD" help:"begin or end: which end of their interval amounts are stamped with (default: begin)."`
	Encoding  string   `placeholder:"NAME" help:"utf-8, utf-16le, utf-16be or latin-1 (default: by the first bytes, else utf-8)."`
	Skip      int      `placeholder:"N" help:"Lines before the head of CSV."`
	Headless  bool     `help:"There is no head; columns are called 1, 2, 3."`
	Delimiter string   `placeholder:"CHAR" help:"Between the columns of CSV (default: recognised)."`
	Decimal   string   `placeholder:"WORD" help:"comma or point (default: point)."`
	Preview   bool     `help:"Show how the file is written and what it holds, and store nothing. Options that are not given are guessed."`
	DryRun    bool     `help:"Compare the file with what is stored, and store nothing."`
}

// Help is shown by --help.
func (*ImportCmd) Help() string {
	return `Readings of any age come in: years of history, a logger's memory card, another program's export.
To import a file again changes nothing; a reading that contradicts a stored one is refused and
listed. While a wattwerk runs on the data directory the file is handed to it; while none runs it is
written directly.

Examples:
  wattwerk import readings.csv                            time, then a column for each sensor
  wattwerk import --column 'P_main=main:kW' meter.csv     one column, with its unit
  wattwerk import --zone Europe/Berlin --stamp end --column 'kWh=hall3:kWh/15m' load.csv
                                                          energy per quarter becomes power
  wattwerk import --preview load.csv                      how it is written and what it holds
  zcat year.csv.gz | wattwerk import --format csv -`
}

func (c *ImportCmd) query(file string) url.Values {
	q := url.Values{"column": c.Column}
	format := c.Format
	if format == "" {
		switch strings.ToLower(filepath.Ext(file)) {
		case ".parquet":
			format = "parquet"
		case ".ndjson", ".jsonl", ".json":
			format = "ndjson"
		default:
			format = "csv"
		}
	}
	for k, v := range map[string]string{
		"format": format, "time": c.Time, "layout": c.Layout, "zone": c.Zone, "shift": c.Shift, "unit": c.Unit,
		"sensor": c.Sensor, "value": c.Value, "delimiter": c.Delimiter, "decimal": c.Decimal,
		"date": c.Date, "stamp": c.Stamp, "encoding": c.Encoding,
	} {
		if v != "" {
			q.Set(k, v)
		}
	}
	if c.DryRun {
		q.Set("dry_run", "true")
	}
	if c.Skip != 0 {
		q.Set("skip", strconv.Itoa(c.Skip))
	}
	if c.Headless {
		q.Set("head", "none")
	}
	return q
}

// Run imports one file after the other.
func (c *ImportCmd) Run(ctx context.Context, sys IO) error {
	if c.Preview {
		return c.preview(ctx, sys)
	}
	for _, file := range c.Files {
		if _, err := transfer.ParseImportOptions(c.query(file)); err != nil {
			return usageError{err}
		}
	}
	server, err := c.connect(sys)
	if err != nil && !errors.Is(err, datadir.ErrNotRunning) {
		return err
	}
	var refused uint64
	for _, file := range c.Files {
		res, err := c.one(ctx, sys, server, file)
		if err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
		would := ""
		if c.DryRun {
			would = " (nothing is stored)"
		}
		fmt.Fprintf(sys.Out, "%s: %d rows, %d values: %d new, %d there already, %d refused%s\n", //nolint:errcheck // nobody reads it, then
			file, res.Rows, res.Samples, res.Stored, res.Duplicates, res.Refused, would)
		for _, x := range res.Examples {
			fmt.Fprintf(sys.Err, "  row %d %s: %s\n", x.Row, x.Sensor, x.Reason) //nolint:errcheck // nobody reads it, then
		}
		refused += res.Refused
	}
	if refused > 0 {
		return fmt.Errorf("%d values were refused", refused)
	}
	return nil
}

// one imports a file; server is nil when none is running.
func (c *ImportCmd) one(ctx context.Context, sys IO, server *client, file string) (transfer.ImportResult, error) {
	var res transfer.ImportResult
	in, size := sys.In, int64(0)
	if file != "-" {
		f, err := os.Open(file)
		if err != nil {
			return res, err
		}
		defer f.Close() //nolint:errcheck // only read
		if st, err := f.Stat(); err == nil {
			size = st.Size()
		}
		in = f
	}
	p := newProgress(sys, "import", size)
	defer p.end()
	q := c.query(file)
	if server == nil {
		return c.offline(ctx, sys, io.TeeReader(in, p), q)
	}
	resp, err := server.do(ctx, http.MethodPost, "/api/v1/import?"+q.Encode(), "application/octet-stream", io.TeeReader(in, p))
	if err != nil {
		return res, err
	}
	defer resp.Body.Close()
	return res, json.NewDecoder(resp.Body).Decode(&res)
}

// offline writes into a directory on which nothing runs.
func (c *ImportCmd) offline(ctx context.Context, sys IO, r io.Reader, q url.Values) (res transfer.ImportResult, err error) {
	cfg, err := c.load(sys, nil)
	if err != nil {
		return res, err
	}
	o, err := transfer.ParseImportOptions(q)
	if err != nil {
		return res, err
	}
	dir, err := datadir.Open(cfg.Data)
	if err != nil {
		return res, err
	}
	defer dir.Close()
	store, err := openHistory(ctx, &cfg, dir.Join(historyDir), slog.New(slog.DiscardHandler), nil)
	if err != nil {
		return res, err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	res, err = transfer.Import(ctx, store, r, o, nil, nil)
	return res, errors.Join(err, cfg.markFilled(ctx, res.Filled))
}

// ExportCmd is "wattwerk export".
type ExportCmd struct {
	serverFlags
	File   string `arg:"" help:"The file to write; '-' writes to standard output."`
	Sensor string `placeholder:"ID" help:"Export the readings of this sensor."`
	Group  string `placeholder:"ID" help:"Export the ticks of this group."`
	From   string `default:"now-1h" help:"Begin: RFC 3339, milliseconds since 1970, or like now-7d."`
	To     string `default:"now" help:"End."`
	Format string `placeholder:"FORMAT" help:"csv, ndjson, parquet or xlsx (default: by the name of the file)."`

	Settled string `placeholder:"SIZE" help:"Export settled windows instead: 15m, 30m, 1h, 1d, 1w, 1M or 1y; of a group with all that is below it. As csv, parquet or xlsx."`
}

// Help is shown by --help.
func (*ExportCmd) Help() string {
	return `Examples:
  wattwerk export --sensor main --from 2026-01-01T00:00:00Z year.parquet
  wattwerk export --group hall3 --from now-7d week.csv
  wattwerk export --sensor main --format ndjson -
  wattwerk export --group hall3 --settled 15m --from 2026-01-01T00:00:00Z --to 2026-02-01T00:00:00Z january.parquet
  wattwerk export --group hall3 --settled 1d --from 2026-01-01T00:00:00Z --to 2027-01-01T00:00:00Z year.xlsx

Readings that were exported can be imported as they are.`
}

// Run writes the file.
func (c *ExportCmd) Run(ctx context.Context, sys IO) error {
	if (c.Sensor == "") == (c.Group == "") {
		return usageError{errors.New("say what to export: --sensor or --group, one of them")}
	}
	kind, id := "sensors", c.Sensor
	if id == "" {
		kind, id = "groups", c.Group
	}
	format := c.Format
	if format == "" {
		format = strings.TrimPrefix(strings.ToLower(filepath.Ext(c.File)), ".")
	}
	if format == "" {
		format = "csv"
	}
	server, err := c.connect(sys)
	if err != nil {
		return err
	}
	q := url.Values{"from": {c.From}, "to": {c.To}, "format": {format}}
	if c.Settled != "" {
		kind = "settled/" + kind
		q.Set("size", c.Settled)
	}
	resp, err := server.do(ctx, http.MethodGet, "/api/v1/"+kind+"/"+url.PathEscape(id)+"/export?"+q.Encode(), "", nil)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if c.File == "-" {
		_, err := io.Copy(sys.Out, resp.Body)
		return err
	}
	f, err := os.OpenFile(c.File, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	p := newProgress(sys, "export", 0)
	_, err = io.Copy(io.MultiWriter(f, p), resp.Body)
	p.end()
	if err := errors.Join(err, f.Close()); err != nil {
		return errors.Join(err, os.Remove(c.File))
	}
	_, err = fmt.Fprintf(sys.Err, "%s written, %s\n", c.File, byteCount(p.n))
	return err
}
