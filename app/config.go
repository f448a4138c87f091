package app

import (
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/wattwerk/wattwerk/aggregate"
	"github.com/wattwerk/wattwerk/bus"
	"github.com/wattwerk/wattwerk/gateway"
	"github.com/wattwerk/wattwerk/history"
	"github.com/wattwerk/wattwerk/internal/config"
	"github.com/wattwerk/wattwerk/internal/phrase"
	"github.com/wattwerk/wattwerk/settlement"
	"github.com/wattwerk/wattwerk/settlement/report/desk"
)

// EnvPrefix begins the environment variables that are settings.
const EnvPrefix = "WATTWERK_"

// Config is all settings of a process.
type Config struct {
	Data    string   `koanf:"data" doc:"The directory in which this process keeps everything."`
	Addr    string   `koanf:"addr" doc:"Host and port of the web page and of all HTTP interfaces. An address that others can reach is refused unless sign-in is on."`
	Modules []string `koanf:"modules" doc:"The modules to run; empty: all. 'wattwerk modules' explains them."`
	Name    string   `koanf:"name" doc:"What this process is called among the others of its installation; empty: the name of the machine."`
	Demo    bool     `koanf:"demo" doc:"Run the demo plants: a simulated data centre, a real household, a real steel works, an energy community."`

	Log        LogConfig        `koanf:"log" doc:"What the process writes to standard error."`
	Bus        BusConfig        `koanf:"bus" doc:"The backbone between the modules: NATS JetStream, embedded or somewhere else."`
	Trace      TraceConfig      `koanf:"trace" doc:"Following deliveries through the processes (OpenTelemetry). Off unless an endpoint is set, here or in the standard variables."`
	Gateway    GatewayConfig    `koanf:"gateway" doc:"The one port for people and programs, and who may come in."`
	Bridge     BridgeConfig     `koanf:"bridge" doc:"What takes readings in."`
	Aggregate  AggregateConfig  `koanf:"aggregate" doc:"What sums sensors up to groups."`
	Uplink     UplinkConfig     `koanf:"uplink" doc:"What an edge sends to its centre; docs/edge.md."`
	Landing    LandingConfig    `koanf:"landing" doc:"What a centre makes of what edges send."`
	History    HistoryConfig    `koanf:"history" doc:"What keeps every reading."`
	Imports    ImportsConfig    `koanf:"imports" doc:"Files that are brought to be looked at, tried and imported; docs/imports.md."`
	Settlement SettlementConfig `koanf:"settlement" doc:"What settles energies per window from the raw readings."`
	Report     ReportConfig     `koanf:"report" doc:"What makes reports by schedule; docs/reports.md."`
	Pipeline   PipelineConfig   `koanf:"pipeline" doc:"Manifests: analytics that are declared; docs/manifests.md."`
	Alert      AlertConfig      `koanf:"alert" doc:"Where messages of alerts go; docs/alerts.md."`
	CIR        CIRConfig        `koanf:"cir" doc:"The registry of identifiers; docs/cir.md."`
	Service    ServiceConfig    `koanf:"service" doc:"Objects, their availability, and energy services on them; docs/services.md."`
	Survey     SurveyConfig     `koanf:"survey" doc:"The data service of a field survey of households; docs/survey.md."`
	Edge       EdgeConfig       `koanf:"edge" doc:"A measurement device of a field survey, in a household; docs/measurement-device.md."`
	SQL        SQLConfig        `koanf:"sql" doc:"Where users, sessions, tokens, settled windows, alerts and identifiers are kept."`

	pace pace // of a measurement device; no setting
}

// LogConfig is how the process talks to its operator.
type LogConfig struct {
	Level  string `koanf:"level" doc:"debug, info, warn or error."`
	Format string `koanf:"format" doc:"text for people, json for log collectors."`
}

