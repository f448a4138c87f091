package app

import "errors"

// BenchCmd is "wattwerk bench".
type BenchCmd struct{}

// Help is shown by --help.
func (*BenchCmd) Help() string { return "Example:\n  wattwerk bench --help" }

// Run says that there is nothing to run yet.
func (*BenchCmd) Run() error { return errors.New("no benchmark is built in") }
