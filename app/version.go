package app

import (
	_ "embed"
	"fmt"
	"io"
	"runtime"
	"runtime/debug"
)

// version is set by the build: -ldflags "-X …/app.version=v1.2.3".
var version string

// Version is the version of this program: as the build said, else the commit.
func Version() string {
	if version != "" {
		return version
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" && len(s.Value) >= 12 {
			return "devel-" + s.Value[:12]
		}
	}
	return "devel"
}

//go:embed licences.txt
var licences string

// VersionCmd is "wattwerk version".
type VersionCmd struct {
	Licences bool `help:"Also list everything that is inside, with its licence."`
}

// Help is shown by --help.
func (*VersionCmd) Help() string {
	return "Examples:\n  wattwerk version\n  wattwerk version --licences"
}

// Run prints the version.
func (c *VersionCmd) Run(sys IO) error {
	if _, err := fmt.Fprintf(sys.Out, "wattwerk %s %s/%s %s\n", Version(), runtime.GOOS, runtime.GOARCH, runtime.Version()); err != nil {
		return err
	}
	if !c.Licences {
		return nil
	}
	_, err := io.WriteString(sys.Out, "\nLicensed under the Apache License 2.0. Inside are, each under its own licence:\n\n"+licences)
	return err
}
