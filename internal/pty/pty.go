package pty

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// Terminal is the far end of a serial port.
type Terminal struct {
	far, near *os.File // near is held open, so that the port lives while nobody has it open
	path      string
}

// most is how many bytes wait for who reads; about two seconds at 9600 baud.
const most = 2048

// Open makes one.
func Open() (*Terminal, error) {
	far, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		return nil, fmt.Errorf("open pseudo terminal: %w", err)
	}
	t := &Terminal{far: far}
	if err := t.prepare(); err != nil {
		return nil, errors.Join(fmt.Errorf("open pseudo terminal: %w", err), t.Close())
	}
	return t, nil
}

func (t *Terminal) prepare() error {
	var number int
	if err := t.control(t.far, func(fd int) (err error) {
		if err = unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err == nil {
			number, err = unix.IoctlGetInt(fd, unix.TIOCGPTN)
		}
		return err
	}); err != nil {
		return err
	}
	t.path = fmt.Sprintf("/dev/pts/%d", number)
	near, err := os.OpenFile(t.path, os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		return err
	}
	t.near = near
	return t.control(near, func(fd int) error {
		mode, err := unix.IoctlGetTermios(fd, unix.TCGETS)
		if err != nil {
			return err
		}
		// Raw, as by cfmakeraw(3): nothing is changed, echoed, or taken for a signal.
		mode.Iflag &^= unix.IGNBRK | unix.BRKINT | unix.PARMRK | unix.ISTRIP | unix.INLCR | unix.IGNCR | unix.ICRNL | unix.IXON
		mode.Oflag &^= unix.OPOST
		mode.Lflag &^= unix.ECHO | unix.ECHONL | unix.ICANON | unix.ISIG | unix.IEXTEN
		mode.Cflag = mode.Cflag&^(unix.CSIZE|unix.PARENB) | unix.CS8
		mode.Cc[unix.VMIN], mode.Cc[unix.VTIME] = 1, 0
		return unix.IoctlSetTermios(fd, unix.TCSETS, mode)
	})
}

// control calls do with the number of the file, which stays what it is.
func (*Terminal) control(f *os.File, do func(fd int) error) error {
	raw, err := f.SyscallConn()
	if err != nil {
		return err
	}
	return errors.Join(raw.Control(func(fd uintptr) { err = do(int(fd)) }), err)
}

// Path is the device that others open.
func (t *Terminal) Path() string { return t.path }

// Read waits for what is sent to the far end.
func (t *Terminal) Read(p []byte) (int, error) { return t.far.Read(p) }

// Write sends. Where too much waits to be read already, that is lost.
func (t *Terminal) Write(p []byte) (int, error) {
	err := t.control(t.near, func(fd int) error {
		waiting, err := unix.IoctlGetInt(fd, unix.TIOCINQ)
		if err == nil && waiting+len(p) > most {
			err = unix.IoctlSetInt(fd, unix.TCFLSH, unix.TCIFLUSH)
		}
		return err
	})
	if err != nil {
		return 0, err
	}
	return t.far.Write(p)
}

// Close unplugs it: who has the port open reads no more.
func (t *Terminal) Close() error {
	err := t.far.Close()
	if t.near != nil {
		err = errors.Join(err, t.near.Close())
	}
	return err
}