// BusConfig is how the bus is reached.
type BusConfig struct {
	NATS          string          `koanf:"nats" doc:"URL of an external NATS with JetStream, as nats://host:4222, or tls:// for TLS; of a cluster several, with commas between. Empty: embed one."`
	Wait          config.Duration `koanf:"wait" doc:"How long to wait at the start for an external NATS that is not there yet, or whose nodes have not found together."`
	CAFile        string          `koanf:"ca_file" doc:"Certificates (PEM) that the external NATS is trusted by; empty: those of the system."`
	CertFile      string          `koanf:"cert_file" doc:"Our certificate (PEM) for an external NATS that asks for one; with key_file."`
	KeyFile       string          `koanf:"key_file" doc:"The key of cert_file (PEM)."`
	CredsFile     string          `koanf:"creds_file" doc:"Credentials file (JWT) for the external NATS."`
	LoginFile     string          `koanf:"login_file" doc:"File with one line, user:password. Processes that run here with an embedded NATS ask it of others at bus.listen; processes with bus.nats say it there."`
	Partitions    int             `koanf:"partitions" doc:"Into how many parts the records are split, 1 to 1024. Fixed when the streams are first made; later changes do nothing."`
	Replicas      int             `koanf:"replicas" doc:"Copies of every stream on an external cluster: 1, 3 or 5. With 3 one node may fail, with 5 two. They can be raised later, and are never lowered."`
	Sync          bool            `koanf:"sync" doc:"Wait for the disk (fsync) before a reading counts as accepted. Without it a power cut loses accepted readings of some seconds."`
	MinFree       config.Bytes    `koanf:"min_free" doc:"Refuse readings while less than this is free on the disk of the data directory."`
	Keep          config.Duration `koanf:"keep" doc:"Keep records on the bus at least this long, though every module has them safely; 0: no longer than needed."`
	Readers       []string        `koanf:"readers" doc:"Who must have a record safely before it is removed from the bus. A deployment that runs no such module anywhere takes it off the list, or its disk fills."`
	Listen        string          `koanf:"listen" doc:"Host and port on which the embedded NATS serves other processes; empty: none. Needs login_file unless it is a loopback address."`
	Leaf          LeafConfig      `koanf:"leaf" doc:"The link between an edge and its centre: docs/edge.md."`
	LinkLoginFile string          `koanf:"link_login_file" doc:"File with one line, user:password: who this process is on an external NATS in the account where edges and centre meet."`
	MQTT          string          `koanf:"mqtt" doc:"Host and port on which sensors publish by MQTT; 'off': none. With 'auto' 127.0.0.1:1883 is used if it is free, and the process goes on without when it is not; an address that is written out must be free."`
}

// DefaultMQTT is what 'auto' tries.
const DefaultMQTT = "127.0.0.1:1883"

// AggregateConfig is how groups are evaluated.
type AggregateConfig struct {
	Grace config.Duration `koanf:"grace" doc:"How long after its time a reading may arrive and still count in its tick."`
}

// HistoryConfig is what is kept, and how long.
type HistoryConfig struct {
	Store      string          `koanf:"store" doc:"Where readings are kept: 'tsdb', in the data directory of this process; 'remote', in the database that history.remote names, which several processes may share."`
	Retention  config.Duration `koanf:"retention" doc:"How long raw readings are kept; 0: for ever. A remote database must be told the same: it does the removing."`
	FlushEvery config.Duration `koanf:"flush_every" doc:"How often what is in memory is written to disk. Until then the bus keeps it; longer takes memory and makes better blocks."`
	Late       config.Duration `koanf:"late" doc:"How old a reading may be when it arrives. Older ones come in by 'wattwerk import'."`
	Remote     RemoteConfig    `koanf:"remote" doc:"A database that takes Prometheus remote write and gives raw samples back: VictoriaMetrics, Mimir. docs/history-database.md explains it."`
}

// DefaultConfig is what a process does when told nothing.
func DefaultConfig() Config {
	return Config{
		Data:       "data",
		Addr:       "127.0.0.1:8080",
		Log:        LogConfig{Level: "info", Format: "text"},
		Bus:        BusConfig{Partitions: 16, Replicas: 1, Wait: config.Duration(2 * time.Minute), Sync: true, MinFree: 256 << 20, MQTT: "auto", Readers: []string{history.Reader, aggregate.Reader}},
		Trace:      TraceConfig{Ratio: 0.01},
		Gateway:    DefaultGatewayConfig(),
		Bridge:     DefaultBridgeConfig(),
		Aggregate:  AggregateConfig{Grace: config.Duration(2 * time.Second)},
		Uplink:     DefaultUplinkConfig(),
		Landing:    DefaultLandingConfig(),
		History:    HistoryConfig{Store: storeTSDB, FlushEvery: config.Duration(2 * time.Hour), Late: config.Duration(90 * 24 * time.Hour), Remote: DefaultRemoteConfig()},
		Imports:    DefaultImportsConfig(),
		Settlement: SettlementConfig{Delay: config.Duration(settlement.DefaultDelay)},
		Alert:      AlertConfig{Mail: MailConfig{Language: phrase.English}, Ntfy: NtfyConfig{Language: phrase.English}},
		Report:     ReportConfig{Delay: config.Duration(desk.DefaultDelay)},
		Pipeline:   DefaultPipelineConfig(),
		Service:    DefaultServiceConfig(),
		Survey:     DefaultSurveyConfig(),
		Edge:       DefaultEdgeConfig(),
		SQL:        SQLConfig{Conns: 16, Wait: config.Duration(2 * time.Minute)},
	}
}

