package app

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"

	"github.com/goccy/go-yaml"

	"github.com/wattwerk/wattwerk/manifest"
	"github.com/wattwerk/wattwerk/pipeline"
	"github.com/wattwerk/wattwerk/pipeline/connect/push"
	"github.com/wattwerk/wattwerk/pipeline/repository"
	"github.com/wattwerk/wattwerk/pipeline/runner"
)

// ManifestCmd is "wattwerk manifest".
type ManifestCmd struct {
	Validate ManifestValidateCmd `cmd:"" help:"Check files of models and manifests; nothing needs to run."`
	Explain  ManifestExplainCmd  `cmd:"" help:"Show the graphs of the manifests in files."`
	Apply    ManifestApplyCmd    `cmd:"" help:"Bring files into a running wattwerk, all or nothing."`
	Run      ManifestRunCmd      `cmd:"" help:"Bring files in, and start the manifests in them."`
	Status   ManifestStatusCmd   `cmd:"" help:"Show what the manifests do."`
	Start    ManifestStartCmd    `cmd:"" help:"Have a manifest run."`
	Pause    ManifestPauseCmd    `cmd:"" help:"Have a manifest wait, with all it has in hand."`
	Stop     ManifestStopCmd     `cmd:"" help:"Have a manifest stop, and forget what it has in hand."`
}

// Help is shown by --help.
func (*ManifestCmd) Help() string {
	return `Manifests are analytics that are declared: data sources, processors, sinks. Who keeps them in git
has files, JSON or YAML, with models of all types; docs/manifests.md explains them.

Examples:
  wattwerk manifest validate boxes.yaml
  wattwerk manifest apply --dry-run boxes.yaml
  wattwerk manifest run boxes.yaml
  wattwerk manifest status`
}

// largestBundle bounds a file of models.
const largestBundle = 64 << 20

// readBundle reads files into one bundle. A file holds a bundle, or one
// manifest.
func readBundle(paths []string, in io.Reader) (*manifest.Bundle, error) {
	all := new(manifest.Bundle)
	for _, path := range paths {
		b, err := readModels(path, in)
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", path, err)
		}
		all.Interfaces = append(all.Interfaces, b.Interfaces...)
		all.Kinds = append(all.Kinds, b.Kinds...)
		all.SourceDefinitions = append(all.SourceDefinitions, b.SourceDefinitions...)
		all.Gateways = append(all.Gateways, b.Gateways...)
		all.Sources = append(all.Sources, b.Sources...)
		all.Consumers = append(all.Consumers, b.Consumers...)
		all.Channels = append(all.Channels, b.Channels...)
		all.Definitions = append(all.Definitions, b.Definitions...)
		all.Manifests = append(all.Manifests, b.Manifests...)
	}
	return all, nil
}

func readModels(path string, in io.Reader) (b manifest.Bundle, err error) {
	if path != "-" {
		f, err := os.Open(path)
		if err != nil {
			return b, err
		}
		defer f.Close() //nolint:errcheck // it was only read
		in = f
	}
	data, err := io.ReadAll(io.LimitReader(in, largestBundle+1))
	if err != nil {
		return b, err
	}
	if len(data) > largestBundle {
		return b, fmt.Errorf("it is larger than %d MiB", largestBundle>>20)
	}
	return parseModels(data)
}

