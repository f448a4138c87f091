package app

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/wattwerk/wattwerk/object/query"
	"github.com/wattwerk/wattwerk/service"
)

// ObjectCmd is "wattwerk object".
type ObjectCmd struct {
	List   ObjectListCmd   `cmd:"" help:"List objects and how they are."`
	Query  ObjectQueryCmd  `cmd:"" help:"Ask about objects in SPARQL."`
	Export ObjectExportCmd `cmd:"" help:"Write all objects as JSON-LD or Turtle."`
}

// Help is shown by --help.
func (*ObjectCmd) Help() string {
	return `Every sensor and every group is an object with a class, a place and a state: docs/services.md.

Examples:
  wattwerk object list --class Power_Sensor --state stale,down
  wattwerk object query 'select ?s where { ?s a brick:Active_Power_Sensor }'
  wattwerk object export --format turtle > objects.ttl`
}

// ObjectListCmd is "wattwerk object list".
type ObjectListCmd struct {
	serverFlags
	Class  string `placeholder:"CLASS" help:"Only those of this class or one below it."`
	Space  string `placeholder:"SPACE" help:"Only those in this space, or one within it."`
	State  string `placeholder:"STATES" help:"Only those in one of these states, with commas between."`
	Under  string `placeholder:"GROUP" help:"Only those below this group, as group/hall1."`
	Search string `placeholder:"TEXT" help:"Only those whose identifier or name contains this."`
	Limit  int    `default:"1000" help:"How many at most."`
}

// Help is shown by --help.
func (*ObjectListCmd) Help() string {
	return "Example:\n  wattwerk object list --under group/hall1 --state stale,down"
}

// Run prints a table.
func (c *ObjectListCmd) Run(ctx context.Context, sys IO) error {
	server, err := c.connect(sys)
	if err != nil {
		return err
	}
	q := url.Values{}
	for k, v := range map[string]string{"class": c.Class, "space": c.Space, "state": c.State, "under": c.Under, "search": c.Search} {
		if v != "" {
			q.Set(k, v)
		}
	}
	t := newColumns(sys.Out, "OBJECT", "NAME", "CLASS", "SPACE", "STATE", "VALUE", "HEARD OF")
	for left := c.Limit; left > 0; {
		q.Set("limit", strconv.Itoa(min(left, 1000)))
		var page service.ObjectPage
		if err := server.readJSON(ctx, http.MethodGet, "/api/v1/objects?"+q.Encode(), "", nil, &page); err != nil {
			return err
		}
		for _, o := range page.Objects {
			value, heard := "", ""
			if o.Value != nil {
				value = strings.TrimSpace(fmt.Sprintf("%g %s", *o.Value, o.Unit))
			}
			if o.Last != nil {
				heard = o.Last.UTC().Format("2006-01-02 15:04:05")
			}
			t.row(o.ID, o.Name, o.Class, o.Space, o.State, value, heard)
		}
		left -= len(page.Objects)
		if page.Next == "" || len(page.Objects) == 0 {
			break
		}
		q.Set("cursor", page.Next)
	}
	return t.flush()
}

// ObjectQueryCmd is "wattwerk object query".
type ObjectQueryCmd struct {
	serverFlags
	Query string `arg:"" help:"The question, or - to read it."`
	JSON  bool   `name:"json" help:"Print the answer as JSON."`
}

// Help is shown by --help.
func (*ObjectQueryCmd) Help() string {
	return `A part of SPARQL 1.1; the prefixes brick, rec, ww and others are known.

Example:
  wattwerk object query 'select ?class (count(?s) as ?n) where { ?s a ?class } group by ?class'`
}

// Run prints a table.
func (c *ObjectQueryCmd) Run(ctx context.Context, sys IO) error {
	if c.Query == "-" {
		data, err := io.ReadAll(io.LimitReader(sys.In, 1<<20))
		if err != nil {
			return err
		}
		c.Query = string(data)
	}
	server, err := c.connect(sys)
	if err != nil {
		return err
	}
	body, err := json.Marshal(map[string]string{"query": c.Query})
	if err != nil {
		return err
	}
	var a query.Answer
	if err := server.readJSON(ctx, http.MethodPost, "/api/v1/objects/query", "application/json", strings.NewReader(string(body)), &a); err != nil {
		return err
	}
	if c.JSON {
		e := json.NewEncoder(sys.Out)
		e.SetIndent("", "  ")
		return e.Encode(a)
	}
	t := newColumns(sys.Out, slices.Clone(a.Head.Vars)...)
	for _, b := range a.Results.Bindings {
		row := make([]any, len(a.Head.Vars))
		for i, v := range a.Head.Vars {
			row[i] = b[v].Value
		}
		t.row(row...)
	}
	return t.flush()
}

// ObjectExportCmd is "wattwerk object export".
type ObjectExportCmd struct {
	serverFlags
	Format string `enum:"jsonld,turtle" default:"jsonld" help:"jsonld or turtle."`
}

// Help is shown by --help.
func (*ObjectExportCmd) Help() string {
	return "Example:\n  wattwerk object export --format turtle > objects.ttl"
}

// Run prints the document.
func (c *ObjectExportCmd) Run(ctx context.Context, sys IO) error {
	server, err := c.connect(sys)
	if err != nil {
		return err
	}
	path := "/api/v1/objects.jsonld"
	if c.Format == "turtle" {
		path = "/api/v1/objects.ttl"
	}
	resp, err := server.do(ctx, http.MethodGet, path, "", nil)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	_, err = io.Copy(sys.Out, resp.Body)
	return err
}