// Validate gives everything that cannot work, one sentence each.
func (c *Config) Validate() error {
	var errs []error
	bad := func(format string, a ...any) { errs = append(errs, fmt.Errorf(format, a...)) }
	if c.Data == "" {
		bad("data is empty; name a directory")
	}
	if _, _, err := net.SplitHostPort(c.Addr); err != nil {
		bad("addr %q is not HOST:PORT, as 127.0.0.1:8080", c.Addr)
	}
	for _, name := range c.Modules {
		if findModule(name) == nil {
			bad("there is no module %q; there are %s", name, strings.Join(moduleNames(), ", "))
		}
	}
	if c.Demo && !c.has("bridge") {
		bad("demo needs the module bridge in the same process")
	}
	if _, err := c.Log.level(); err != nil {
		bad("log.level %q is none of debug, info, warn, error", c.Log.Level)
	}
	if c.Log.Format != "text" && c.Log.Format != "json" {
		bad("log.format %q is neither text nor json", c.Log.Format)
	}
	errs = append(errs, c.Bus.Validate(), c.Trace.Validate(), c.Gateway.Validate(), c.Bridge.Validate(), c.Aggregate.Validate(), c.History.Validate(), c.SQL.Validate(), c.Imports.Validate(), c.Report.Validate(), c.Alert.Validate(), c.Pipeline.Validate(), c.CIR.Validate(), c.Service.Validate(), c.validateEdge(), c.validateSettlement(), c.validateSurvey(), c.validateDevice())
	return errors.Join(errs...)
}

// Validate gives what cannot work.
func (c *BusConfig) Validate() error {
	var errs []error
	if c.Partitions < 1 || c.Partitions > 1024 {
		errs = append(errs, fmt.Errorf("bus.partitions is %d; between 1 and 1024 are possible", c.Partitions))
	}
	if c.Replicas < 1 || c.Replicas > 5 || c.Replicas%2 == 0 {
		errs = append(errs, fmt.Errorf("bus.replicas is %d; 1, 3 and 5 are possible", c.Replicas))
	}
	if c.NATS != "" && slices.Contains(strings.Split(c.NATS, ","), "") {
		errs = append(errs, fmt.Errorf("bus.nats %q has a comma with no URL beside it", c.NATS))
	}
	if c.Wait <= 0 {
		errs = append(errs, fmt.Errorf("bus.wait is %v; it must be positive", c.Wait.Std()))
	}
	if (c.CertFile == "") != (c.KeyFile == "") {
		errs = append(errs, errors.New("bus.cert_file and bus.key_file belong together; one is missing"))
	}
	if c.NATS == "" && c.Replicas > 1 {
		errs = append(errs, errors.New("bus.replicas is larger than 1, but the embedded NATS is alone; name a cluster in bus.nats"))
	}
	if c.Listen != "" {
		host, _, err := net.SplitHostPort(c.Listen)
		switch {
		case err != nil:
			errs = append(errs, fmt.Errorf("bus.listen %q is not HOST:PORT", c.Listen))
		case c.LoginFile == "" && !loopback(host):
			errs = append(errs, errors.New("bus.listen can be reached from other machines, and whoever reaches it could read and delete everything; set bus.login_file"))
		}
	}
	if c.CredsFile != "" && c.LoginFile != "" {
		errs = append(errs, errors.New("bus.creds_file and bus.login_file are both set; one of both is not meant"))
	}
	if c.MQTT != "auto" && c.MQTT != "off" {
		if _, _, err := net.SplitHostPort(c.MQTT); err != nil {
			errs = append(errs, fmt.Errorf("bus.mqtt %q is not HOST:PORT, auto or off", c.MQTT))
		}
	}
	errs = append(errs, c.validateLeaf())
	return errors.Join(errs...)
}

// external is how a NATS of others is reached, and what is made there.
func (c *BusConfig) external() (bus.Options, error) {
	login, err := c.login()
	return bus.Options{
		URL: c.NATS, Wait: c.Wait.Std(), Creds: c.CredsFile, Login: login,
		TLS:        bus.TLS{CA: c.CAFile, Cert: c.CertFile, Key: c.KeyFile},
		Partitions: c.Partitions, Replicas: c.Replicas,
	}, err
}

// login reads who comes from other processes, or as whom this one goes there.
func (c *BusConfig) login() (bus.Login, error) { return readLogin("bus.login_file", c.LoginFile) }

func readLogin(setting, file string) (bus.Login, error) {
	if file == "" {
		return bus.Login{}, nil
	}
	data, err := os.ReadFile(file)
	if err != nil {
		return bus.Login{}, fmt.Errorf("read %s: %w", setting, err)
	}
	user, password, _ := strings.Cut(strings.TrimSpace(string(data)), ":")
	if user == "" || password == "" || strings.Contains(password, "\n") {
		return bus.Login{}, fmt.Errorf("%s %s: there is not one line of user:password in it", setting, file)
	}
	return bus.Login{User: user, Password: password}, nil
}

