package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/alecthomas/kong"

	"github.com/wattwerk/wattwerk/internal/datadir"
	"github.com/wattwerk/wattwerk/meter/kind"
	"github.com/wattwerk/wattwerk/meter/light"
	"github.com/wattwerk/wattwerk/sim/meters"
)

// Exit codes of the program.
const (
	ExitOK          = 0
	ExitFailed      = 1 // something went wrong while working
	ExitUsage       = 2 // the command line or the settings are wrong
	ExitInUse       = 3 // another process holds the data directory
	ExitNotRunning  = 4 // the command needs a running wattwerk and there is none
	ExitInterrupted = 130
)

// IO is where a command reads and writes.
type IO struct {
	In       io.Reader
	Out, Err io.Writer
	Environ  []string

	pace pace // of a measurement device; the zero value outside of tests
}

// CLI is the command line. Each field is a command; kong reads the tags.
type CLI struct {
	Run      RunCmd      `cmd:"" help:"Start everything, or some modules, in this process."`
	Modules  ModulesCmd  `cmd:"" help:"Show what a process consists of."`
	Config   ConfigCmd   `cmd:"" help:"Show the settings in force, with explanations and warnings."`
	Health   HealthCmd   `cmd:"" help:"Ask a running wattwerk whether all is well with it."`
	Sim      SimCmd      `cmd:"" help:"Send readings of simulated sensors, or play simulated meters."`
	Replay   ReplayCmd   `cmd:"" help:"Play a CSV file back as if its meters were sending."`
	Meter    MeterCmd    `cmd:"" help:"Show what a meter says."`
	Import   ImportCmd   `cmd:"" help:"Bring readings of any age into the history from a file."`
	Settle   SettleCmd   `cmd:"" help:"Settle windows of a span of time again."`
	Report   ReportCmd   `cmd:"" help:"Write the report of a day, week, month or year: HTML, CSV, XLSX."`
	Tariff   TariffCmd   `cmd:"" help:"Check tariffs and emission factors."`
	Costs    CostsCmd    `cmd:"" help:"Write the bill of a sensor or group."`
	Figures  FiguresCmd  `cmd:"" help:"Enter, list and delete figures of production by hand."`
	Export   ExportCmd   `cmd:"" help:"Write readings to a file: CSV, NDJSON or Parquet."`
	Backup   BackupCmd   `cmd:"" help:"Write everything into one file, also while running."`
	Restore  RestoreCmd  `cmd:"" help:"Make a data directory from a backup."`
	Bench    BenchCmd    `cmd:"" help:"Measure this machine."`
	Certs    CertsCmd    `cmd:"" help:"Make the certificates of edges and their centre."`
	Token    TokenCmd    `cmd:"" help:"Make, list and revoke tokens for machines."`
	Manifest ManifestCmd `cmd:"" help:"Check, bring in and run manifests: analytics that are declared."`
	Edge     EdgeCmd     `cmd:"" help:"Enrol a measurement device of a field survey, and show how it stands."`
	Survey   SurveyCmd   `cmd:"" help:"Look after a field survey: authority, households, consents, data set."`
	User     UserCmd     `cmd:"" help:"List users, set passwords, make sign-in links."`
	Doctor   DoctorCmd   `cmd:"" help:"Say in sentences what is wrong, and what to do."`
	Version  VersionCmd  `cmd:"" help:"Show the version, and the licences of what is inside."`
	Object   ObjectCmd   `cmd:"" help:"List objects with their states, ask about them, write them down."`
	Service  ServiceCmd  `cmd:"" help:"List energy services, find out what is missing to them, carry them out, and make bills."`
	CIR      CIRCmd      `cmd:"" name:"cir" help:"Look into the registry of identifiers; write and read its entries as CSV."`
}

const description = `Wattwerk measures electrical power and energy: it reads meters, sums them up a tree of
machines, halls and plants while they happen, keeps every reading, and shows what it knows.

Begin with

  wattwerk run --demo

and open the link that it prints. Then send a reading of your own:

  curl --json '{"sensor":"kettle","value":1.8,"unit":"kW"}' http://127.0.0.1:8080/api/v1/ingest/json

Exit codes: 0 done, 1 failed, 2 wrong command line or settings, 3 data directory in use,
4 nothing is running, 130 interrupted.`

