package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/user"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/wattwerk/wattwerk/edge/visit"
	"github.com/wattwerk/wattwerk/meter"
)

// errRestarted says that the program is to be started anew, because that was wanted from afar.
var errRestarted = errors.New("the device is restarted, as was wanted from afar")

// restartAfter is how long the answer has to leave before the program ends.
const restartAfter = 2 * time.Second

// acts are what a grant has to name. None shows who lives here, or a secret.
func (d *device) acts(e EdgeConfig) []visit.Command {
	list := []visit.Command{
		{Name: "restart", Named: true, Help: "end the program, orderly, and start it again", Run: func(_ context.Context, _ []string, out io.Writer) error {
			select {
			case d.restart <- struct{}{}:
			default: // it was wanted already
			}
			_, err := fmt.Fprintln(out, "it restarts, which ends this visit")
			return err
		}},
		{Name: "meter read", Named: true, Help: "what a meter says next: meter read [ID]", Run: func(ctx context.Context, args []string, out io.Writer) error {
			if len(args) > 1 {
				return errors.New("one meter at a time")
			}
			readings, err := d.Hear(ctx, strings.Join(args, ""))
			if err != nil {
				return err
			}
			lines := json.NewEncoder(out)
			for i := range readings {
				line, err := newReadingLine(new(meter.Telegram), 1, &readings[i])
				if err == nil {
					err = lines.Encode(line)
				}
				if err != nil {
					return err
				}
			}
			return nil
		}},
	}
	if e.ShellUser != "" {
		list = append(list, visit.Command{Name: "shell", Named: true, Help: "a shell, as " + e.ShellUser + "; each line is written down", Talk: func(ctx context.Context, next func() (string, error), out io.Writer) error {
			return shell(ctx, e.ShellUser, next, out)
		}})
	}
	return list
}

// unprivileged gives the credentials of a user who may nothing that the device may: neither root nor who this program runs as, who
// could read the key of the device and what was measured.
func unprivileged(name string) (*syscall.Credential, error) {
	u, err := user.Lookup(name)
	if err != nil {
		return nil, fmt.Errorf("find the user of the shell: %w", err)
	}
	uid, err := strconv.ParseUint(u.Uid, 10, 32)
	gid, err2 := strconv.ParseUint(u.Gid, 10, 32)
	switch {
	case err != nil || err2 != nil:
		return nil, fmt.Errorf("find the user of the shell: %s has no number", name)
	case uid == 0 || gid == 0:
		return nil, errors.New("there is no shell for root")
	case uid == uint64(os.Getuid()):
		return nil, errors.New("there is no shell for who the device runs as")
	}
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid), Groups: []uint32{}}, nil
}

// shellEnds is how long a shell may go on after the last line was said.
const shellEnds = time.Minute

// shell has lines done by a shell of a user, without a terminal, until there are no more or ctx ends. All that it has started in its
// group ends with it.
func shell(ctx context.Context, name string, next func() (string, error), out io.Writer) error {
	who, err := unprivileged(name)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	cmd := exec.CommandContext(ctx, "/bin/sh")
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = "/", []string{"PATH=/usr/local/bin:/usr/bin:/bin", "HOME=/", "LANG=C.UTF-8"}, out, out
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: who, Setpgid: true}
	kill := func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.Cancel, cmd.WaitDelay = kill, 5*time.Second
	in, err := cmd.StdinPipe()
	if err != nil {
		return fmt.Errorf("start a shell: %w", err)
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start a shell: %w", err)
	}
	go func() { // ends with the connection of who talks
		defer in.Close() //nolint:errcheck // the shell may have ended
		for {
			line, err := next()
			if errors.Is(err, io.EOF) {
				time.AfterFunc(shellEnds, cancel)
				return
			}
			if err == nil {
				_, err = io.WriteString(in, line+"\n")
			}
			if err != nil {
				cancel()
				return
			}
		}
	}()
	err = cmd.Wait()
	_ = kill() // what it left behind, if anything
	if err != nil {
		return fmt.Errorf("the shell: %w", err)
	}
	return nil
}