// Validate gives what cannot work.
func (c *AggregateConfig) Validate() error {
	if c.Grace < 0 || time.Duration(c.Grace) > time.Hour {
		return fmt.Errorf("aggregate.grace is %v; between 0 and 1h are possible", c.Grace)
	}
	return nil
}

// Validate gives what cannot work.
func (c *HistoryConfig) Validate() error {
	if c.Retention < 0 || c.Late < 0 {
		return errors.New("history.retention and history.late cannot be negative")
	}
	switch c.Store {
	case storeTSDB:
		return nil
	case storeRemote:
		return c.Remote.Validate()
	}
	return fmt.Errorf("history.store %q is neither tsdb nor remote", c.Store)
}

// Warnings are sentences about settings that work and may not be meant.
func (c *Config) Warnings() []string {
	var out []string
	warn := func(when bool, sentence string) {
		if when {
			out = append(out, sentence)
		}
	}
	host, _, _ := net.SplitHostPort(c.Addr)
	mqttHost, _, _ := net.SplitHostPort(c.Bus.MQTT)
	natsHost, _, _ := net.SplitHostPort(c.Bus.Listen)
	day := config.Duration(24 * time.Hour)
	warn(!c.Bus.Sync && c.Bus.NATS == "", "bus.sync is off: readings are accepted before they are on the disk, and a power cut loses some seconds of them.")
	warn(c.Bus.MQTT != "auto" && c.Bus.MQTT != "off" && !loopback(mqttHost), "bus.mqtt can be reached from other machines, and MQTT clients need no sign-in: whoever reaches it can publish readings.")
	warn(c.Bus.Listen != "" && !loopback(natsHost), "bus.listen can be reached from other machines, and nothing is encrypted there: the password can be read on the way. Keep it inside a network of your own.")
	warn(c.Bus.Listen != "" && c.Bus.LoginFile == "", "bus.listen asks for no password: every program on this machine can read and delete everything. Set bus.login_file.")
	warn(c.Bus.MinFree < 64<<20, "bus.min_free is below 64MiB: the disk may be full before intake stops, and a database that finds no room can stop the process.")
	warn(c.History.Retention > 0 && c.History.Retention < day, "history.retention is less than a day: yesterday's readings will be gone.")
	warn(c.History.Retention > 0 && c.History.Retention < c.History.Late, "history.retention is shorter than history.late: readings can arrive that are removed at once.")
	if c.History.Store == storeRemote {
		c.History.Remote.warnings(warn)
	}
	warn(c.History.Store == storeTSDB && len(c.History.Remote.WriteURLs) > 0, "history.remote is set and history.store is tsdb: the database is not used.")
	warn(c.Aggregate.Grace == 0, "aggregate.grace is 0: readings that arrive a moment after a tick has closed do not count in it.")
	warn(!loopback(host) && c.Gateway.TLSCertFile == "" && !strings.HasPrefix(c.Gateway.PublicURL, "https:"), "addr can be reached from other machines without TLS: passwords and tokens can be read on the way. Set gateway.tls_cert_file, or gateway.public_url when a proxy does it.")
	warn(!c.Gateway.SignIn, "gateway.sign_in is off: every program and every person on this machine may do everything.")
	t := c.Gateway.Titan
	warn(t.API && t.AnonymousRead == gateway.GuestsAnybody && !loopback(host), "gateway.titan.anonymous_read is anybody: whoever reaches addr reads all readings, without signing in.")
	warn(t.API && t.AnonymousRead != gateway.GuestsNever && slices.Contains(t.Origins, "*"), "gateway.titan.origins has *: every web page that is open in a browser that reaches addr can read all readings.")
	warn(!t.API && (t.AnonymousRead != gateway.GuestsNever || len(t.Origins) > 0), "gateway.titan.api is off: the other settings of gateway.titan do nothing.")
	warn(len(c.Modules) > 0 && !c.isDevice() && !c.has("gateway") && c.Bus.NATS == "" && c.Bus.Listen == "" && c.Bus.Leaf.URL == "", "modules are left out while the bus is embedded and serves no other process: nothing outside can reach the modules that run.")
	return append(out, c.apart()...)
}

// loopback tells whether only this machine reaches the host.
func loopback(host string) bool {
	if host == "localhost" {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}

// LoadConfig reads the settings of a process; flags are by dotted key.
func LoadConfig(file string, environ []string, flags map[string]any) (Config, error) {
	c := DefaultConfig()
	if err := config.Load(&c, config.Sources{File: file, Environ: environ, Prefix: EnvPrefix, Flags: flags}); err != nil {
		return c, err
	}
	if err := c.Validate(); err != nil {
		return c, fmt.Errorf("settings: %w", err)
	}
	return c, nil
}
