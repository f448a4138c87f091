package household

import (
	"crypto/rand"
	"errors"
	"fmt"
	"net/mail"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/wattwerk/wattwerk/survey/anonymise"
	"github.com/wattwerk/wattwerk/survey/consent"
)

// NewID makes an identifier: a random UUID (version 4).
func NewID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // it never fails
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

// ValidID tells whether s is written as identifiers are.
func ValidID(s string) bool {
	if len(s) != 36 {
		return false
	}
	for i, c := range []byte(s) {
		switch i {
		case 8, 13, 18, 23:
			if c != '-' {
				return false
			}
		default:
			if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
				return false
			}
		}
	}
	return true
}

// Participant is a person who takes part. Nothing of it is left when the consent is
// revoked.
type Participant struct {
	Name  string `json:"name,omitempty" yaml:"name,omitempty" doc:"As the person wants to be called" maxLength:"200"`
	Email string `json:"email,omitempty" yaml:"email,omitempty" doc:"Address for messages" maxLength:"200" example:"a.miller@example.org"`
	Phone string `json:"phone,omitempty" yaml:"phone,omitempty" maxLength:"60"`
	Note  string `json:"note,omitempty" yaml:"note,omitempty" doc:"For those who look after the survey" maxLength:"2000"`
}

// Address is where a household is. Nothing of it is left when the consent is revoked.
type Address struct {
	Street   string `json:"street,omitempty" yaml:"street,omitempty" doc:"With the number of the house" maxLength:"200"`
	Postcode string `json:"postcode,omitempty" yaml:"postcode,omitempty" maxLength:"20"`
	City     string `json:"city,omitempty" yaml:"city,omitempty" maxLength:"200"`
	Country  string `json:"country,omitempty" yaml:"country,omitempty" doc:"ISO 3166, two letters" maxLength:"2" example:"DE"`
}

// Metadata is what the questionnaire asks about a household. What was not answered
// is absent; after the consent is revoked numbers of people are no more than
// [MostPeople], which then means that many or more.
type Metadata struct {
	Children       *int  `json:"children,omitempty" yaml:"children,omitempty" minimum:"0" maximum:"50" doc:"Who live there"`
	Adults         *int  `json:"adults,omitempty" yaml:"adults,omitempty" minimum:"0" maximum:"50" doc:"Who live there"`
	EmployedAdults *int  `json:"employedAdults,omitempty" yaml:"employedAdults,omitempty" minimum:"0" maximum:"50" doc:"Of the adults"`
	Charger        *bool `json:"charger,omitempty" yaml:"charger,omitempty" doc:"There is a charger for an electric car"`
	HeatPump       *bool `json:"heatPump,omitempty" yaml:"heatPump,omitempty" doc:"There is a heat pump"`
	Battery        *bool `json:"battery,omitempty" yaml:"battery,omitempty" doc:"There is a battery"`
}

// MostPeople is the greatest number of children, and of adults, that an anonymised
// household shows.
const MostPeople = 4

// Anonymous gives what is left of the answers.
func (m Metadata) Anonymous() Metadata {
	for _, p := range []**int{&m.Children, &m.Adults, &m.EmployedAdults} {
		if *p != nil {
			*p = new(min(**p, MostPeople))
		}
	}
	return m
}

// PVSystem is a photovoltaic system of a household.
type PVSystem struct {
	ID           string   `json:"id" yaml:"-" required:"false" doc:"Identifier"`
	Name         string   `json:"name,omitempty" yaml:"name,omitempty" doc:"As the household calls it" maxLength:"200" example:"garage"`
	NominalPower *float64 `json:"nominalPower,omitempty" yaml:"nominalPower,omitempty" minimum:"0" maximum:"1000" doc:"In kW (peak)" example:"9.86"`
	Azimuth      *float64 `json:"azimuth,omitempty" yaml:"azimuth,omitempty" minimum:"0" maximum:"360" doc:"Degrees from north to east; 180 is south" example:"180"`
	Tilt         *float64 `json:"tilt,omitempty" yaml:"tilt,omitempty" minimum:"0" maximum:"90" doc:"Degrees from the horizontal" example:"35"`
	Installed    string   `json:"installed,omitempty" yaml:"installed,omitempty" maxLength:"10" doc:"Date of the installation" example:"2019-05-17"`
}

// Anonymous gives what is left of it: the nominal power to the nearest whole kW, the
// date as 1 January of its year, no name.
func (p PVSystem) Anonymous() PVSystem {
	p.Name = ""
	if p.NominalPower != nil {
		p.NominalPower = new(float64(int(*p.NominalPower + 0.5)))
	}
	if len(p.Installed) >= 4 {
		p.Installed = p.Installed[:4] + "-01-01"
	}
	return p
}

