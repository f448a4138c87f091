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
	"time"

	"github.com/wattwerk/wattwerk/internal/run"
	"github.com/wattwerk/wattwerk/meter"
	"github.com/wattwerk/wattwerk/meter/kind"
)

// MeterCmd is "wattwerk meter".
type MeterCmd struct {
	Read   MeterReadCmd   `cmd:"" help:"Read a meter and print every reading as a line of JSON."`
	Decode MeterDecodeCmd `cmd:"" help:"Print every reading of a capture as a line of JSON."`
	Unlock MeterUnlockCmd `cmd:"" help:"Enter the PIN of a meter by light, so that it tells all."`
	PIN    MeterPINCmd    `cmd:"" name:"pin" help:"Keep the PIN of a meter in a file that is encrypted."`
}

// Help is shown by --help.
func (*MeterCmd) Help() string {
	return `Looks at what a meter says, without keeping anything; docs/meters.md explains it.

Examples:
  wattwerk meter read /dev/ttyUSB0
  wattwerk meter decode capture.bin`
}

// MeterReadCmd is "wattwerk meter read".
type MeterReadCmd struct {
	Address  string        `arg:"" help:"/dev/ttyUSB0 or tcp://HOST:PORT, with ?baud=9600&frame=7E1 if they are not as usual; http://HOST, snmp://HOST, gpio:/dev/gpiochip0/17."`
	Kind     string        `enum:"${meter_kinds}" default:"sml" help:"Its kind: ${meter_kinds}."`
	Unit     uint8         `default:"1" help:"The unit that is asked, of Modbus."`
	User     string        `help:"Who asks, of HTTP (default: admin) and of SNMP 3."`
	Password string        `name:"password-file" placeholder:"FILE" help:"File with the password, of HTTP." type:"path"`
	Secret   string        `name:"community-file" placeholder:"FILE" help:"File with the community, of SNMP 2c (default: public)." type:"path"`
	Auth     string        `name:"auth-file" placeholder:"FILE" help:"File with the passphrase for authentication, of SNMP 3." type:"path"`
	AuthBy   string        `name:"auth" placeholder:"NAME" help:"By which it is: SHA, SHA-224, SHA-256 (default), SHA-384, SHA-512."`
	Priv     string        `name:"priv-file" placeholder:"FILE" help:"File with the passphrase for encryption, of SNMP 3." type:"path"`
	PrivBy   string        `name:"priv" placeholder:"NAME" help:"By which it is: AES (default), AES-192, AES-256, AES-192-Blumenthal, AES-256-Blumenthal."`
	PerKWh   uint32        `name:"per-kwh" default:"1000" help:"Pulses for a kilowatt hour, of S0."`
	Count    int           `default:"1" help:"How many times it is read; 0: until it fails or is interrupted."`
	Interval time.Duration `default:"10s" help:"Between two readings of a meter that is asked. Others send at their own pace."`
	Timeout  time.Duration `default:"2m" help:"How long one reading may take."`
}

// Help is shown by --help.
func (*MeterReadCmd) Help() string {
	return `Reads a meter once, or again and again, and prints what it says as 'wattwerk meter decode' does; nothing
is kept. Serial ports are set to the usual speed of the kind.

Examples:
  wattwerk meter read /dev/ttyUSB0
  wattwerk meter read --kind iec62056-ask '/dev/ttyUSB0?baud=300'
  wattwerk meter read --kind sunspec --count 0 --interval 1s tcp://inverter:502
  wattwerk meter read --kind shelly --password-file plug.password http://plug.example.org
  wattwerk meter read --kind s0 --per-kwh 500 --count 0 gpio:/dev/gpiochip0/17`
}

// Run reads the meter.
func (c *MeterReadCmd) Run(ctx context.Context, sys IO) (err error) {
	if c.Count < 0 || c.Interval < 0 || c.Timeout <= 0 {
		return usageError{errors.New("--count and --interval are not negative, and --timeout is positive")}
	}
	settings := kind.Settings{Kind: c.Kind, Address: c.Address, Unit: c.Unit, PerKWh: c.PerKWh, User: c.User, AuthBy: c.AuthBy, PrivacyBy: c.PrivBy}
	for key, file := range map[string]string{"password_file": c.Password, "community_file": c.Secret, "auth_file": c.Auth, "priv_file": c.Priv} {
		if file == "" {
			continue
		}
		if _, err := loginWord(&settings, key, file); err != nil {
			return fmt.Errorf("read who asks: %w", err)
		}
	}
	reader, err := kind.NewReader(settings)
	if err != nil {
		return usageError{err}
	}
	defer func() { err = errors.Join(err, reader.Close()) }()
	p := newReadingPrinter(sys.Out)
	for n := 0; c.Count == 0 || n < c.Count; n++ {
		if n > 0 && kind.Asked(c.Kind) {
			if !run.Pause(ctx, c.Interval) {
				return ctx.Err()
			}
		}
		once, cancel := context.WithTimeout(ctx, c.Timeout)
		err := reader.Read(once, p.print)
		cancel()
		if err = errors.Join(err, p.flush()); err != nil {
			return err
		}
	}
	return nil
}

// MeterDecodeCmd is "wattwerk meter decode".
type MeterDecodeCmd struct {
	File   string `arg:"" help:"What was captured of a meter; - is the standard input."`
	Format string `enum:"auto,sml,dsmr,iec62056" default:"auto" help:"sml, dsmr, iec62056, or auto: as the content is."`
	Stats  bool   `help:"Say at the end what was whole and what was broken."`
}

// Help is shown by --help.
func (*MeterDecodeCmd) Help() string {
	return `Prints one line for each reading: obis, code, value, unit, scaler, raw, status, flags, meter,
telegram, and seconds and clock where the meter says a time. Nothing has to run for it. The exit
code is 1 if there is no telegram in it.

Examples:
  wattwerk meter decode capture.bin
  wattwerk meter decode --format dsmr --stats p1.txt
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
func (c *MeterDecodeCmd) Run(ctx context.Context, sys IO) error {
	in := sys.In
	if c.File != "-" {
		f, err := os.Open(c.File)
		if err != nil {
			return fmt.Errorf("open capture: %w", err)
		}
		defer f.Close() //nolint:errcheck // it was only read
		in = f
	}
	decoder, err := kind.NewDecoder(c.Format)
	if err != nil {
		return usageError{err}
	}
	p := newReadingPrinter(sys.Out)
	if err := feed(ctx, in, decoder, p.print, p.flush); err != nil {
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
	return nil
}

// readingPrinter prints telegrams, a reading a line, and counts them.
type readingPrinter struct {
	out    *bufio.Writer
	lines  *json.Encoder
	number uint64
	failed error
}

func newReadingPrinter(out io.Writer) *readingPrinter {
	w := bufio.NewWriterSize(out, 1<<16)
	return &readingPrinter{out: w, lines: json.NewEncoder(w)}
}

func (p *readingPrinter) print(t *meter.Telegram) {
	p.number++
	for i := range t.Readings {
		line, err := newReadingLine(t, p.number, &t.Readings[i])
		if err == nil {
			err = p.lines.Encode(line)
		}
		p.failed = errors.Join(p.failed, err)
	}
}

// flush writes what was printed, and says what went wrong with it.
func (p *readingPrinter) flush() error { return errors.Join(p.failed, p.out.Flush()) }

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
