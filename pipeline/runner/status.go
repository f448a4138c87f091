package runner

import (
	"time"

	"github.com/wattwerk/wattwerk/manifest"
	"github.com/wattwerk/wattwerk/pipeline/engine"
)

// ManifestStatus is what is observed of a manifest.
type ManifestStatus struct {
	State     manifest.Observed `json:"state" enum:"CREATED,STARTING,RUNNING,PAUSED,STOPPING,STOPPED,FAILED,DEGRADED"`
	Reason    string            `json:"reason,omitempty" doc:"Why it failed, is degraded, or still runs as it was before a change"`
	Since     time.Time         `json:"since" doc:"In this state since then"`
	At        time.Time         `json:"at" doc:"When this was so"`
	Process   string            `json:"process,omitempty" doc:"Who runs it"`
	Position  uint64            `json:"position" doc:"Newest message of the stream of observations that it took"`
	Saved     uint64            `json:"saved" doc:"Up to where its state is stored"`
	Watermark *time.Time        `json:"watermark" doc:"Up to when everything is there, as far as it knows; null: nothing came yet"`
	Nodes     []NodeStatus      `json:"nodes" doc:"Its processors"`
	Sinks     []SinkStatus      `json:"sinks" doc:"What it writes to"`
	Waiting   int64             `json:"waiting" doc:"Results that are not written yet"`
	Lost      uint64            `json:"lost" doc:"Messages that were removed from the stream before it took them, at most"`
	Anew      []string          `json:"anew,omitempty" doc:"Processors that could not go on from their state at the last change, and began anew"`
}

// NodeStatus is what a processor did.
type NodeStatus struct {
	Name string `json:"name"`
	kind string // of processor
	engine.Count
	InRate  float64 `json:"inPerSecond"`
	OutRate float64 `json:"outPerSecond"`
}

// SinkStatus is how a sink is.
type SinkStatus struct {
	ID    string `json:"id"`
	Name  string `json:"name"`
	Error string `json:"error,omitempty" doc:"Why nothing is written to it now"`
}
