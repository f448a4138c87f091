package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/term"

	"github.com/wattwerk/wattwerk/meter"
	"github.com/wattwerk/wattwerk/meter/kind"
	"github.com/wattwerk/wattwerk/meter/light"
)

// triesFile is where tries are noted in the data directory.
const triesFile = "meter-tries.json"

// MeterUnlockCmd is "wattwerk meter unlock".
type MeterUnlockCmd struct {
	settingsFlags
	Address string        `arg:"" help:"Where the meter is read: /dev/ttyUSB0 or tcp://HOST:PORT."`
	Model   string        `required:"" enum:"${light_models}" help:"Its model: ${light_models}."`
	Lamp    string        `placeholder:"LAMP" help:"gpio:/dev/gpiochip0/17, gpio-low:… or tcp://HOST:PORT (default: the optical head at the serial port)."`
	PINFile string        `name:"pin-file" placeholder:"FILE" help:"File with the PIN, that you alone can read (default: it is asked for)." type:"path"`
	Sealed  string        `placeholder:"FILE" help:"File with the PIN that 'wattwerk meter pin' has made." type:"path"`
	Key     string        `placeholder:"FILE" help:"Key of the device for it (default: beside it, device.key)." type:"path"`
	Keep    time.Duration `placeholder:"TIME" help:"Keep it open for so long, by a flash now and then (default: 0)."`
}

// Help is shown by --help.
func (*MeterUnlockCmd) Help() string {
	return `Enters the PIN by flashes of the optical head, as one does with a torch. It takes about three minutes.
Nothing is lit unless the meter looks locked, and no more than twice in 24 hours: some meters lock
the entry after wrong PINs. Nothing is lit for long, which could delete what the meter keeps. What of
the times nobody has confirmed for the model is said at the beginning.

Examples:
  wattwerk meter unlock --model EASY /dev/ttyUSB0              asks for the PIN, without showing it
  wattwerk meter unlock --model MT681 --sealed pin.sealed --keep 1h /dev/ttyUSB0
  wattwerk meter unlock --model DD3 --lamp gpio:/dev/gpiochip0/17 --pin-file pin.txt /dev/ttyAMA0`
}

// Run unlocks the meter.
func (c *MeterUnlockCmd) Run(ctx context.Context, sys IO) (err error) {
	if c.Keep < 0 || c.Sealed != "" && c.PINFile != "" {
		return usageError{errors.New("--keep is not negative, and the PIN is in one file")}
	}
	cfg, err := c.load(sys, nil)
	if err != nil {
		return err
	}
	var pin light.PIN
	if c.Sealed != "" {
		pin, err = light.OpenPIN(keyBeside(c.Key, c.Sealed), c.Sealed)
	} else {
		pin, err = readPIN(sys, c.PINFile)
	}
	if err != nil {
		return err
	}
	reader, err := kind.NewReader(kind.Settings{Kind: "sml", Address: c.Address})
	if err != nil {
		return usageError{err}
	}
	defer func() { err = errors.Join(err, reader.Close()) }()
	if err := os.MkdirAll(cfg.Data, 0o700); err != nil {
		return err
	}
	u, end, err := kind.NewUnlocker(kind.UnlockSettings{Model: c.Model, PIN: pin, Lamp: c.Lamp, Journal: filepath.Join(cfg.Data, triesFile)}, reader)
	if err != nil {
		return usageError{err}
	}
	defer func() { err = errors.Join(err, end()) }()
	return unlockMeter(ctx, sys, c.Model, u, c.Keep)
}

// unlockMeter does it, and says so.
func unlockMeter(ctx context.Context, sys IO, model string, u meter.Unlocker, keep time.Duration) error {
	p, err := light.Find(model)
	if err != nil {
		return usageError{err}
	}
	say := func(format string, args ...any) { fmt.Fprintf(sys.Err, format+"\n", args...) } //nolint:errcheck // nowhere else to say it
	if len(p.Unverified) > 0 {
		say("not confirmed for the %s: %s", model, strings.Join(p.Unverified, ", "))
	}
	if err := u.Unlock(ctx); err != nil {
		return fmt.Errorf("unlock meter: %w", err)
	}
	say("the meter is open")
	for until := time.Now().Add(keep); time.Until(until) > 0; {
		t := time.NewTimer(min(u.Every(), time.Until(until)))
		select {
		case <-t.C:
		case <-ctx.Done():
			t.Stop()
			return ctx.Err()
		}
		if err := u.KeepOpen(ctx); err != nil {
			return fmt.Errorf("keep meter open: %w", err)
		}
	}
	return nil
}

// MeterPINCmd is "wattwerk meter pin".
type MeterPINCmd struct {
	File    string `arg:"" help:"The file to write." type:"path"`
	Key     string `placeholder:"FILE" help:"Key of the device, made where there is none (default: beside it, device.key)." type:"path"`
	PINFile string `name:"pin-file" placeholder:"FILE" help:"File with the PIN, that you alone can read (default: it is asked for)." type:"path"`
}

// Help is shown by --help.
func (*MeterPINCmd) Help() string {
	return `The file is good for nothing without the key. Who has both has the PIN: keep the key where the file does
not go, and away from backups.

Examples:
  wattwerk meter pin pin.sealed
  wattwerk meter pin --key /media/stick/device.key --pin-file pin.txt pin.sealed`
}

// Run seals the PIN.
func (c *MeterPINCmd) Run(sys IO) error {
	pin, err := readPIN(sys, c.PINFile)
	if err != nil {
		return err
	}
	return light.SealPIN(keyBeside(c.Key, c.File), c.File, pin)
}

func keyBeside(key, file string) string {
	if key != "" {
		return key
	}
	return filepath.Join(filepath.Dir(file), "device.key")
}

// readPIN reads a PIN from a file that others cannot read, or asks for it. It is never in an error.
func readPIN(sys IO, path string) (light.PIN, error) {
	if path != "" {
		f, err := os.Open(path)
		if err != nil {
			return light.PIN{}, fmt.Errorf("read PIN: %w", err)
		}
		defer f.Close() //nolint:errcheck // it was only read
		info, err := f.Stat()
		if err != nil {
			return light.PIN{}, fmt.Errorf("read PIN: %w", err)
		}
		if info.Mode().Perm()&0o077 != 0 {
			return light.PIN{}, usageError{fmt.Errorf("read PIN: %s can be read by others; chmod 600 it", path)}
		}
		return parsePIN(io.LimitReader(f, 64))
	}
	if f, ok := sys.In.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		fmt.Fprint(sys.Err, "PIN: ") //nolint:errcheck // who does not see it knows
		text, err := term.ReadPassword(int(f.Fd()))
		fmt.Fprintln(sys.Err) //nolint:errcheck // as above
		if err != nil {
			return light.PIN{}, fmt.Errorf("read PIN: %w", err)
		}
		return parsePIN(strings.NewReader(string(text)))
	}
	if sys.In == nil {
		return light.PIN{}, usageError{errors.New("read PIN: there is nobody to ask; name a --pin-file")}
	}
	return parsePIN(io.LimitReader(sys.In, 64))
}

func parsePIN(in io.Reader) (light.PIN, error) {
	text, err := firstLine(in)
	if err != nil {
		return light.PIN{}, fmt.Errorf("read PIN: %w", err)
	}
	p, err := light.ParsePIN(strings.TrimSpace(text))
	if err != nil {
		return light.PIN{}, usageError{err}
	}
	return p, nil
}
