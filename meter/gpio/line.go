package gpio

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Sizes, numbers and flags of linux/gpio.h.
const (
	requestSize = 592
	valuesSize  = 16
	eventSize   = 48

	getLine   = 0xc0000000 | requestSize<<16 | 0xb407
	setValues = 0xc0000000 | valuesSize<<16 | 0xb40f

	flagActiveLow   = 1 << 1
	flagInput       = 1 << 2
	flagOutput      = 1 << 3
	flagEdgeRising  = 1 << 4
	flagEdgeFalling = 1 << 5
	flagPullUp      = 1 << 8

	attributeDebounce = 3
)

// Line names one: "/dev/gpiochip0/17" is line 17 of that chip.
type Line struct {
	chip   string
	offset uint32
}

// ParseLine reads a name.
func ParseLine(text string) (Line, error) {
	i := strings.LastIndexByte(text, '/')
	if i <= 0 || text[0] != '/' {
		return Line{}, fmt.Errorf("GPIO line %.60q is not named like /dev/gpiochip0/17", text)
	}
	n, err := strconv.ParseUint(text[i+1:], 10, 16)
	if err != nil {
		return Line{}, fmt.Errorf("GPIO line %.60q is not named like /dev/gpiochip0/17", text)
	}
	return Line{text[:i], uint32(n)}, nil
}

// request is a gpio_v2_line_request for one line.
func (l Line) request(flags uint64, debounce time.Duration) []byte {
	b := make([]byte, requestSize)
	le := binary.NativeEndian
	le.PutUint32(b, l.offset)
	copy(b[256:287], "wattwerk")
	le.PutUint64(b[288:], flags)
	if debounce > 0 {
		le.PutUint32(b[296:], 1) // attributes
		le.PutUint32(b[320:], attributeDebounce)
		le.PutUint32(b[328:], uint32(debounce/time.Microsecond))
		le.PutUint64(b[336:], 1) // for the first line
	}
	le.PutUint32(b[560:], 1) // lines
	return b
}

// granted is the file of a request that the kernel has granted.
func granted(request []byte) int { return int(int32(binary.NativeEndian.Uint32(request[588:]))) }

// open asks the kernel for the line.
func (l Line) open(flags uint64, debounce time.Duration) (*os.File, error) {
	chip, err := os.OpenFile(l.chip, os.O_RDWR, 0)
	if err != nil {
		return nil, fmt.Errorf("open GPIO line %d: %w", l.offset, err)
	}
	defer chip.Close() //nolint:errcheck // the line has a file of its own
	request := l.request(flags, debounce)
	if err := control(chip, getLine, request); err != nil {
		return nil, fmt.Errorf("open GPIO line %d of %s: %w", l.offset, l.chip, err)
	}
	fd := granted(request)
	if err := unix.SetNonblock(fd, true); err != nil {
		return nil, errors.Join(fmt.Errorf("open GPIO line %d of %s: %w", l.offset, l.chip, err), unix.Close(fd))
	}
	return os.NewFile(uintptr(fd), l.chip), nil
}

// control hands a structure to the kernel, and gets it back.
func control(f *os.File, number uintptr, structure []byte) error {
	raw, err := f.SyscallConn()
	if err != nil {
		return err
	}
	var no unix.Errno
	if err := raw.Control(func(fd uintptr) {
		_, _, no = unix.Syscall(unix.SYS_IOCTL, fd, number, uintptr(unsafe.Pointer(&structure[0])))
	}); err != nil {
		return err
	}
	if no != 0 {
		return no
	}
	return nil
}

// Output is a line that is driven.
type Output struct{ file *os.File }

// OpenOutput opens one that is off; where low is set, on is the low level.
func OpenOutput(l Line, low bool) (*Output, error) {
	flags := uint64(flagOutput)
	if low {
		flags |= flagActiveLow
	}
	f, err := l.open(flags, 0)
	if err != nil {
		return nil, err
	}
	return &Output{f}, nil
}

// Set turns it on or off.
func (o *Output) Set(on bool) error { return control(o.file, setValues, values(on)) }

// values is a gpio_v2_line_values for one line.
func values(on bool) []byte {
	b := make([]byte, valuesSize)
	if on {
		binary.NativeEndian.PutUint64(b, 1)
	}
	binary.NativeEndian.PutUint64(b[8:], 1)
	return b
}

// Close turns it off, and gives it back.
func (o *Output) Close() error { return errors.Join(o.Set(false), o.file.Close()) }

// Edge is a change of an input.
type Edge struct {
	Closed bool          // the contact closed: the line, which is pulled up, went low
	At     time.Duration // by a clock that only goes forward
}

// Input is a line of which edges are told.
type Input struct {
	file *os.File
	left []byte // events that were read and not told yet
	buf  [16 * eventSize]byte
}

// OpenInput opens one that is pulled up, with a contact to ground. Changes that last shorter than the time are
// left out by the kernel.
func OpenInput(l Line, debounce time.Duration) (*Input, error) {
	f, err := l.open(flagInput|flagActiveLow|flagEdgeRising|flagEdgeFalling|flagPullUp, debounce)
	if err != nil {
		return nil, err
	}
	return &Input{file: f}, nil
}

// Next waits for the next edge.
func (i *Input) Next() (Edge, error) {
	if len(i.left) < eventSize {
		n, err := i.file.Read(i.buf[:])
		if err != nil {
			return Edge{}, fmt.Errorf("read GPIO line: %w", err)
		}
		i.left = i.buf[:n]
	}
	e, rest, err := parseEvent(i.left)
	i.left = rest
	return e, err
}

// Close gives it back; waiting ends with an error.
func (i *Input) Close() error { return i.file.Close() }

// parseEvent reads a gpio_v2_line_event.
func parseEvent(b []byte) (e Edge, rest []byte, err error) {
	if len(b) < eventSize {
		return Edge{}, nil, fmt.Errorf("read GPIO line: an event has %d bytes instead of %d", len(b), eventSize)
	}
	id := binary.NativeEndian.Uint32(b[8:])
	if id != 1 && id != 2 {
		return Edge{}, b[eventSize:], fmt.Errorf("read GPIO line: event %d is none", id)
	}
	return Edge{Closed: id == 1, At: time.Duration(binary.NativeEndian.Uint64(b) & (1<<63 - 1))}, b[eventSize:], nil
}
