package app

import (
	"context"
	"fmt"
	"net/http"
	"time"
)

// healthTimeout bounds one question of "wattwerk health".
const healthTimeout = 10 * time.Second

// HealthCmd is "wattwerk health".
type HealthCmd struct {
	serverFlags
	Live bool `help:"Ask only whether it answers at all, also while it is starting or its disk is full."`
}

// Help is shown by --help.
func (*HealthCmd) Help() string {
	return `Exit code 0: all modules run and there is room on the disk. 1: they do not, and the reason is said.
4: nothing is running. It is what containers ask, whose image has no shell and no curl.

Examples:
  wattwerk health
  wattwerk health --live
  wattwerk health --url https://power.example.org`
}

// Run asks once.
func (c *HealthCmd) Run(ctx context.Context, sys IO) error {
	cl, err := c.connect(sys)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, healthTimeout)
	defer cancel()
	path, word := "/readyz", "ready"
	if c.Live {
		path, word = "/healthz", "alive"
	}
	resp, err := cl.do(ctx, http.MethodGet, path, "", nil)
	if err != nil {
		return err
	}
	resp.Body.Close()
	_, err = fmt.Fprintln(sys.Out, word)
	return err
}
