// Package analytics measures declared analytics: records that come as JSON and
// are stored on the bus (on the disk, with sync) go through a rule to a sink that
// counts them, while the manifest of the rule is changed, paused and resumed.
// Each record has a time of its own, so that what is lost and what is told twice
// are counted. Then a filter is measured in memory, what many rules on one source
// need, and what many manifests that run at the same time do.
//
// What is pushed comes through the handler of HTTP pushes, without a network.
//
// Only app imports it.
package analytics
