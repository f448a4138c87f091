// Package pipeline is the service that reads data sources and runs manifests: at
// the centre those over all gateways, at a gateway its own.
//
// One process of an installation runs them at a time, and others stand by: who
// takes over goes on from the checkpoints. What is pushed by HTTP every process
// takes. What each part guarantees stands in pipeline/router, pipeline/runner
// and pipeline/engine.
//
// A [Service] may be used by many goroutines; Run is called once.
package pipeline