// Meter is an electricity meter of a household.
type Meter struct {
	ID       string `json:"id" yaml:"-" required:"false" doc:"Identifier"`
	Name     string `json:"name,omitempty" yaml:"name,omitempty" doc:"As the household calls it" maxLength:"200"`
	Model    string `json:"model" yaml:"model" doc:"As MT681, MT175, EHZ, DD3, EASY" minLength:"1" maxLength:"60" example:"MT175"`
	Serial   string `json:"serial,omitempty" yaml:"serial,omitempty" doc:"Serial number or server id. Nothing of it is left when the consent is revoked" maxLength:"60"`
	PVSystem string `json:"pvSystem,omitempty" yaml:"pvSystem,omitempty" doc:"The PV system that hangs on it; when a household is registered, its name" maxLength:"200"`
}

// Kind says what a measurement device is.
type Kind string

// Kinds of measurement devices.
const (
	Edge   Kind = "edge"   // reads meters, and shows a certificate
	Source Kind = "source" // another source of data, which shows a signed token (JWT)
)

// Device is a measurement device of a household.
type Device struct {
	ID              string     `json:"id" doc:"Identifier; its certificate holds it"`
	Kind            Kind       `json:"kind" enum:"edge,source"`
	Name            string     `json:"name,omitempty" maxLength:"200"`
	Registered      time.Time  `json:"registered"`
	Enrolled        bool       `json:"enrolled" doc:"It has a certificate, or a token, that is good"`
	Expires         *time.Time `json:"expires,omitempty" doc:"When the newest of them does"`
	Version         string     `json:"version,omitempty" doc:"Of its program, as it said last" maxLength:"60"`
	LastSeen        *time.Time `json:"lastSeen,omitempty" doc:"When it sent measurements last"`
	LastMeasurement *time.Time `json:"lastMeasurement,omitempty" doc:"Slot of its latest measurement"`
	ClockSkew       *float64   `json:"clockSkew,omitempty" doc:"By how many seconds its clock was ahead then"`
	Condition       *Condition `json:"condition,omitempty" doc:"What it said about itself last"`
}

// Location is where a household is, as far as is known.
type Location struct {
	anonymise.Place `yaml:",inline"`

	Anonymised bool    `json:"anonymised" yaml:"-" doc:"It was drawn at random in a ring around the real one"`
	NUTS       string  `json:"nuts,omitempty" yaml:"-" doc:"District (NUTS-3) of the household, whose density made the ring" example:"DEF02"`
	Inner      float64 `json:"inner,omitempty" yaml:"-" doc:"Inner radius of the ring, in metres"`
	Outer      float64 `json:"outer,omitempty" yaml:"-" doc:"Outer radius of the ring, in metres"`
	People     int     `json:"people,omitempty" yaml:"-" doc:"About how many people live in the ring"`
	Widened    bool    `json:"widened,omitempty" yaml:"-" doc:"The ring was made wider, because few people live there"`
}

// Consent is how that of a household stands.
type Consent struct {
	State   consent.State `json:"state" enum:"not_granted,granted,revoked"`
	Version string        `json:"version,omitempty" doc:"Of the text that was consented to"`
	Granted *time.Time    `json:"granted,omitempty"`
	Revoked *time.Time    `json:"revoked,omitempty" doc:"1 January of the year"`
}

// Household is one that takes part.
type Household struct {
	ID          string       `json:"id"`
	Registered  time.Time    `json:"registered" doc:"Of an anonymised household 1 January of the year"`
	Metadata    Metadata     `json:"metadata"`
	Consent     Consent      `json:"consent"`
	Participant *Participant `json:"participant,omitempty" doc:"For the scope account alone"`
	Address     *Address     `json:"address,omitempty" doc:"For the scope account alone"`
	Location    *Location    `json:"location,omitempty" doc:"Where it is; the real one for the scope account alone"`
	PVSystems   []PVSystem   `json:"pvSystems"`
	Meters      []Meter      `json:"meters"`
	Devices     []Device     `json:"devices"`
}

