package app

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/wattwerk/wattwerk/bench/uc"
)

// BenchUCCmd is "wattwerk bench uc".
type BenchUCCmd struct {
	benchFlags `embed:""`
	Markdown   bool          `help:"Print a table for a page."`
	Length     time.Duration `name:"seconds" default:"50s" help:"How long each is offered its load."`
}

// Run starts each of Theodolite's benchmarks as a process of its own, one after
// the other, so that none has memory that another one left.
func (c *BenchUCCmd) Run(ctx context.Context, sys IO) error {
	program, err := os.Executable()
	if err != nil {
		return err
	}
	var rows []map[string]any
	for _, name := range []string{"uc1", "uc2", "uc3", "uc4"} {
		for _, more := range [][]string{{"--backlog"}, {"--seconds", c.Length.String()}} {
			args := append([]string{"bench", name, "--json"}, more...)
			if c.Dir != "" {
				args = append(args, "--dir", c.Dir)
			}
			fmt.Fprintln(sys.Err, "wattwerk", strings.Join(args, " "), "…") //nolint:errcheck // only words
			var out bytes.Buffer
			cmd := exec.CommandContext(ctx, program, args...)
			cmd.Stdout, cmd.Stderr = &out, sys.Err
			if err := cmd.Run(); err != nil {
				return fmt.Errorf("bench %s: %w", name, err)
			}
			row := make(map[string]any)
			if err := json.Unmarshal(out.Bytes(), &row); err != nil {
				return fmt.Errorf("bench %s: %w", name, err)
			}
			rows = append(rows, row)
		}
	}
	if c.JSON {
		return json.NewEncoder(sys.Out).Encode(rows)
	}
	return uc.Table(sys.Out, rows, c.Markdown)
}
