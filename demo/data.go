package demo

import (
	"compress/gzip"
	"embed"
	"fmt"
	"io"
)

//go:embed data/*.gz
var files embed.FS

// Household opens the readings of the household, unpacked: CSV, a row a minute.
func Household() (io.ReadCloser, error) { return open("household_1min.csv") }

// SteelWorks opens the readings of the steel works, unpacked: CSV, a row a
// quarter of an hour.
func SteelWorks() (io.ReadCloser, error) { return open("steel_15min.csv") }

func open(name string) (io.ReadCloser, error) {
	f, err := files.Open("data/" + name + ".gz")
	if err != nil {
		return nil, fmt.Errorf("open the demo data: %w", err)
	}
	z, err := gzip.NewReader(f)
	if err != nil {
		return nil, fmt.Errorf("open the demo data: %w", err)
	}
	return z, nil
}
