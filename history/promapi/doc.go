// Package promapi answers PromQL over a history store, with the HTTP API and
// the response format of Prometheus, so that Grafana works at once.
//
// Guarantees: reads only. A query is bounded in time, in samples and in points
// of a series, and no more than a fixed number run at once. It is safe for
// concurrent use. Values are in the coherent unit of the sensor's quantity;
// null is a gap.
//
// It imports history; only app imports it. The packages of Prometheus that
// serve its API are not used, because they bring in its scraping.
package promapi
