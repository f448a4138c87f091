package dataset

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/wattwerk/wattwerk/survey/anonymise"
	"github.com/wattwerk/wattwerk/survey/consent"
	"github.com/wattwerk/wattwerk/survey/household"
	"github.com/wattwerk/wattwerk/survey/register"
)

// Counts are what was written.
type Counts struct{ Households, Measurements int }

// files are the tables under way.
type files struct {
	households   *file[householdLine]
	systems      *file[pvLine]
	meters       *file[meterLine]
	measurements *file[measurementLine]
}

// Write makes the directory with the data set.
func Write(ctx context.Context, s *register.Store, dir string, format Format) (n Counts, err error) {
	if err := os.Mkdir(dir, 0o700); err != nil {
		return n, fmt.Errorf("write data set: %w", err)
	}
	if n, err = write(ctx, s, dir, format); err != nil {
		return n, fmt.Errorf("write data set: %w", errors.Join(err, os.RemoveAll(dir)))
	}
	return n, nil
}

func write(ctx context.Context, s *register.Store, dir string, format Format) (n Counts, err error) {
	f := new(files)
	var end []func() error
	defer func() {
		for _, close := range end {
			err = errors.Join(err, close())
		}
	}()
	words, err := create[word](dir, "dictionary", CSV)
	if err != nil {
		return n, err
	}
	end = append(end, words.close)
	for _, err := range []error{
		open(&f.households, dir, "households", format, words, &end), open(&f.systems, dir, "pv_systems", format, words, &end),
		open(&f.meters, dir, "meters", format, words, &end), open(&f.measurements, dir, "measurements", format, words, &end),
		os.WriteFile(filepath.Join(dir, "README.txt"), []byte(readme), 0o600),
	} {
		if err != nil {
			return n, err
		}
	}
	for after := ""; ; {
		all, _, err := s.Households(ctx, after, 200)
		if err != nil || len(all) == 0 {
			return n, err
		}
		for _, h := range all {
			after = h.ID
			if h.Consent.State == consent.NotGranted {
				continue
			}
			n.Households++
			m, err := f.household(ctx, s, &h)
			if err != nil {
				return n, err
			}
			n.Measurements += m
		}
	}
}

// word is a line of the dictionary.
type word struct {
	File    string `parquet:"file"`
	Column  string `parquet:"column"`
	Meaning string `parquet:"meaning"`
	Unit    string `parquet:"unit"`
}

// open begins a table, and says in the dictionary what its columns mean.
func open[T any](to **file[T], dir, name string, format Format, words *file[word], end *[]func() error) error {
	x, err := create[T](dir, name, format)
	if err != nil {
		return err
	}
	*to = x
	*end = append(*end, x.close)
	for _, c := range columns[T]() {
		if err := words.write(word{name + "." + string(format), c.name, c.meaning, c.unit}); err != nil {
			return err
		}
	}
	return nil
}

const readme = `The data set of a survey of households. dictionary.csv says what the columns mean.

Places and districts of households follow from borders and numbers of inhabitants:
` + anonymise.Notice + "\n"

func (f *files) household(ctx context.Context, s *register.Store, h *household.Household) (n int, err error) {
	m := h.Metadata
	line := householdLine{
		Household: h.ID, Consent: string(h.Consent.State), Children: number(m.Children), Adults: number(m.Adults), EmployedAdults: number(m.EmployedAdults),
		Charger: m.Charger, HeatPump: m.HeatPump, Battery: m.Battery,
	}
	switch l := h.Location; {
	case l == nil:
	case l.Anonymised:
		line.NUTS, line.Latitude, line.Longitude, line.RingInner, line.RingOuter, line.RingPeople = given(l.NUTS), &l.Latitude, &l.Longitude, &l.Inner, &l.Outer, number(&l.People)
	default:
		if d := anonymise.Find(l.Place); d != nil {
			line.NUTS = given(d.NUTS)
		}
	}
	if err := f.households.write(line); err != nil {
		return 0, err
	}
	for _, p := range h.PVSystems {
		if err := f.systems.write(pvLine{p.ID, h.ID, p.NominalPower, p.Azimuth, p.Tilt, given(p.Installed)}); err != nil {
			return 0, err
		}
	}
	for _, x := range h.Meters {
		if err := f.meters.write(meterLine{x.ID, h.ID, x.Model, given(x.PVSystem)}); err != nil {
			return 0, err
		}
		k, err := f.measured(ctx, s, h.ID, x.ID)
		if err != nil {
			return 0, err
		}
		n += k
	}
	return n, nil
}

// atOnce is how many days of a meter are read at a time.
const atOnce = 7 * 24 * time.Hour

func (f *files) measured(ctx context.Context, s *register.Store, home, meter string) (n int, err error) {
	first, last, err := s.Extent(ctx, home, meter)
	if err != nil || first == nil {
		return 0, err
	}
	for from := *first; !from.After(*last); from = from.Add(atOnce) {
		all, err := s.Measurements(ctx, home, meter, from, from.Add(atOnce), 1_000_000)
		if err != nil {
			return n, err
		}
		for i := range all {
			m := &all[i]
			if err := f.measurements.write(measurementLine{m.Meter, m.Slot, m.OBIS, m.Raw, int64(m.Scaler), m.Value(), m.Unit, m.Status}); err != nil {
				return n, err
			}
		}
		n += len(all)
	}
	return n, nil
}

func number(v *int) *int64 {
	if v == nil {
		return nil
	}
	return new(int64(*v))
}

// given is a text that is known.
func given(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}
