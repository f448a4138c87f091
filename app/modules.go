package app

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/wattwerk/wattwerk/internal/run"
)

// module is one row of the table. start builds the module; what it returns is
// run until the process ends. face, if it has one, says what it answers by
// HTTP.
type module struct {
	name  string
	does  string
	needs []string
	when  string // "always", "" (can be chosen), the flag that asks for it, what it comes with, or where it runs unless modules are chosen
	start func(context.Context, *process) (running, error)
	face  func(*process, face)
	// one: of several instances a gateway asks the oldest only, so that whoever
	// changed something sees it at once. Others take turns.
	one bool
	// absent is what a gateway answers, with 404, as long as no process was ever
	// seen that runs the module; empty: it is missed, and waited for.
	absent string
}

// running is a module that has been started; either may be nil.
type running struct {
	run  func(context.Context) error
	stop func(context.Context) error
}

// modules is what a process consists of. It is the only place that says what
// there is, what needs what, and what a mode of the process starts.
var modules = []module{
	{name: "bus", when: "always", does: "carries records between modules and keeps them until all have them", start: startBus},
	{name: "catalog", when: "always", does: "follows the model of sites, sensors and groups", needs: []string{"bus"}, start: startCatalog},
	{name: "seen", when: "always", does: "knows what sensors were seen that are in no model, where the registry, history or settlement is asked", needs: []string{"bus"}, start: startSeen},
	{name: "fleet", when: "always", does: "knows the other processes, and shares the work on partitions among them", needs: []string{"bus"}, start: startFleet},
	{name: "registry", does: "changes the model, keeps its revisions, lists sensors nobody has placed", needs: []string{"catalog", "seen"}, start: startRegistry, face: faceRegistry, one: true},
	{name: "history", does: "keeps every record and every tick, answers questions about them", needs: []string{"catalog", "fleet", "seen"}, start: startHistory, face: faceHistory},
	{name: importsModule, when: "with history", does: "takes files in: looked at, tried, imported, and taken back", needs: []string{"catalog", "history"}, start: startImports, face: faceImports, one: true},
	{name: "settlement", does: "settles energies per 15 minutes and day from raw readings, again when late ones come", needs: []string{"catalog", "fleet", "history", "seen"}, start: startSettlement, face: faceSettlement},
	{name: "aggregate", does: "sums sensors up the groups of every hierarchy, tick by tick", needs: []string{"catalog", "fleet"}, start: startAggregate, face: faceAggregate},
	{name: "alert", does: "tells people when a measurement needs them: rules, history, messages", needs: []string{"catalog", "fleet", "settlement"}, start: startAlert, face: faceAlert},
	{name: "pipeline", does: "reads data sources of manifests, and runs the manifests", needs: []string{"catalog", "fleet"}, start: startPipeline, face: facePipeline, absent: noPipeline},
	{name: "cir", does: "knows by which identifiers other systems call what is here: the Common Interoperability Registry", needs: []string{"catalog", "fleet", "history", "pipeline"}, start: startCIR, face: faceCIR, one: true, absent: noCIR},
	{name: "service", does: "knows objects with their availability, what stands in for what, forecasts, and energy services", needs: []string{"catalog", "fleet", "history", "settlement"}, start: startService, face: faceService, absent: noService},
	{name: "bridge", does: "takes readings in: HTTP, InfluxDB, Prometheus, MQTT", needs: []string{"catalog", "fleet"}, start: startBridge, face: faceBridge},
	{name: uplinkModule, when: "at an edge", does: "sends what is stored here to the centre, across cuts of the link", needs: []string{"catalog"}, start: startUplink},
	{name: landingModule, when: "at a centre", does: "stores what edges send, each record once", needs: []string{"catalog"}, start: startLanding},
	{name: surveyModule, when: "with survey.listen", does: "takes in what measurement devices of households send, keeps consents and anonymises", needs: []string{"catalog", "registry"}, start: startSurvey, face: faceSurvey, absent: noSurvey},
	{name: edgeModule, when: "with edge.url", does: "reads the meters of a household and sends what they say to the data service of a survey; alone it needs no bus", start: startEdge},
	{name: "gateway", does: "serves the web page and live events, signs people in, leads to modules in other processes", needs: []string{"bus"}, start: startGateway, face: faceGateway},
	{name: "demo", when: "--demo", does: "runs the demo plants: a simulated data centre, a real household, a real steel works, an energy community", needs: []string{"bridge"}, start: startDemo},
	{
		name: "http", when: "always", does: "answers on one address: sign-in, health, metrics, the interfaces of the modules here",
		needs: []string{"fleet", "registry", "history", importsModule, "settlement", "aggregate", "alert", "pipeline", "cir", "service", "bridge", surveyModule, "gateway", "demo"}, start: startHTTP,
	},
}

func findModule(name string) *module {
	for i := range modules {
		if modules[i].name == name {
			return &modules[i]
		}
	}
	return nil
}

// moduleNames are the modules that can be chosen.
func moduleNames() []string {
	var names []string
	for _, m := range modules {
		if m.when == "" || m.name == uplinkModule || m.name == landingModule || m.name == surveyModule || m.name == edgeModule {
			names = append(names, m.name)
		}
	}
	return names
}

// has tells whether these settings run the module.
func (c *Config) has(name string) bool {
	m := findModule(name)
	switch {
	case m == nil:
		return false
	case m.when == "always":
		return true
	case m.when == "--demo":
		return c.Demo
	case name == importsModule:
		return c.has("history")
	case len(c.Modules) == 0 && name == uplinkModule:
		return c.Bus.Leaf.URL != ""
	case len(c.Modules) == 0 && name == surveyModule:
		return c.Survey.Listen != ""
	case len(c.Modules) == 0 && name == edgeModule:
		return c.Edge.URL != ""
	case len(c.Modules) == 0 && name == landingModule:
		return c.Bus.Leaf.Listen != ""
	}
	return len(c.Modules) == 0 || slices.Contains(c.Modules, name)
}

// services turns the chosen rows into services. Needs that are not chosen are
// left out: the other side of the bus, or another process, has them.
func (p *process) services() []run.Service {
	var out []run.Service
	chosen := slices.DeleteFunc(slices.Clone(modules), func(m module) bool { return !p.config.has(m.name) })
	for _, m := range append(chosen, p.extra...) {
		var r running
		s := run.Service{Name: m.name}
		for _, n := range m.needs {
			if p.config.has(n) {
				s.Needs = append(s.Needs, n)
			}
		}
		s.Start = func(ctx context.Context) error {
			var err error
			if r, err = m.start(ctx, p); err == nil && m.face != nil {
				m.face(p, p.faceHere())
			}
			return err
		}
		s.Run = func(ctx context.Context) error {
			if r.run == nil {
				<-ctx.Done()
				return nil
			}
			return r.run(ctx)
		}
		s.Stop = func(ctx context.Context) error {
			if r.stop == nil {
				return nil
			}
			return r.stop(ctx)
		}
		out = append(out, s)
	}
	return out
}

// PrintModules writes the table for people.
func PrintModules(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "MODULE\tRUNS\tNEEDS\tWHAT IT DOES") //nolint:errcheck // Flush reports
	for _, m := range modules {
		when, needs := "by default", "-"
		if m.when != "" {
			when = m.when
		}
		if len(m.needs) > 0 {
			needs = strings.Join(m.needs, ", ")
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\n", m.name, when, needs, m.does) //nolint:errcheck // Flush reports
	}
	return t.Flush()
}