// Registration is the questionnaire: what is said of a household when it is
// registered.
type Registration struct {
	Participant Participant      `json:"participant" yaml:"participant"`
	Address     Address          `json:"address" yaml:"address"`
	Location    *anonymise.Place `json:"location,omitempty" yaml:"location,omitempty" doc:"Where the household is. Without it nothing is left of its place when the consent is revoked"`
	Metadata    Metadata         `json:"metadata" yaml:"metadata"`
	PVSystems   []PVSystem       `json:"pvSystems,omitempty" yaml:"pvSystems,omitempty" maxItems:"20"`
	Meters      []Meter          `json:"meters" yaml:"meters" minItems:"1" maxItems:"20"`
	Devices     []string         `json:"devices,omitempty" yaml:"devices,omitempty" maxItems:"20" doc:"Names of its measurement devices, each of which gets an enrolment token. Default: one, called edge"`
}

// Validate says in sentences what is wrong with the registration, or nil.
func (r *Registration) Validate() error {
	var errs []error
	bad := func(format string, a ...any) { errs = append(errs, fmt.Errorf(format, a...)) }
	for _, x := range []struct {
		what, text string
		most       int
	}{
		{"participant.name", r.Participant.Name, 200}, {"participant.email", r.Participant.Email, 200},
		{"participant.phone", r.Participant.Phone, 60}, {"participant.note", r.Participant.Note, 2000},
		{"address.street", r.Address.Street, 200}, {"address.postcode", r.Address.Postcode, 20}, {"address.city", r.Address.City, 200},
	} {
		if !utf8.ValidString(x.text) || utf8.RuneCountInString(x.text) > x.most {
			bad("%s is longer than %d characters", x.what, x.most)
		}
	}
	if c := r.Address.Country; c != "" && (len(c) != 2 || strings.ToUpper(c) != c) {
		bad("address.country is two capital letters, as DE, and %.20q is not", c)
	}
	if e := r.Participant.Email; e != "" {
		if a, err := mail.ParseAddress(e); err != nil || a.Address != e {
			bad("participant.email %.60q is no address", e)
		}
	}
	if p := r.Location; p != nil {
		if p.Latitude < -90 || p.Latitude > 90 || p.Longitude < -180 || p.Longitude > 180 {
			bad("location is not a place on the earth")
		} else if anonymise.Find(*p) == nil {
			bad("location is in none of the districts of Germany, so it could not be anonymised")
		}
	}
	for _, x := range []struct {
		what string
		n    *int
	}{{"children", r.Metadata.Children}, {"adults", r.Metadata.Adults}, {"employedAdults", r.Metadata.EmployedAdults}} {
		if x.n != nil && (*x.n < 0 || *x.n > 50) {
			bad("metadata.%s is %d; 0 to 50 are possible", x.what, *x.n)
		}
	}
	if a, e := r.Metadata.Adults, r.Metadata.EmployedAdults; a != nil && e != nil && *e > *a {
		bad("metadata: of %d adults %d are employed", *a, *e)
	}
	named := make(map[string]bool)
	for i, p := range r.PVSystems {
		p.validate(fmt.Sprintf("PV system %d", i+1), bad)
		if named[p.Name] {
			bad("two PV systems are called %.60q", p.Name)
		}
		named[p.Name] = true
	}
	if len(r.Meters) == 0 {
		bad("a household has at least one meter")
	}
	if len(r.Meters) > 20 || len(r.PVSystems) > 20 || len(r.Devices) > 20 {
		bad("there are more than 20 meters, PV systems or devices")
	}
	for i, m := range r.Meters {
		if m.Model == "" || len(m.Model) > 60 || len(m.Serial) > 60 || len(m.Name) > 200 {
			bad("meter %d: the model is missing, or something is too long", i+1)
		}
		if m.PVSystem != "" && !named[m.PVSystem] {
			bad("meter %d: there is no PV system called %.60q", i+1, m.PVSystem)
		}
	}
	for _, d := range r.Devices {
		if d == "" || len(d) > 200 {
			bad("the name of a device is 1 to 200 bytes long")
		}
	}
	return errors.Join(errs...)
}

func (p *PVSystem) validate(what string, bad func(string, ...any)) {
	in := func(v *float64, name string, most float64) {
		if v != nil && !(*v >= 0 && *v <= most) {
			bad("%s: %s is between 0 and %g", what, name, most)
		}
	}
	in(p.NominalPower, "nominalPower", 1000)
	in(p.Azimuth, "azimuth", 360)
	in(p.Tilt, "tilt", 90)
	if len(p.Name) > 200 {
		bad("%s: its name is too long", what)
	}
	if p.Installed != "" {
		if t, err := time.Parse(time.DateOnly, p.Installed); err != nil || t.Year() < 1950 || t.Year() > 2100 {
			bad("%s: installed %.20q is no date, as 2019-05-17", what, p.Installed)
		}
	}
}