// parseModels reads JSON or YAML.
func parseModels(data []byte) (b manifest.Bundle, err error) {
	if t := bytes.TrimSpace(data); len(t) == 0 || t[0] != '{' {
		if data, err = yaml.YAMLToJSON(data); err != nil {
			return b, err
		}
	}
	var look map[string]json.RawMessage
	if err := json.Unmarshal(data, &look); err != nil {
		return b, err
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if _, ok := look["processors"]; ok {
		b.Manifests = make([]manifest.Manifest, 1)
		return b, d.Decode(&b.Manifests[0])
	}
	return b, d.Decode(&b)
}

// checkBundle gives the graphs of the manifests of a bundle that stands for
// itself.
func checkBundle(b *manifest.Bundle) ([]*manifest.Plan, error) {
	number(b)
	set, err := manifest.NewSet(b)
	if err != nil {
		return nil, err
	}
	offer := pipeline.Offer(protocols(nil, push.New()))
	var plans []*manifest.Plan
	var errs []error
	for i := range b.Sources {
		if _, err := offer.Resolve(set, b.Sources[i].ID); err != nil {
			errs = append(errs, err)
		}
	}
	for i := range b.Manifests {
		p, err := pipeline.Judge(offer, set, &b.Manifests[i])
		var found manifest.Findings
		switch {
		case errors.As(err, &found):
			for _, f := range found {
				errs = append(errs, fmt.Errorf("manifest %q: %w", b.Manifests[i].Name, manifest.Findings{f}))
			}
		case err != nil:
			errs = append(errs, fmt.Errorf("manifest %q: %w", b.Manifests[i].Name, err))
		default:
			plans = append(plans, p)
		}
	}
	return plans, errors.Join(errs...)
}

// number gives models without an id their names as ids, as long as they are
// only looked at.
func number(b *manifest.Bundle) {
	for i := range b.Sources {
		if m := &b.Sources[i]; m.ID == "" {
			m.ID = m.Name
		}
	}
	for i := range b.Manifests {
		if m := &b.Manifests[i]; m.ID == "" {
			m.ID = m.Name
		}
	}
}

// ManifestValidateCmd is "wattwerk manifest validate".
type ManifestValidateCmd struct {
	Files []string `arg:"" name:"file" help:"Files, JSON or YAML; - is standard input. Together they must name all they refer to."`
}

// Help is shown by --help.
func (*ManifestValidateCmd) Help() string {
	return `Says everything that is wrong, a sentence each; nothing needs to run, and nothing is stored.

Examples:
  wattwerk manifest validate boxes.yaml
  wattwerk manifest validate models/*.yaml manifests/*.json`
}

// Run prints what is wrong.
func (c *ManifestValidateCmd) Run(sys IO) error {
	b, err := readBundle(c.Files, sys.In)
	if err != nil {
		return err
	}
	plans, err := checkBundle(b)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(sys.Out, "%d manifests and %d data sources are valid\n", len(plans), len(b.Sources))
	return err
}

// ManifestExplainCmd is "wattwerk manifest explain".
type ManifestExplainCmd struct {
	Files []string `arg:"" name:"file" help:"Files, JSON or YAML; - is standard input."`
	JSON  bool     `help:"Print JSON, a manifest a line."`
}

// Help is shown by --help.
func (*ManifestExplainCmd) Help() string {
	return `Shows what each processor does, what it reads and writes, and with which parameters, defaults included.

Examples:
  wattwerk manifest explain boxes.yaml
  wattwerk manifest explain --json boxes.yaml`
}

// Run prints the graphs.
func (c *ManifestExplainCmd) Run(sys IO) error {
	b, err := readBundle(c.Files, sys.In)
	if err != nil {
		return err
	}
	plans, err := checkBundle(b)
	if err != nil {
		return err
	}
	for _, p := range plans {
		g := pipeline.Explain(p)
		if c.JSON {
			if err := json.NewEncoder(sys.Out).Encode(g); err != nil {
				return err
			}
			continue
		}
		if _, err := fmt.Fprintln(sys.Out, g.Text); err != nil {
			return err
		}
	}
	return nil
}

// ManifestApplyCmd is "wattwerk manifest apply".
type ManifestApplyCmd struct {
	serverFlags
	Files  []string `arg:"" name:"file" help:"Files, JSON or YAML; - is standard input."`
	DryRun bool     `help:"Only say what would change."`
}

// Help is shown by --help.
func (*ManifestApplyCmd) Help() string {
	return `Models are brought in all together or not at all: those with an id by it, others by their names. What is
as it was stays as it is; a manifest that runs goes on by what is new.

Examples:
  wattwerk manifest apply --dry-run boxes.yaml
  wattwerk manifest apply boxes.yaml`
}

// Run brings them in.
func (c *ManifestApplyCmd) Run(ctx context.Context, sys IO) error {
	b, err := readBundle(c.Files, sys.In)
	if err != nil {
		return err
	}
	_, err = applyBundle(ctx, sys, c.serverFlags, b, c.DryRun)
	return err
}

// applyBundle brings models in, and says what became of each.
func applyBundle(ctx context.Context, sys IO, f serverFlags, b *manifest.Bundle, dryRun bool) (*client, error) {
	server, err := f.connect(sys)
	if err != nil {
		return nil, err
	}
	text, err := json.Marshal(b)
	if err != nil {
		return nil, err
	}
	resp, err := server.do(ctx, http.MethodPost, fmt.Sprintf("/api/v1/models/apply?dryRun=%t", dryRun), "application/json", bytes.NewReader(text))
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	var out struct {
		Done []repository.Done `json:"done"`
	}
	if err := json.NewDecoder(resp.Body).Decode(&out); err != nil {
		return nil, err
	}
	t := newColumns(sys.Out, "MODEL", "NAME", "WHAT")
	for _, d := range out.Done {
		t.row(d.Kind, d.Name, d.What)
	}
	return server, t.flush()
}

// ManifestRunCmd is "wattwerk manifest run".
type ManifestRunCmd struct {
	serverFlags
	Files []string `arg:"" name:"file" help:"Files, JSON or YAML; - is standard input."`
}

// Help is shown by --help.
func (*ManifestRunCmd) Help() string {
	return `As apply, then start for each manifest in the files.

Example:
  wattwerk manifest run boxes.yaml`
}

// Run brings them in and starts the manifests.
func (c *ManifestRunCmd) Run(ctx context.Context, sys IO) error {
	b, err := readBundle(c.Files, sys.In)
	if err != nil {
		return err
	}
	server, err := applyBundle(ctx, sys, c.serverFlags, b, false)
	if err != nil {
		return err
	}
	for _, m := range b.Manifests {
		if err := bring(ctx, sys, server, m.Name, "start"); err != nil {
			return err
		}
	}
	return nil
}

// bring has a manifest do something, and says what it does then.
func bring(ctx context.Context, sys IO, server *client, ref, verb string) error {
	resp, err := server.do(ctx, http.MethodPost, "/api/v1/manifests/"+url.PathEscape(ref)+"/"+verb, "", nil)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	var st runner.ManifestStatus
	if err := json.NewDecoder(resp.Body).Decode(&st); err != nil {
		return err
	}
	line := fmt.Sprintf("%s: %s", ref, strings.ToLower(string(st.State)))
	if st.Reason != "" {
		line += ": " + st.Reason
	}
	_, err = fmt.Fprintln(sys.Out, line)
	return err
}

// manifestRef names a manifest of a running wattwerk.
type manifestRef struct {
	serverFlags
	Manifest string `arg:"" help:"Its name or id."`
}

// ManifestStartCmd is "wattwerk manifest start".
type ManifestStartCmd struct{ manifestRef }

// Help is shown by --help.
func (*ManifestStartCmd) Help() string {
	return `From now on; a manifest that is paused goes on from where it was.

Example:
  wattwerk manifest start PhoenixIB`
}

// ManifestPauseCmd is "wattwerk manifest pause".
type ManifestPauseCmd struct{ manifestRef }

// Help is shown by --help.
func (*ManifestPauseCmd) Help() string {
	return `It takes and writes nothing, and goes on from where it was by start: nothing is lost.

Example:
  wattwerk manifest pause PhoenixIB`
}

// ManifestStopCmd is "wattwerk manifest stop".
type ManifestStopCmd struct{ manifestRef }

// Help is shown by --help.
func (*ManifestStopCmd) Help() string {
	return `What it has in hand, such as windows that have not ended, is forgotten.

Example:
  wattwerk manifest stop PhoenixIB`
}

func (c *manifestRef) bring(ctx context.Context, sys IO, verb string) error {
	server, err := c.connect(sys)
	if err != nil {
		return err
	}
	return bring(ctx, sys, server, c.Manifest, verb)
}

// Run starts it.
func (c *ManifestStartCmd) Run(ctx context.Context, sys IO) error { return c.bring(ctx, sys, "start") }

// Run pauses it.
func (c *ManifestPauseCmd) Run(ctx context.Context, sys IO) error { return c.bring(ctx, sys, "pause") }

// Run stops it.
func (c *ManifestStopCmd) Run(ctx context.Context, sys IO) error { return c.bring(ctx, sys, "stop") }

// ManifestStatusCmd is "wattwerk manifest status".
type ManifestStatusCmd struct {
	serverFlags
	JSON bool `help:"Print JSON."`
}

// Help is shown by --help.
func (*ManifestStatusCmd) Help() string {
	return `IN and OUT are what all processors of a manifest took and gave, DEAD what they refused.

Examples:
  wattwerk manifest status
  wattwerk manifest status --json`
}

// Run prints a table.
func (c *ManifestStatusCmd) Run(ctx context.Context, sys IO) error {
	server, err := c.connect(sys)
	if err != nil {
		return err
	}
	get := func(path string, to any) error {
		resp, err := server.do(ctx, http.MethodGet, path, "", nil)
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		return json.NewDecoder(resp.Body).Decode(to)
	}
	var all []pipeline.StatusOf
	if err := get("/api/v1/manifest-statuses", &all); err != nil {
		return err
	}
	if c.JSON {
		return json.NewEncoder(sys.Out).Encode(all)
	}
	names := make(map[string]string)
	for after := ""; ; {
		var page repository.List[manifest.Manifest]
		if err := get("/api/v1/manifests?limit=1000&after="+url.QueryEscape(after), &page); err != nil {
			return err
		}
		for _, m := range page.Items {
			names[m.Model.ID] = m.Model.Name
		}
		if after = page.Next; after == "" {
			break
		}
	}
	t := newColumns(sys.Out, "MANIFEST", "STATE", "IN", "OUT", "DEAD", "WAITING", "WHY")
	for _, s := range all {
		var in, out, dead int64
		for _, n := range s.Nodes {
			in, out, dead = in+n.In, out+n.Out, dead+n.Dead
		}
		t.row(names[s.ID], strings.ToLower(string(s.State)), in, out, dead, s.Waiting, s.Reason)
	}
	return t.flush()
}
