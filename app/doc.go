// Package app puts everything together: it reads the settings, opens the data
// directory, builds one bus, one catalog and one HTTP interface, and starts
// the modules that the settings name. modules.go is the map of a process.
//
// It is the only package that knows which module runs where, and so the only
// one that imports services; only cmd/wattwerk imports it.
//
// Guarantees: at most one process per data directory; modules start in the
// order of their needs and stop in reverse, each with a deadline; a process
// ends with an error that names the module when one of them fails.
package app
