// Package prometheus holds the alert rules for Prometheus, and the tests of
// them and of the dashboard in deploy/grafana. There is nothing to import.
package prometheus
