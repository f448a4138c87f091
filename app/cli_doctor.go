package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/wattwerk/wattwerk/doctor"
	"github.com/wattwerk/wattwerk/internal/datadir"
)

// DoctorCmd is "wattwerk doctor".
type DoctorCmd struct {
	serverFlags
	JSON bool `name:"json" help:"Write the findings as JSON, for programs."`
}

// Help is shown by --help.
func (*DoctorCmd) Help() string {
	return `Says in sentences what is wrong, since when, why it matters and what to do. It asks the process that
runs on the data directory, or the one at --url (with a token of scope operate); where none runs it
looks at the settings and the directory alone. Of several processes it says who works on what;
disk, limits and clock are those of the one that is asked, so ask each.

Exit code 0: nothing is wrong. 1: there are findings. 2: nobody could be asked.

Examples:
  wattwerk doctor
  wattwerk doctor --json
  wattwerk doctor --url https://power.example.org --token-file token.txt`
}

// Diagnosis is what the doctor says.
type Diagnosis struct {
	At       time.Time        `json:"at" doc:"When this was so"`
	Offline  bool             `json:"offline" doc:"No process runs; only the settings and the data directory were looked at"`
	Findings []doctor.Finding `json:"findings" doc:"What is wrong, the worst first"`
	Owners   []string         `json:"owners,omitempty" doc:"Who works on what, in sentences, when there are several processes"`
}

// findingsError ends the command with exit code 1; all has been said.
type findingsError struct{ n int }

func (e findingsError) Error() string { return fmt.Sprintf("%d findings", e.n) }

// Run asks and prints.
func (c *DoctorCmd) Run(ctx context.Context, sys IO) error {
	d, err := c.ask(ctx, sys)
	if err != nil {
		return usageError{fmt.Errorf("ask what is wrong: %w", err)}
	}
	if c.JSON {
		e := json.NewEncoder(sys.Out)
		e.SetIndent("", "  ")
		err = e.Encode(d)
	} else {
		if d.Offline {
			if _, err := fmt.Fprint(sys.Out, "No process runs here; only the settings and the data directory were looked at.\n\n"); err != nil {
				return err
			}
		}
		for _, o := range d.Owners {
			if _, err := fmt.Fprintln(sys.Out, o); err != nil {
				return err
			}
		}
		if len(d.Owners) > 0 {
			if _, err := fmt.Fprintln(sys.Out); err != nil {
				return err
			}
		}
		err = doctor.Print(sys.Out, d.Findings)
	}
	if err == nil && len(d.Findings) > 0 {
		return findingsError{len(d.Findings)}
	}
	return err
}

func (c *DoctorCmd) ask(ctx context.Context, sys IO) (Diagnosis, error) {
	d := Diagnosis{At: time.Now().UTC(), Findings: []doctor.Finding{}}
	if c.URL == "" {
		cfg, err := c.load(sys, nil)
		if err != nil { // the first thing that is wrong
			d.Offline = true
			d.Findings = doctor.Examine(doctor.Facts{At: d.At, Offline: true, Settings: doctor.Settings{Error: err.Error()}})
			return d, nil
		}
		if _, err := datadir.Running(cfg.Data); errors.Is(err, datadir.ErrNotRunning) {
			d.Offline = true
			found, err := resting(&cfg)
			if found != nil {
				d.Findings = found
			}
			return d, err
		}
	}
	server, err := c.connect(sys)
	if err != nil {
		return d, err
	}
	ctx, cancel := context.WithTimeout(ctx, diagnosisWithin+10*time.Second)
	defer cancel()
	resp, err := server.do(ctx, http.MethodGet, "/api/v1/doctor", "", nil)
	if err != nil {
		return d, err
	}
	defer resp.Body.Close()
	if err := json.NewDecoder(resp.Body).Decode(&d); err != nil {
		return d, fmt.Errorf("read the answer: %w", err)
	}
	return d, nil
}
