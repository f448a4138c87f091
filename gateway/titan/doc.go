// Package titan answers the REST routes of the Titan Control Center, so that
// its web page, unchanged, and programs written for it work with Wattwerk:
// history (/api/active-power), sensor management (/api/sensor-hierarchy),
// statistics (/api/stats) and anomalies (/api/anomalies). docs/titan.md says
// what is mapped to what, and where the answers are better on purpose.
//
// Guarantees: field names, their order, the order of records, bare numbers and
// the way numbers are written are those of Titan's services (Gson). Times are
// UTC milliseconds, values are W: sensors and groups of another quantity are not
// there. What is not known is left out, never 0. Every answer is bounded; errors
// are problem details. Changes of the hierarchy are revisions of the model.
//
// It has no state, checks no identity but for changes, and is safe for
// concurrent use. It imports words and no service; only app may import it.
package titan
