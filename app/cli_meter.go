package app

import (
	"bufio"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/wattwerk/wattwerk/meter"
	"github.com/wattwerk/wattwerk/meter/sml"
)

// MeterCmd is "wattwerk meter".
type MeterCmd struct {
	Decode MeterDecodeCmd `cmd:"" help:"Print every reading of a capture as a line of JSON."`
}

// Help is shown by --help.
func (*MeterCmd) Help() string {
	return `Looks at what a meter says, without keeping anything; docs/meters.md explains it.

Example:
  wattwerk meter decode capture.bin`
}

// MeterDecodeCmd is "wattwerk meter decode".
type MeterDecodeCmd struct {
	File   string `arg:"" help:"What was captured of a meter; - is the standard input."`
	Format string `enum:"auto,sml" default:"auto" help:"sml, or auto: as the content looks."`
	Stats  bool   `help:"Say at the end what was whole and what was broken."`
}

// Help is shown by --help.
func (*MeterDecodeCmd) Help() string {
	return `Prints one line for each reading: obis, code, value, unit, scaler, raw, status, flags, meter,
telegram, and seconds and clock where the meter says a time. Nothing has to run for it. The exit
code is 1 if there is no telegram in it.

Examples:
  wattwerk meter decode capture.bin
  stty -F /dev/ttyUSB0 raw 9600; wattwerk meter decode - < /dev/ttyUSB0`
}

// readingLine is how a reading is printed.
type readingLine struct {
	OBIS     string          `json:"obis,omitempty"`
	Code     string          `json:"code,omitempty"`
	Point    string          `json:"point,omitempty"`
	Value    json.RawMessage `json:"value"`
	Unit     *string         `json:"unit"`
	Scaler   int8            `json:"scaler"`
	Raw      json.RawMessage `json:"raw"`
	Status   *uint64         `json:"status"`
	Flags    []string        `json:"flags"`
	Meter    string          `json:"meter,omitempty"`
	Telegram uint64          `json:"telegram"`
	Seconds  *int64          `json:"seconds,omitempty"`
	Clock    string          `json:"clock,omitempty"`
}

// newReadingLine says what a reading of the telegram is.
func newReadingLine(t *meter.Telegram, number uint64, r *meter.Reading) (readingLine, error) {
	line := readingLine{Point: r.Point, Scaler: r.Scaler, Flags: r.Flags.Names(), Meter: hex.EncodeToString(t.Meter), Telegram: number}
	if !r.Code.IsZero() {
		line.OBIS, line.Code = r.Code.Hex(), r.Code.String()
	}
	if symbol := r.Unit.Symbol(); symbol != "" {
		line.Unit = &symbol
	}
	if r.HasStatus {
		line.Status = &r.Status
	}
	switch r.Time.Clock {
	case meter.Index:
		line.Clock, line.Seconds = "index", &r.Time.Seconds
	case meter.Wall:
		line.Clock, line.Seconds = "wall", &r.Time.Seconds
	}
	var err error
	switch r.Kind {
	case meter.Text:
		digits := hex.EncodeToString(r.Octets)
		text := digits
		if printable(r.Octets) {
			text = string(r.Octets)
		}
		if line.Value, err = json.Marshal(text); err == nil {
			line.Raw, err = json.Marshal(digits)
		}
	case meter.Truth:
		line.Raw = r.Raw.AppendDecimal(nil, 0)
		line.Value, err = json.Marshal(r.Raw.Sign() != 0)
	default:
		line.Raw = r.Raw.AppendDecimal(nil, 0)
		line.Value = r.Raw.AppendDecimal(nil, r.Scaler)
	}
	return line, err
}

// printable tells whether the bytes are text of ASCII.
func printable(b []byte) bool {
	for _, c := range b {
		if c < 0x20 || c > 0x7e {
			return false
		}
	}
	return len(b) > 0
}

// Run decodes the file.
func (c *MeterDecodeCmd) Run(ctx context.Context, sys IO) (err error) {
	in := sys.In
	if c.File != "-" {
		f, err := os.Open(c.File)
		if err != nil {
			return fmt.Errorf("open capture: %w", err)
		}
		defer f.Close() //nolint:errcheck // it was only read
		in = f
	}
	out := bufio.NewWriterSize(sys.Out, 1<<16)
	defer func() { err = errors.Join(err, out.Flush()) }()

	decoder := c.decoder()
	lines := json.NewEncoder(out)
	number := uint64(0)
	var failed error
	take := func(t *meter.Telegram) {
		number++
		for i := range t.Readings {
			line, err := newReadingLine(t, number, &t.Readings[i])
			if err == nil {
				err = lines.Encode(line)
			}
			failed = errors.Join(failed, err)
		}
	}
	if err := feed(ctx, in, decoder, take, func() error { return errors.Join(failed, out.Flush()) }); err != nil {
		return fmt.Errorf("decode %s: %w", c.File, err)
	}
	stats := decoder.Stats()
	if c.Stats {
		fmt.Fprintf(sys.Err, "%d bytes, %d telegrams of which %d were salvaged, %d frames whole and %d broken, %d messages refused\n", //nolint:errcheck // nowhere else to say it
			stats.Bytes, stats.Telegrams, stats.Salvaged, stats.Frames, stats.Broken, stats.Refused)
	}
	if stats.Telegrams == 0 {
		return fmt.Errorf("decode %s: no telegram in %d bytes: %d frames are whole and %d broken", c.File, stats.Bytes, stats.Frames, stats.Broken)
	}
	return failed
}

// decoder makes the one that is asked for.
func (c *MeterDecodeCmd) decoder() meter.Decoder {
	return sml.NewDecoder()
}

// feed gives a decoder all there is to read. After each piece it calls between.
func feed(ctx context.Context, in io.Reader, decoder meter.Decoder, take func(*meter.Telegram), between func() error) error {
	piece := make([]byte, 1<<16)
	for {
		n, err := in.Read(piece)
		decoder.Feed(piece[:n], take)
		if errors.Is(err, io.EOF) {
			decoder.Flush(take)
			return between()
		}
		if err = errors.Join(err, between(), ctx.Err()); err != nil {
			return err
		}
	}
}
