package manifest

import (
	"encoding/json"
	"time"
)

// Common is what every model has.
type Common struct {
	ID          string `json:"id,omitempty" maxLength:"36" doc:"UUID; made when absent"`
	Name        string `json:"name" minLength:"1" maxLength:"200" doc:"Unique among the models of its type"`
	Description string `json:"description,omitempty" maxLength:"2000"`
}

// Type of a value of a parameter.
type Type string

// Types of parameters. A duration is Go's (1m30s) or that of a window (1h, 1d,
// month); an expression is one of expr-lang.
const (
	String     Type = "string"
	Int        Type = "int"
	Float      Type = "float"
	Bool       Type = "bool"
	Duration   Type = "duration"
	Expression Type = "expression"
	Zone       Type = "zone"   // IANA name
	Unit       Type = "unit"   // symbol of a unit that package record knows
	Secret     Type = "secret" // the name of a file below the directory of secrets, never its content
)

// Parameter declares one parameter of an interface or a processor.
type Parameter struct {
	Name        string          `json:"name" minLength:"1" maxLength:"100"`
	Description string          `json:"description,omitempty" maxLength:"2000"`
	Type        Type            `json:"type,omitempty" enum:"string,int,float,bool,duration,expression,zone,unit,secret" doc:"Absent: string"`
	Required    bool            `json:"required,omitempty" doc:"Must be given: there is no default"`
	Default     json.RawMessage `json:"default,omitempty" doc:"What it is when it is not given; of its type"`
	OneOf       []string        `json:"oneOf,omitempty" maxItems:"100" doc:"Of a string: what it may be"`
	Min         *float64        `json:"min,omitempty" doc:"Of a number: the least; of a duration in s"`
	Max         *float64        `json:"max,omitempty" doc:"Of a number: the most; of a duration in s"`
	Measure     string          `json:"measure,omitempty" maxLength:"40" doc:"Of a number: its unit, for people"`
}

// Values are what parameters are given, by their names. A value is JSON; of a
// type other than string its text is taken, too, as the papers have it.
type Values map[string]json.RawMessage

// Interface is a data interface: how a source is reached, and what must be said
// to reach one.
type Interface struct {
	Common
	Protocol   string      `json:"protocol,omitempty" maxLength:"40" doc:"mqtt, http, poll, kafka, nats, records, aggregates, history, webhook, postgresql, mongodb, parquet, internal"`
	Parameters []Parameter `json:"parameters,omitempty" maxItems:"100"`
}

// Kind is a data kind: what values mean, and how they are written.
type Kind struct {
	Common
	ModelType string `json:"modelType,omitempty" maxLength:"100" example:"SenML"`
	Format    string `json:"format,omitempty" maxLength:"100" doc:"json, text, senml, csv, dataset, observation; absent: json"`
	Quantity  string `json:"quantityKind" minLength:"1" maxLength:"200" example:"TotalRealPower"`
	Unit      string `json:"unit,omitempty" maxLength:"40" doc:"Symbol of the unit of its values"`
}

// SourceDefinition is a data source definition: kinds of data over an interface.
type SourceDefinition struct {
	Common
	Interface string   `json:"interface" minLength:"1" maxLength:"200" doc:"Id or name of a data interface"`
	Kinds     []string `json:"kinds" minItems:"1" maxItems:"20" doc:"Ids or names of data kinds; the first is that of its values"`
}

// Source is a data source manifest: one source, or sink, of a definition.
type Source struct {
	Common
	MAC        string `json:"macAddress,omitempty" maxLength:"100"`
	Definition string `json:"definition" minLength:"1" maxLength:"200" doc:"Id or name of a data source definition"`
	Gateway    string `json:"gateway,omitempty" maxLength:"200" doc:"Id or name of the edge gateway where it is; absent: at the centre"`
	Parameters Values `json:"parameters,omitempty"`
	Disabled   bool   `json:"disabled,omitempty" doc:"Nothing is read from or written to it"`
}

// Consumer is a data consumer manifest: somebody who wants data of definitions.
type Consumer struct {
	Common
	URI         string   `json:"uri,omitempty" maxLength:"500"`
	MAC         string   `json:"macAddress,omitempty" maxLength:"100"`
	Definitions []string `json:"definitions" minItems:"1" maxItems:"100" doc:"Ids or names of data source definitions it can work with"`
}

