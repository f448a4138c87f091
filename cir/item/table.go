package item

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"
)

// Bounds of files.
const (
	MostFile    = 32 << 20 // bytes
	mostRows    = MostThings / 2
	MostColumns = 64 // columns
	mostFaults  = 100
)

// FixedColumns are the columns of a file. Further ones are properties: their names begin with
// PropertyColumn.
var FixedColumns = []string{
	"registry", "category", "category_source", "id_in_source", "source", "cirid", "owner", "name", "inactive", "description",
}

// What is behind the fixed columns.
const (
	PropertyColumn = "property:"
	jsonCell       = "json:" // begins a cell that is more than one value without key and unit
)

// RowFault is what is wrong with a row of a file.
type RowFault struct {
	Line int    `json:"line" doc:"In the file; the first is 1"`
	Text string `json:"text"`
}

// Imported is what became of a file, or would.
type Imported struct {
	Change    int64      `json:"change" doc:"By which it can be undone; 0: nothing was changed"`
	DryRun    bool       `json:"dryRun"`
	Rows      int        `json:"rows"`
	Created   int        `json:"created" doc:"Entries"`
	Updated   int        `json:"updated"`
	Unchanged int        `json:"unchanged"`
	Faults    []RowFault `json:"faults" doc:"The first 100. When there are any nothing is imported"`
	More      int        `json:"more" doc:"How many faults are not listed"`
}

// Fault notes one.
func (i *Imported) Fault(line int, err error) {
	if len(i.Faults) == mostFaults {
		i.More++
		return
	}
	i.Faults = append(i.Faults, RowFault{line, err.Error()})
}

// Row is one entry of a file.
type Row struct {
	Line     int
	Category CategoryIdentifier
	Item     EntryItem
}

// ParseCSV reads a file. What is wrong with single rows is noted, what is wrong
// with the file is the error.
func ParseCSV(data []byte, out *Imported) ([]Row, error) {
	if len(data) > MostFile {
		return nil, fmt.Errorf("the file has more than %d MiB", MostFile>>20)
	}
	r := csv.NewReader(bytes.NewReader(bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))))
	r.FieldsPerRecord = -1
	head, err := r.Read()
	if errors.Is(err, io.EOF) {
		return nil, errors.New("the file is empty; its first line names the columns")
	}
	if err != nil {
		return nil, fmt.Errorf("the file cannot be read: %w", err)
	}
	if err := checkHead(head); err != nil {
		return nil, err
	}
	var rows []Row
	lines := make(map[EntryIdentifier]int)
	for {
		cells, err := r.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("the file cannot be read: %w", err)
		}
		line, _ := r.FieldPos(0)
		if out.Rows++; out.Rows > mostRows {
			return nil, fmt.Errorf("the file has more than %d rows; bring it in parts", mostRows)
		}
		row, err := parseRow(head, cells)
		if err == nil {
			row.Line = line
			key := row.Category.Entry(&row.Item)
			if was, twice := lines[key]; twice {
				err = fmt.Errorf("the entry %v stands in line %d already", key, was)
			}
			lines[key] = line
		}
		if err != nil {
			out.Fault(line, err)
			continue
		}
		rows = append(rows, row)
	}
	return rows, nil
}

func checkHead(head []string) error {
	if len(head) > MostColumns {
		return fmt.Errorf("the file has %d columns, at most %d are taken", len(head), MostColumns)
	}
	for i, h := range head {
		if slices.Contains(head[:i], h) {
			return fmt.Errorf("the column %q is there twice", h)
		}
		if id, ok := strings.CutPrefix(h, PropertyColumn); ok {
			if err := CheckID("property", id); err != nil {
				return err
			}
		} else if !slices.Contains(FixedColumns, h) {
			return fmt.Errorf("there is no column %.60q; there are %s, and %sNAME", h, strings.Join(FixedColumns, ", "), PropertyColumn)
		}
	}
	for _, h := range FixedColumns[:5] {
		if !slices.Contains(head, h) {
			return fmt.Errorf("the column %q is missing", h)
		}
	}
	return nil
}

