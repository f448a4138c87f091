package app

import (
	"bufio"
	"errors"
	"io"
	"strings"

	"github.com/wattwerk/wattwerk/internal/config"
)

// PrintConfig writes the settings as a commented file.
func PrintConfig(w io.Writer, c *Config) error {
	return config.Print(w, c)
}

func firstLine(r io.Reader) (string, error) {
	line, err := bufio.NewReader(r).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return "", err
	}
	return strings.TrimRight(line, "\r\n"), nil
}

// SimCmd is "wattwerk sim".
type SimCmd struct{}

// ImportCmd is "wattwerk import".
type ImportCmd struct{}

// ExportCmd is "wattwerk export".
type ExportCmd struct{}

var errSoon = errors.New("not there yet")

// Run is to come.
func (*SimCmd) Run() error { return errSoon }

// Run is to come.
func (*ImportCmd) Run() error { return errSoon }

// Run is to come.
func (*ExportCmd) Run() error { return errSoon }
