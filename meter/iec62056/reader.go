package iec62056

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/wattwerk/wattwerk/meter"
)

// Port is a serial port with seven data bits and even parity.
type Port interface {
	io.ReadWriteCloser
	SetBaud(baud int) error
}

// Options of a [Reader].
type Options struct {
	Open    func(ctx context.Context) (Port, error) // opens the port; called for every reading
	Address string                                  // of the meter, where several are at one line; empty: whoever is there
	Delay   time.Duration                           // between the acknowledgement and the change of speed; 0: 300 ms. The standard has 200 ms to 1.5 s
	Timeout time.Duration                           // for a whole reading; 0: two minutes, which 2,000 characters take at 300 baud
	MaxBaud int                                     // fastest speed that the optical head can do; 0: 9600
}

// tries is how often a data block is asked for that came with a wrong check
// character.
const tries = 3

// bauds are the speeds of modes B and C, by the letter less 'A' or the digit.
var bauds = []int{300, 600, 1200, 2400, 4800, 9600, 19200}

// Reader asks a meter for its readout (IEC 62056-21, 6.4): in mode A at 300 baud, in mode B at the speed
// it states, in mode C at one that is agreed on. A reader is for one goroutine.
type Reader struct {
	o       Options
	decoder *Decoder
}

var _ meter.Reader = (*Reader)(nil)

// NewReader gives a reader; nothing is opened yet.
func NewReader(o Options) (*Reader, error) {
	if len(o.Address) > 32 || strings.Trim(o.Address, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz ") != "" {
		return nil, fmt.Errorf("address %.40q of a meter has more than 32 characters, or others than digits and letters", o.Address)
	}
	if o.Delay == 0 {
		o.Delay = 300 * time.Millisecond
	}
	if o.Timeout == 0 {
		o.Timeout = 2 * time.Minute
	}
	if o.MaxBaud == 0 {
		o.MaxBaud = 9600
	}
	return &Reader{o: o, decoder: NewDecoder()}, nil
}

// Close closes nothing: a port is open for the time of a reading.
func (*Reader) Close() error { return nil }

// Read asks for the readout.
func (r *Reader) Read(ctx context.Context, take func(*meter.Telegram)) (err error) {
	ctx, cancel := context.WithTimeout(ctx, r.o.Timeout)
	defer cancel()
	port, err := r.o.Open(ctx)
	if err != nil {
		return fmt.Errorf("open port: %w", err)
	}
	stop := context.AfterFunc(ctx, func() { _ = port.Close() }) // whoever waits for it says so
	defer func() {
		if stop() {
			err = errors.Join(err, port.Close())
		} else if err != nil {
			err = fmt.Errorf("%w (%w)", ctx.Err(), err)
		}
	}()
	if err := r.session(ctx, port, take); err != nil {
		return fmt.Errorf("read meter by IEC 62056-21: %w", err)
	}
	return nil
}

func (r *Reader) session(ctx context.Context, port Port, take func(*meter.Telegram)) error {
	if err := port.SetBaud(300); err != nil {
		return err
	}
	if _, err := io.WriteString(port, "/?"+r.o.Address+"!\r\n"); err != nil {
		return err
	}
	who, err := identification(port)
	if err != nil {
		return err
	}
	if err := r.agree(ctx, port, who[4]); err != nil {
		return err
	}
	for range tries {
		got, err := r.block(port, who, take)
		if got || err != nil {
			return err
		}
		if _, err := port.Write([]byte{nak}); err != nil {
			return err
		}
	}
	return fmt.Errorf("the data came %d times with a wrong check character", tries)
}

// identification reads the line by which a meter answers: "/", three letters of its maker,
// its speed, its name. What a head hears of its own request is passed over.
func identification(port io.Reader) ([]byte, error) {
	line := make([]byte, 0, 64)
	var b [1]byte
	for total := 0; total < 1000; total++ {
		if _, err := io.ReadFull(port, b[:]); err != nil {
			return nil, err
		}
		c := b[0] & 0x7f
		if c == '/' {
			line = line[:0]
		}
		line = append(line, c)
		if c == '\n' {
			if len(line) >= 7 && line[0] == '/' && line[1] != '?' {
				return line, nil
			}
			line = line[:0]
		}
	}
	return nil, errors.New("the meter does not say who it is")
}

// agree agrees on a speed by the letter or digit that the meter states.
func (r *Reader) agree(ctx context.Context, port Port, speed byte) error {
	baud := 300
	switch {
	case speed >= '0' && int(speed-'0') < len(bauds): // mode C
		n := int(speed - '0')
		for bauds[n] > r.o.MaxBaud && n > 0 {
			n--
		}
		baud = bauds[n]
		if _, err := port.Write([]byte{ack, '0', '0' + byte(n), '0', '\r', '\n'}); err != nil {
			return err
		}
		wait := time.NewTimer(r.o.Delay)
		defer wait.Stop()
		select {
		case <-wait.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	case speed >= 'A' && int(speed-'A')+1 < len(bauds): // mode B: the meter changes by itself
		baud = bauds[int(speed-'A')+1]
	}
	if baud == 300 {
		return nil
	}
	return port.SetBaud(baud)
}

// block reads data up to the check character; it is false where that is wrong.
func (r *Reader) block(port io.Reader, who []byte, take func(*meter.Telegram)) (got bool, err error) {
	r.decoder.Flush(nil)
	before := r.decoder.Stats()
	r.decoder.Feed(who, nil)
	var piece [64]byte
	for total := 0; total <= MaxMessage; {
		n, err := port.Read(piece[:])
		total += n
		r.decoder.Feed(piece[:n], func(t *meter.Telegram) {
			got = true
			take(t)
		})
		switch now := r.decoder.Stats(); {
		case got:
			return true, nil
		case now.Refused > before.Refused && now.Frames > before.Frames:
			return false, errors.New("the meter gives no readings")
		case now.Broken > before.Broken:
			return false, nil
		case err != nil:
			return false, err
		}
	}
	return false, fmt.Errorf("the meter sends more than %d bytes", MaxMessage)
}