// Channel is a data channel descriptor: this consumer may read that source, for
// as long as it is valid.
type Channel struct {
	ID        string     `json:"id,omitempty" maxLength:"36"`
	URI       string     `json:"uri,omitempty" maxLength:"500"`
	Source    string     `json:"source" minLength:"1" maxLength:"200" doc:"Id or name of a data source"`
	Consumer  string     `json:"consumer" minLength:"1" maxLength:"200" doc:"Id or name of a consumer"`
	ValidFrom *time.Time `json:"validFrom,omitempty"`
	ValidTo   *time.Time `json:"validTo,omitempty" doc:"Exclusive; absent: without end"`
}

// Place is where a gateway or an observation is.
type Place struct {
	Virtual   string   `json:"virtual,omitempty" maxLength:"500"`
	Latitude  *float64 `json:"latitude,omitempty" minimum:"-90" maximum:"90"`
	Longitude *float64 `json:"longitude,omitempty" minimum:"-180" maximum:"180"`
}

// Gateway is an edge gateway: where manifests can run beside the machines.
type Gateway struct {
	Common
	Namespace  string   `json:"namespace" minLength:"1" maxLength:"200" doc:"Unique"`
	MAC        string   `json:"macAddress,omitempty" maxLength:"100"`
	Place      *Place   `json:"place,omitempty"`
	RouterURL  string   `json:"routerURL,omitempty" maxLength:"500" doc:"As it was said; it is never called"`
	EngineURL  string   `json:"engineURL,omitempty" maxLength:"500" doc:"As it was said; it is never called"`
	Additional []string `json:"additionalInformation,omitempty" maxItems:"100"`
}

// Definition is an analytics processor definition: a processor as it is offered,
// with the parameters that are left open.
type Definition struct {
	Common
	Type       string      `json:"type" minLength:"1" maxLength:"100" doc:"Of a processor that the engine has, see /api/v1/processors"`
	Version    string      `json:"version,omitempty" maxLength:"40"`
	Copyright  string      `json:"copyright,omitempty" maxLength:"500"`
	Location   string      `json:"location,omitempty" maxLength:"500" doc:"As it was said; nothing is loaded from it"`
	Additional []string    `json:"additionalInformation,omitempty" maxItems:"100"`
	Parameters []Parameter `json:"parameters,omitempty" maxItems:"100" doc:"Narrow the parameters of the type: other defaults, fewer choices"`
}

// State is what a manifest shall do.
type State string

// Desired states.
const (
	Stopped State = "stopped"
	Running State = "running"
	Paused  State = "paused"
)

// Manifest is an analytics (orchestrator) manifest: processors joined to a graph.
type Manifest struct {
	Common
	Gateway    string      `json:"gateway,omitempty" maxLength:"200" doc:"Id or name of the edge gateway it runs on; absent: at the centre, over all gateways"`
	State      State       `json:"state,omitempty" enum:"stopped,running,paused" doc:"What it shall do; absent: stopped"`
	Processors []Processor `json:"processors" minItems:"1" maxItems:"100"`
}

// Processor is an analytics processor manifest: one node of the graph.
type Processor struct {
	Name        string   `json:"name" minLength:"1" maxLength:"200" doc:"Unique in its manifest"`
	Description string   `json:"description,omitempty" maxLength:"2000"`
	Definition  string   `json:"definition,omitempty" maxLength:"200" doc:"Id or name of a processor definition"`
	Type        string   `json:"type,omitempty" maxLength:"100" doc:"Instead of a definition: the type of processor itself"`
	Parameters  Values   `json:"parameters,omitempty"`
	From        []string `json:"from" minItems:"1" maxItems:"1000" doc:"Processors of this manifest by name, or data sources by id or name"`
	To          string   `json:"to,omitempty" maxLength:"200" doc:"Data source that its results are written to, by id or name"`
}

// Observed is what a manifest does.
type Observed string

// Observed states. Degraded: it runs, and something it reads from or writes to
// cannot be reached. Failed: it does not run, and will not by itself.
const (
	IsCreated  Observed = "CREATED"
	IsStarting Observed = "STARTING"
	IsRunning  Observed = "RUNNING"
	IsPaused   Observed = "PAUSED"
	IsStopping Observed = "STOPPING"
	IsStopped  Observed = "STOPPED"
	IsFailed   Observed = "FAILED"
	IsDegraded Observed = "DEGRADED"
)