// Main runs the command that args (without the program's name) say and gives
// the exit code.
func Main(args []string, sys IO) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	// The second interrupt ends the process at once, as everybody expects.
	context.AfterFunc(ctx, stop)
	return Execute(ctx, args, sys)
}

// Execute is Main without signals.
func Execute(ctx context.Context, args []string, sys IO) int {
	code := -1
	var cli CLI
	parser, err := kong.New(&cli,
		kong.Name("wattwerk"), kong.Description(description), kong.Writers(sys.Out, sys.Err),
		vars(), kong.Exit(func(c int) { code = c }), kong.UsageOnError(),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, WrapUpperBound: 100, NoExpandSubcommands: true}),
		kong.BindTo(ctx, (*context.Context)(nil)), kong.Bind(sys),
	)
	if err != nil {
		fmt.Fprintf(sys.Err, "wattwerk: %v\n", err) //nolint:errcheck // nowhere else to say it
		return ExitFailed
	}
	if len(args) == 0 {
		args = []string{"--help"}
	}
	k, err := parser.Parse(args)
	if code >= 0 { // help was asked for and given
		return code
	}
	if err != nil {
		fmt.Fprintf(sys.Err, "wattwerk: %v\nTry 'wattwerk --help'.\n", err) //nolint:errcheck // nowhere else to say it
		return ExitUsage
	}
	return exitCode(ctx, sys, k.Run())
}

// vars are lists that the tags of commands name.
func vars() kong.Vars {
	return kong.Vars{
		"meter_kinds":      strings.Join(kind.ReaderNames(), ","),
		"light_models":     strings.Join(light.Models(), ","),
		"sim_meter_kinds":  strings.Join(meters.Kinds(), ","),
		"sim_meter_models": strings.Join(meters.Models(), ", "),
	}
}

// usageError marks an error that is the caller's to mend.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

func exitCode(ctx context.Context, sys IO, err error) int {
	var inUse *datadir.InUseError
	var findings findingsError
	var usage usageError
	code := ExitFailed
	switch {
	case err == nil:
		return ExitOK
	case errors.As(err, &inUse):
		code = ExitInUse
	case errors.Is(err, datadir.ErrNotRunning):
		code = ExitNotRunning
	case errors.As(err, &usage):
		code = ExitUsage
	case errors.As(err, &findings):
		return ExitFailed
	case ctx.Err() != nil && errors.Is(err, context.Canceled):
		fmt.Fprintln(sys.Err, "wattwerk: interrupted") //nolint:errcheck // nowhere else to say it
		return ExitInterrupted
	}
	fmt.Fprintf(sys.Err, "wattwerk: %v\n", err) //nolint:errcheck // nowhere else to say it
	return code
}

// settingsFlags are the flags of every command that reads settings.
type settingsFlags struct {
	Data   string `placeholder:"DIR" help:"Data directory (default: ./data)." type:"path"`
	Config string `placeholder:"FILE" help:"Settings file (YAML); 'wattwerk config' writes one." type:"existingfile" env:"WATTWERK_CONFIG"`
}

// load reads the settings; more holds what further flags say.
func (f settingsFlags) load(sys IO, more map[string]any) (Config, error) {
	flags := make(map[string]any)
	for k, v := range more {
		if v != "" && v != false {
			flags[k] = v
		}
	}
	if f.Data != "" {
		flags["data"] = f.Data
	}
	var environ []string
	for _, e := range sys.Environ {
		if !strings.HasPrefix(e, "WATTWERK_CONFIG=") { // names the file, is no setting
			environ = append(environ, e)
		}
	}
	c, err := LoadConfig(f.Config, environ, flags)
	if err != nil {
		return c, usageError{err}
	}
	c.pace = sys.pace
	return c, nil
}