func parseRow(head, cells []string) (Row, error) {
	var out Row
	if len(cells) != len(head) {
		return out, fmt.Errorf("it has %d cells, and the first line names %d", len(cells), len(head))
	}
	for i, h := range head {
		c := unguard(cells[i])
		switch h {
		case "registry":
			out.Category.RegistryID = c
			continue
		case "category":
			out.Category.CategoryID = c
			continue
		case "category_source":
			out.Category.CategorySourceID = c
			continue
		case "id_in_source":
			out.Item.IDInSource = c
			continue
		case "source":
			out.Item.SourceID = c
			continue
		}
		if c == "" {
			continue
		}
		switch h {
		case "cirid":
			out.Item.CIRID = &c
		case "owner":
			out.Item.SourceOwnerID = &c
		case "name":
			out.Item.Name = &c
		case "inactive":
			if c != "true" && c != "false" {
				return out, fmt.Errorf("inactive is %.40q; it is true, false, or empty", c)
			}
			out.Item.Inactive = new(c == "true")
		case "description":
			if err := parseCell(c, &out.Item.Description, func(s string) []LocalText { return []LocalText{{Value: s}} }); err != nil {
				return out, fmt.Errorf("description: %w", err)
			}
		default:
			p := PropertyItem{ID: strings.TrimPrefix(h, PropertyColumn)}
			if err := parseCell(c, &p, func(s string) PropertyItem { return PropertyItem{ID: p.ID, Values: []PropertyValue{{Value: s}}} }); err != nil {
				return out, fmt.Errorf("%s: %w", h, err)
			}
			p.ID = strings.TrimPrefix(h, PropertyColumn)
			out.Item.Properties = append(out.Item.Properties, p)
		}
	}
	return out, errors.Join(out.Category.Check(), out.Item.Check())
}

// parseCell reads what is written as JSON, or as it is.
func parseCell[T any](c string, to *T, plain func(string) T) error {
	text, ok := strings.CutPrefix(c, jsonCell)
	if !ok {
		*to = plain(c)
		return nil
	}
	d := json.NewDecoder(strings.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(to); err != nil {
		return errors.New("what follows json: cannot be read as what belongs there")
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("after the JSON comes something else")
	}
	return nil
}

// Cells gives the entry as a row, with these properties.
func Cells(c CategoryIdentifier, e *EntryItem, ids []string) []string {
	inactive := ""
	if e.Inactive != nil {
		inactive = fmt.Sprint(*e.Inactive)
	}
	description := ""
	if t := e.Description; len(t) == 1 && t[0].Language == "" && isPlain(t[0].Value) {
		description = t[0].Value
	} else if len(t) > 0 {
		description = asJSON(t)
	}
	out := []string{
		c.RegistryID, c.CategoryID, c.CategorySourceID, e.IDInSource, e.SourceID, Text(e.CIRID), Text(e.SourceOwnerID), Text(e.Name), inactive, description,
	}
	for _, id := range ids {
		cell := ""
		if at := slices.IndexFunc(e.Properties, func(p PropertyItem) bool { return p.ID == id }); at >= 0 {
			p := &e.Properties[at]
			if v := p.Values; p.DataType == nil && len(v) == 1 && v[0].Key == "" && v[0].UnitOfMeasure == "" && isPlain(v[0].Value) {
				cell = v[0].Value
			} else {
				cell = asJSON(p)
			}
		}
		out = append(out, cell)
	}
	for i := range out {
		out[i] = guard(out[i])
	}
	return out
}

func asJSON(v any) string {
	data, err := json.Marshal(v)
	if err != nil {
		panic(err) // the words of this package can be written down
	}
	return jsonCell + string(data)
}

// guard keeps spreadsheets from taking a text for a formula, by an apostrophe in
// front, as they themselves do. unguard takes it away again.
func guard(s string) string {
	if formula(s) {
		return "'" + s
	}
	return s
}

func unguard(s string) string {
	if t, ok := strings.CutPrefix(s, "'"); ok && formula(t) {
		return t
	}
	return s
}

// formula tells whether a text, behind apostrophes, looks like one.
func formula(s string) bool {
	r, _ := utf8.DecodeRuneInString(strings.TrimSpace(strings.TrimLeft(s, "'")))
	return strings.ContainsRune("=+-@＝＋－＠", r)
}

// isPlain tells whether a text can stand in a cell as it is, and is read back.
func isPlain(s string) bool {
	return s != "" && !strings.HasPrefix(s, jsonCell) && !strings.Contains(s, "\r")
}
