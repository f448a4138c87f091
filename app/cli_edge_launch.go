package app

import (
	"context"
	"encoding/json"
	"fmt"
	"syscall"
	"time"

	"github.com/wattwerk/wattwerk/edge/bank"
)

// EdgeLaunchCmd is "wattwerk edge launch".
type EdgeLaunchCmd struct{ settingsFlags }

// Help is shown by --help.
func (*EdgeLaunchCmd) Help() string {
	return `Starts the program that this device is to run: the one that has proven itself last, or an update on trial, as
'wattwerk run --modules edge' with the same settings. Without updates that is the installed program, which this is.
Have the system start this, and start it again whenever it ends; deploy/samples/household has a unit for systemd.
docs/measurement-device.md explains updates.

Example:
  wattwerk edge launch --config device.yaml`
}

// Run starts programs until it is interrupted.
func (c *EdgeLaunchCmd) Run(ctx context.Context, sys IO) error {
	cfg, err := c.load(sys, map[string]any{"modules": []string{edgeModule}})
	if err != nil {
		return err
	}
	log := cfg.Log.logger(sys.Err).With("component", "launcher")
	if _, err := cfg.programPath(bank.Installed); err != nil {
		return fmt.Errorf("find the installed program: %w", err)
	}
	store, err := bank.Open(cfg.programsDir())
	if err != nil {
		return err
	}
	args := []string{"run", "--modules", edgeModule}
	if c.Config != "" {
		args = append(args, "--config", c.Config)
	}
	if c.Data != "" {
		args = append(args, "--data", c.Data)
	}
	l := &bank.Launcher{
		Store: store, Args: args, Within: cfg.Edge.judgedWithin() + launchedMore, Pause: 5 * time.Second, Now: cfg.pace.clock(), Log: log, Exec: syscall.Exec, Version: Version(),
		Path: func(n bank.Name) string {
			path, err := cfg.programPath(n)
			if err != nil { // the working directory is gone; starting it says so
				log.Error("where a program is is not known", "error", err)
			}
			return path
		},
	}
	if cfg.pace.restarts > 0 {
		l.Pause = cfg.pace.restarts
	}
	return l.Run(ctx)
}

// EdgeProgramsCmd is "wattwerk edge programs".
type EdgeProgramsCmd struct{ settingsFlags }

// Help is shown by --help.
func (*EdgeProgramsCmd) Help() string {
	return `Prints as JSON which programs are here beside the installed one, which is started, whether one is on trial, and
which failed and why, also while the device does not run.

Example:
  wattwerk edge programs --config device.yaml`
}

// Run prints.
func (c *EdgeProgramsCmd) Run(sys IO) error {
	cfg, err := c.load(sys, nil)
	if err != nil {
		return err
	}
	store, err := bank.Open(cfg.programsDir())
	if err != nil {
		return err
	}
	e := json.NewEncoder(sys.Out)
	e.SetIndent("", "  ")
	return e.Encode(store.State())
}