// RunCmd is "wattwerk run".
type RunCmd struct {
	settingsFlags
	Addr         string `placeholder:"HOST:PORT" help:"Where the page and all HTTP interfaces are (default: 127.0.0.1:8080)."`
	Demo         bool   `help:"Run the demo plants: a simulated data centre, a real household, a real steel works, an energy community."`
	Modules      string `placeholder:"A,B" help:"Run these modules only (default: all); see 'wattwerk modules'."`
	NATS         string `name:"nats" placeholder:"URL" help:"Use this NATS with JetStream instead of the embedded one."`
	MQTT         string `name:"mqtt" placeholder:"HOST:PORT" help:"Where sensors publish by MQTT, or 'off' (default: 127.0.0.1:1883 if free)."`
	AdvertiseURL string `name:"advertise-url" placeholder:"URL" help:"Where gateways in other processes reach this one (default: at --addr)."`
	TitanAPI     bool   `name:"titan-api" help:"Answer the interfaces of the Titan Control Center too: who may read there says gateway.titan.anonymous_read."`
	LogLevel     string `placeholder:"LEVEL" help:"debug, info, warn or error (default: info)."`
	LogFormat    string `placeholder:"FORMAT" help:"text or json (default: text)."`
}

// Help is shown by --help.
func (*RunCmd) Help() string {
	return `Everything is kept in one data directory, which one process at a time can use. On the first
start an administrator's password is made and printed, once. Every start prints a link that signs
in by itself, once.

Examples:
  wattwerk run --demo                                 everything, with plants to look at
  wattwerk run --data /var/lib/wattwerk               everything, kept there
  wattwerk run --addr 0.0.0.0:8080                    reachable from other machines
  wattwerk run --modules bridge --nats nats://bus:4222  only what takes readings in, for a cluster
  wattwerk run --titan-api                            Titan's page and programs find their interfaces

Every flag can also be a setting in a file or in the environment, as WATTWERK_ADDR or
WATTWERK_BUS_NATS; 'wattwerk config' shows them all.`
}

func (c *RunCmd) settings(sys IO) (Config, error) {
	more := map[string]any{
		"addr": c.Addr, "demo": c.Demo, "bus.nats": c.NATS, "bus.mqtt": c.MQTT, "gateway.advertise": c.AdvertiseURL,
		"gateway.titan.api": c.TitanAPI, "log.level": c.LogLevel, "log.format": c.LogFormat,
	}
	if c.Modules != "" {
		more["modules"] = strings.Split(c.Modules, ",")
	}
	return c.load(sys, more)
}

// Run works until it is interrupted.
func (c *RunCmd) Run(ctx context.Context, sys IO) error {
	cfg, err := c.settings(sys)
	if err != nil {
		return err
	}
	log := cfg.Log.logger(sys.Err)
	if cfg.Name != "" { // of several processes whose logs are collected in one place
		log = log.With("instance", cfg.Name)
	}
	for _, w := range cfg.Warnings() {
		log.Warn("suspicious setting", "component", "settings", "because", w)
	}
	if !cfg.isDevice() {
		defer roomForGarbage()()
	}
	return Run(ctx, cfg, log, sys.Out)
}

// ModulesCmd is "wattwerk modules".
type ModulesCmd struct{}

// Help is shown by --help.
func (*ModulesCmd) Help() string {
	return `One process runs all modules, or those that --modules names; modules in different processes
meet on the bus.

Examples:
  wattwerk modules
  wattwerk run --modules bridge,aggregate --nats nats://bus:4222`
}

// Run prints the table.
func (*ModulesCmd) Run(sys IO) error { return PrintModules(sys.Out) }

// ConfigCmd is "wattwerk config".
type ConfigCmd struct{ RunCmd }

// Help is shown by --help.
func (*ConfigCmd) Help() string {
	return `Prints what is in force after the file, the environment and the flags, as a file that --config
takes. Warnings about settings that work but may not be meant go to standard error.

Examples:
  wattwerk config > wattwerk.yaml                     begin a settings file
  wattwerk config --config wattwerk.yaml              check it
  WATTWERK_HISTORY_RETENTION=2y wattwerk config       see what a variable does`
}

// Run prints the settings.
func (c *ConfigCmd) Run(sys IO) error {
	cfg, err := c.settings(sys)
	if err != nil {
		return err
	}
	if err := PrintConfig(sys.Out, &cfg); err != nil {
		return err
	}
	for _, w := range cfg.Warnings() {
		fmt.Fprintf(sys.Err, "warning: %s\n", w) //nolint:errcheck // nowhere else to say it
	}
	return nil
}
