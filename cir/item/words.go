package item

import (
	"bytes"
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Bounds.
const (
	mostID         = 500    // bytes of an identifier
	mostText       = 2_000  // bytes of a name, a description
	mostValue      = 16_384 // bytes of the value of a property
	mostTexts      = 20     // descriptions of one thing
	mostValues     = 100    // values of one property
	MostProperties = 200    // of one entry
	MostThings     = 50_000 // registries, categories and entries that one command may touch
)

// LocalText is a description in a language.
type LocalText struct {
	Value    string `json:"value" maxLength:"2000"`
	Language string `json:"language,omitempty" doc:"As en or de-DE" maxLength:"40"`
}

// RegistryItem is a registry, with what of it is meant.
type RegistryItem struct {
	ID          string         `json:"id" doc:"Unique" minLength:"1" maxLength:"500" example:"plant"`
	Description []LocalText    `json:"description,omitempty" maxItems:"20"`
	Categories  []CategoryItem `json:"categories,omitempty" maxItems:"10000"`
}

// CategoryItem is a category of a registry, with what of it is meant.
type CategoryItem struct {
	ID          string      `json:"id" minLength:"1" maxLength:"500" example:"pump"`
	SourceID    string      `json:"sourceId" doc:"Who says what belongs to the category; unique in its registry together with id" minLength:"1" maxLength:"500" example:"erp"`
	Description []LocalText `json:"description,omitempty" maxItems:"20"`
	Entries     []EntryItem `json:"entries,omitempty" maxItems:"50000"`
}

// EntryItem is how one system calls a thing. In a command that updates, what is
// absent stays as it is, and what is empty is taken away.
type EntryItem struct {
	IDInSource    string         `json:"idInSource" doc:"How the source calls it" minLength:"1" maxLength:"500" example:"P-101"`
	SourceID      string         `json:"sourceId" doc:"The system that calls it so; unique in its category together with idInSource" minLength:"1" maxLength:"500" example:"erp"`
	CIRID         *string        `json:"cirid,omitempty" doc:"UUID that all entries of the same thing share" maxLength:"36" example:"01936f4e-8c00-7abc-8def-0123456789ab"`
	SourceOwnerID *string        `json:"sourceOwnerId,omitempty" maxLength:"500"`
	Name          *string        `json:"name,omitempty" maxLength:"2000"`
	Description   []LocalText    `json:"description,omitempty" maxItems:"20"`
	Inactive      *bool          `json:"inactive,omitempty" doc:"It is not in use any more"`
	Properties    []PropertyItem `json:"properties,omitempty" maxItems:"200"`
}

// PropertyItem says more about an entry. ParentEntityID, ChildEntityID and
// PossibleEquivalentEntryID mean what the specification says.
type PropertyItem struct {
	ID       string          `json:"id" minLength:"1" maxLength:"500" example:"ParentEntityID"`
	DataType *string         `json:"dataType,omitempty" maxLength:"500"`
	Values   []PropertyValue `json:"values,omitempty" maxItems:"100"`
}

// PropertyValue is one value of a property.
type PropertyValue struct {
	Key           string `json:"key,omitempty" maxLength:"500"`
	Value         string `json:"value" maxLength:"16384"`
	UnitOfMeasure string `json:"unitOfMeasure,omitempty" maxLength:"500"`
}

// CategoryIdentifier names a category.
type CategoryIdentifier struct {
	RegistryID       string `json:"registryId" minLength:"1" maxLength:"500"`
	CategoryID       string `json:"categoryId" minLength:"1" maxLength:"500"`
	CategorySourceID string `json:"categorySourceId" minLength:"1" maxLength:"500"`
}

// EntryIdentifier names an entry.
type EntryIdentifier struct {
	RegistryID       string `json:"registryId" minLength:"1" maxLength:"500"`
	CategoryID       string `json:"categoryId" minLength:"1" maxLength:"500"`
	CategorySourceID string `json:"categorySourceId" minLength:"1" maxLength:"500"`
	IDInSource       string `json:"idInSource" minLength:"1" maxLength:"500"`
	SourceID         string `json:"sourceId" minLength:"1" maxLength:"500"`
}

// Category names the category of the entry.
func (e EntryIdentifier) Category() CategoryIdentifier {
	return CategoryIdentifier{e.RegistryID, e.CategoryID, e.CategorySourceID}
}

// In names a category.
func In(registry, category, source string) CategoryIdentifier {
	return CategoryIdentifier{registry, category, source}
}

// Named names an entry of the category.
func (c CategoryIdentifier) Named(id, source string) EntryIdentifier {
	return EntryIdentifier{c.RegistryID, c.CategoryID, c.CategorySourceID, id, source}
}

// Entry names an entry of the category.
func (c CategoryIdentifier) Entry(e *EntryItem) EntryIdentifier {
	return EntryIdentifier{c.RegistryID, c.CategoryID, c.CategorySourceID, e.IDInSource, e.SourceID}
}

// PropertyIdentifier names a property.
type PropertyIdentifier struct {
	EntryIdentifier
	PropertyID string `json:"propertyId" minLength:"1" maxLength:"500"`
}

// Properties that the specification defines. Who is above or below a thing is
// told by idInSource.
const (
	ParentEntityID            = "ParentEntityID"
	ChildEntityID             = "ChildEntityID"
	PossibleEquivalentEntryID = "PossibleEquivalentEntryID"
)

// Possible is an entry that may be equivalent, as the value of the property
// PossibleEquivalentEntryID lists it.
type Possible struct {
	IDInSource        string   `json:"IDInSource"`
	SourceID          string   `json:"SourceID"`
	PercentLikelihood *float64 `json:"PercentLikelihood,omitempty" doc:"0 to 100; absent: not known"`
}

// Possibles reads the value of a PossibleEquivalentEntryID.
func Possibles(value string) ([]Possible, error) {
	d := json.NewDecoder(strings.NewReader(value))
	d.DisallowUnknownFields()
	var out []Possible
	if err := d.Decode(&out); err != nil {
		return nil, errors.New(`the value of PossibleEquivalentEntryID is a JSON array like [{"IDInSource":"P-101","SourceID":"erp","PercentLikelihood":80}]`)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("after the JSON array of PossibleEquivalentEntryID comes something else")
	}
	for _, p := range out {
		if err := CheckID("IDInSource", p.IDInSource); err != nil {
			return nil, err
		}
		if err := CheckID("SourceID", p.SourceID); err != nil {
			return nil, err
		}
		if l := p.PercentLikelihood; l != nil && (*l < 0 || *l > 100) {
			return nil, fmt.Errorf("a PercentLikelihood is %v; it is between 0 and 100", *l)
		}
	}
	return out, nil
}

// NewCIRID makes a UUID of version 7.
func NewCIRID(now time.Time) string {
	var b [16]byte
	binary.BigEndian.PutUint64(b[:8], uint64(now.UnixMilli())<<16)
	_, _ = rand.Read(b[6:]) // never fails
	b[6] = b[6]&0x0f | 0x70
	b[8] = b[8]&0x3f | 0x80
	h := hex.EncodeToString(b[:])
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
}

// ParseCIRID takes a UUID as it is written, and gives it in small letters.
func ParseCIRID(s string) (string, error) {
	bad := func() (string, error) {
		return "", fmt.Errorf("the CIRID %.60q is not a UUID like 01936f4e-8c00-7abc-8def-0123456789ab", s)
	}
	if len(s) != 36 || s[8] != '-' || s[13] != '-' || s[18] != '-' || s[23] != '-' {
		return bad()
	}
	b, err := hex.DecodeString(strings.ReplaceAll(s, "-", ""))
	if err != nil || len(b) != 16 || bytes.Equal(b, make([]byte, 16)) {
		return bad()
	}
	return strings.ToLower(s), nil
}

// CheckID tells what is wrong with an identifier.
func CheckID(what, s string) error {
	switch {
	case s == "":
		return fmt.Errorf("a %s is empty", what)
	case len(s) > mostID:
		return fmt.Errorf("a %s is %d bytes long, at most %d are taken: %.40q…", what, len(s), mostID, s)
	case !utf8.ValidString(s):
		return fmt.Errorf("the %s %q is not valid UTF-8", what, s)
	}
	for _, r := range s {
		if r == utf8.RuneError || unicode.IsControl(r) {
			return fmt.Errorf("the %s %q contains the character %U", what, s, r)
		}
	}
	return nil
}

func checkText(what, s string, most int) error {
	switch {
	case len(s) > most:
		return fmt.Errorf("a %s is %d bytes long, at most %d are taken", what, len(s), most)
	case !utf8.ValidString(s):
		return fmt.Errorf("a %s is not valid UTF-8", what)
	case strings.ContainsRune(s, 0):
		return fmt.Errorf("a %s contains the character U+0000", what)
	}
	return nil
}

func checkTexts(what string, all []LocalText) error {
	if len(all) > mostTexts {
		return fmt.Errorf("%s has %d descriptions, at most %d are taken", what, len(all), mostTexts)
	}
	for _, t := range all {
		if err := errors.Join(checkText("description", t.Value, mostText), checkText("language", t.Language, 40)); err != nil {
			return err
		}
	}
	return nil
}

// Check tells what is wrong with the identifier.
func (c CategoryIdentifier) Check() error {
	return errors.Join(CheckID("registryId", c.RegistryID), CheckID("categoryId", c.CategoryID), CheckID("categorySourceId", c.CategorySourceID))
}

// Check tells what is wrong with the identifier.
func (e EntryIdentifier) Check() error {
	return errors.Join(e.Category().Check(), CheckID("idInSource", e.IDInSource), CheckID("sourceId", e.SourceID))
}

// Check tells what is wrong with the entry alone, and puts its CIRID in small
// letters.
func (e *EntryItem) Check() error {
	for _, t := range []struct {
		what, s string
		most    int
	}{{"sourceOwnerId", Text(e.SourceOwnerID), mostID}, {"name", Text(e.Name), mostText}} {
		if err := checkText(t.what, t.s, t.most); err != nil {
			return err
		}
		if strings.ContainsFunc(t.s, unicode.IsControl) {
			return fmt.Errorf("a %s has more than one line, or a control character", t.what)
		}
	}
	if err := errors.Join(CheckID("idInSource", e.IDInSource), CheckID("sourceId", e.SourceID), checkTexts("entry "+e.IDInSource, e.Description)); err != nil {
		return err
	}
	if id := Text(e.CIRID); id != "" {
		id, err := ParseCIRID(id)
		if err != nil {
			return err
		}
		e.CIRID = &id
	}
	if len(e.Properties) > MostProperties {
		return fmt.Errorf("entry %q has %d properties, at most %d are taken", e.IDInSource, len(e.Properties), MostProperties)
	}
	for i := range e.Properties {
		if err := e.Properties[i].Check(); err != nil {
			return fmt.Errorf("entry %q: %w", e.IDInSource, err)
		}
	}
	return nil
}

// Leads tells whether an item says nothing of an entry but its key, to lead to
// properties.
func (e *EntryItem) Leads() bool {
	return e.CIRID == nil && e.SourceOwnerID == nil && e.Name == nil && e.Description == nil && e.Inactive == nil && len(e.Properties) > 0
}

// Check tells what is wrong with the property alone.
func (p *PropertyItem) Check() error {
	if err := errors.Join(CheckID("property", p.ID), checkText("dataType", Text(p.DataType), mostID)); err != nil {
		return err
	}
	if len(p.Values) > mostValues {
		return fmt.Errorf("property %q has %d values, at most %d are taken", p.ID, len(p.Values), mostValues)
	}
	for _, v := range p.Values {
		if err := errors.Join(checkText("key", v.Key, mostID), checkText("value", v.Value, mostValue), checkText("unitOfMeasure", v.UnitOfMeasure, mostID)); err != nil {
			return err
		}
		switch p.ID {
		case ParentEntityID, ChildEntityID:
			if err := CheckID(p.ID, v.Value); err != nil {
				return err
			}
		case PossibleEquivalentEntryID:
			if _, err := Possibles(v.Value); err != nil {
				return err
			}
		}
	}
	return nil
}

// Check tells what is wrong with registries alone.
func Check(all []RegistryItem) error {
	n := 0
	for i := range all {
		r := &all[i]
		n++
		if err := errors.Join(CheckID("registry id", r.ID), checkTexts("registry "+r.ID, r.Description)); err != nil {
			return err
		}
		for j := range r.Categories {
			c := &r.Categories[j]
			n += 1 + len(c.Entries)
			if n > MostThings {
				return fmt.Errorf("more than %d things are named; say it in several commands", MostThings)
			}
			if err := errors.Join(CheckID("category id", c.ID), CheckID("category sourceId", c.SourceID), checkTexts("category "+c.ID, c.Description)); err != nil {
				return err
			}
			for k := range c.Entries {
				if err := c.Entries[k].Check(); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// Text gives what is written, "" when it is absent.
func Text(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// Written gives what is written, nil when it is empty.
func Written(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}
