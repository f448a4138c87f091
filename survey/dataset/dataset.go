package dataset

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/wattwerk/wattwerk/survey/anonymise"
	"github.com/wattwerk/wattwerk/survey/consent"
	"github.com/wattwerk/wattwerk/survey/household"
	"github.com/wattwerk/wattwerk/survey/register"
)

// Counts are what was written.
type Counts struct{ Households, Measurements int }

// column is one of a file.
type column struct{ name, meaning, unit string }

// table is a file, with what its columns mean.
type table struct {
	name    string
	columns []column
}

var tables = []table{
	{"households", []column{
		{"household", "Random identifier", ""},
		{"consent", "granted; or revoked: then the household is anonymous, its place was drawn at random, and numbers of people are at most 4, which means 4 or more", ""},
		{"nuts", "District, NUTS-3; of an anonymised household that of the real place", ""},
		{"latitude", "Of an anonymised household, drawn at random in a ring around the real place", "degrees north, WGS 84"},
		{"longitude", "As latitude", "degrees east, WGS 84"},
		{"ring_inner", "Inner radius of the ring", "m"},
		{"ring_outer", "Outer radius of the ring", "m"},
		{"ring_people", "About how many people live in the ring", "people"},
		{"children", "Who live in the household", "people"},
		{"adults", "Who live in the household", "people"},
		{"employed_adults", "Of the adults", "people"},
		{"charger", "There is a charger for an electric car", "true or false"},
		{"heat_pump", "There is a heat pump", "true or false"},
		{"battery", "There is a battery", "true or false"},
	}},
	{"pv_systems", []column{
		{"pv_system", "Random identifier", ""},
		{"household", "Whose it is", ""},
		{"nominal_power", "Peak; of an anonymised household to the nearest whole number", "kW"},
		{"azimuth", "From north to east; 180 is south", "degrees"},
		{"tilt", "From the horizontal", "degrees"},
		{"installed", "Date of the installation; of an anonymised household 1 January of the year", "date"},
	}},
	{"meters", []column{
		{"meter", "Random identifier", ""},
		{"household", "Whose it is", ""},
		{"model", "Model of the meter", ""},
		{"pv_system", "The PV system that hangs on it; empty: none", ""},
	}},
	{"measurements", []column{
		{"meter", "Which meter", ""},
		{"slot", "Beginning of the quarter of an hour in which it was read", "UTC, RFC 3339"},
		{"obis", "OBIS code, hexadecimal: 0100010800ff is 1-0:1.8.0*255, imported energy; 0100020800ff exported energy; 0100100700ff power, positive when imported", ""},
		{"raw", "Whole number that the meter sent", ""},
		{"scaler", "The value is raw times ten to this power", ""},
		{"value", "raw times ten to the power of scaler", "as unit"},
		{"unit", "Wh, W, varh, var, VAh, VA, V, A or Hz", ""},
		{"status", "Status word of the meter; empty: it sent none", ""},
	}},
}

// files are open CSV files, by the name of the table.
type files struct {
	dir string
	all map[string]*csv.Writer
	end []*os.File
}

func (f *files) open(name string) error {
	file, err := os.OpenFile(filepath.Join(f.dir, name+".csv"), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	f.end = append(f.end, file)
	f.all[name] = csv.NewWriter(file)
	return nil
}

func (f *files) close() (err error) {
	for _, w := range f.all {
		w.Flush()
		err = errors.Join(err, w.Error())
	}
	for _, x := range f.end {
		err = errors.Join(err, x.Sync(), x.Close())
	}
	return err
}

// Write makes the directory with the data set.
func Write(ctx context.Context, s *register.Store, dir string) (n Counts, err error) {
	if err := os.Mkdir(dir, 0o700); err != nil {
		return n, fmt.Errorf("write data set: %w", err)
	}
	f := &files{dir: dir, all: make(map[string]*csv.Writer)}
	n, err = f.write(ctx, s)
	if err = errors.Join(err, f.close()); err != nil {
		return n, fmt.Errorf("write data set: %w", errors.Join(err, os.RemoveAll(dir)))
	}
	return n, nil
}

func (f *files) write(ctx context.Context, s *register.Store) (n Counts, err error) {
	if err := f.open("dictionary"); err != nil {
		return n, err
	}
	words := f.all["dictionary"]
	if err := words.Write([]string{"file", "column", "meaning", "unit"}); err != nil {
		return n, err
	}
	for _, t := range tables {
		if err := f.open(t.name); err != nil {
			return n, err
		}
		head := make([]string, len(t.columns))
		for i, c := range t.columns {
			head[i] = c.name
			if err := words.Write([]string{t.name + ".csv", c.name, c.meaning, c.unit}); err != nil {
				return n, err
			}
		}
		if err := f.all[t.name].Write(head); err != nil {
			return n, err
		}
	}
	if err := os.WriteFile(filepath.Join(f.dir, "README.txt"), []byte(readme), 0o600); err != nil {
		return n, err
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

const readme = `The data set of a survey of households. dictionary.csv says what the columns mean.

Places and districts of households follow from borders and numbers of inhabitants:
` + anonymise.Notice + "\n"

func (f *files) household(ctx context.Context, s *register.Store, h *household.Household) (n int, err error) {
	row := []string{h.ID, string(h.Consent.State), "", "", "", "", "", ""}
	switch l := h.Location; {
	case l == nil:
	case l.Anonymised:
		copy(row[2:], []string{l.NUTS, float(&l.Latitude), float(&l.Longitude), float(&l.Inner), float(&l.Outer), strconv.Itoa(l.People)})
	default:
		if d := anonymise.Find(l.Place); d != nil {
			row[2] = d.NUTS
		}
	}
	m := h.Metadata
	row = append(row, number(m.Children), number(m.Adults), number(m.EmployedAdults), truth(m.Charger), truth(m.HeatPump), truth(m.Battery))
	if err := f.all["households"].Write(row); err != nil {
		return 0, err
	}
	for _, p := range h.PVSystems {
		if err := f.all["pv_systems"].Write([]string{p.ID, h.ID, float(p.NominalPower), float(p.Azimuth), float(p.Tilt), p.Installed}); err != nil {
			return 0, err
		}
	}
	for _, x := range h.Meters {
		if err := f.all["meters"].Write([]string{x.ID, h.ID, x.Model, x.PVSystem}); err != nil {
			return 0, err
		}
		k, err := f.measurements(ctx, s, h.ID, x.ID)
		if err != nil {
			return 0, err
		}
		n += k
	}
	return n, nil
}

// atOnce is how many days of a meter are read at a time.
const atOnce = 7 * 24 * time.Hour

func (f *files) measurements(ctx context.Context, s *register.Store, home, meter string) (n int, err error) {
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
			status := ""
			if m.Status != nil {
				status = strconv.FormatInt(*m.Status, 10)
			}
			if err := f.all["measurements"].Write([]string{
				m.Meter, m.Slot.Format(time.RFC3339), m.OBIS, strconv.FormatInt(m.Raw, 10), strconv.Itoa(m.Scaler), strconv.FormatFloat(m.Value(), 'f', -1, 64), m.Unit, status,
			}); err != nil {
				return n, err
			}
		}
		n += len(all)
	}
	return n, nil
}

func float(v *float64) string {
	if v == nil {
		return ""
	}
	return strconv.FormatFloat(*v, 'f', -1, 64)
}

func number(v *int) string {
	if v == nil {
		return ""
	}
	return strconv.Itoa(*v)
}

func truth(v *bool) string {
	if v == nil {
		return ""
	}
	return strconv.FormatBool(*v)
}
