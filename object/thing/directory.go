package thing

import (
	"github.com/wattwerk/wattwerk/object"
)

// discovery names the words of directories: W3C Web of Things Discovery.
const discovery = "https://www.w3.org/2022/wot/discovery"

// ContentType is that of a description, for the API.
func (ThingDescription) ContentType(string) string { return MediaType }

// ThingDirectory is the Thing Description of the directory of all others, as who knows
// no more than the host finds it at /.well-known/wot.
type ThingDirectory struct {
	Context             []any                     `json:"@context" doc:"Words it is written with"`
	ID                  string                    `json:"id" doc:"IRI of the directory"`
	Type                string                    `json:"@type" enum:"ThingDirectory"`
	Title               string                    `json:"title"`
	Base                string                    `json:"base" doc:"Address that others are relative to"`
	SecurityDefinitions map[string]ThingSecurity  `json:"securityDefinitions" doc:"What is needed to be let in"`
	Security            []string                  `json:"security" doc:"Which of these is needed"`
	Properties          map[string]ThingListing   `json:"properties" doc:"things: all Thing Descriptions"`
	Actions             map[string]ThingRetrieval `json:"actions" doc:"retrieveThing: one of them"`
}

// ContentType is that of a description, for the API.
func (ThingDirectory) ContentType(string) string { return MediaType }

// ThingListing is the property of a directory that lists things.
type ThingListing struct {
	Description string                   `json:"description"`
	Variables   map[string]ThingVariable `json:"uriVariables"`
	Type        string                   `json:"type" enum:"array"`
	Items       map[string]string        `json:"items"`
	ReadOnly    bool                     `json:"readOnly"`
	Forms       []ThingForm              `json:"forms"`
}

// ThingRetrieval is the action of a directory that gives one thing.
type ThingRetrieval struct {
	Description string                   `json:"description"`
	Variables   map[string]ThingVariable `json:"uriVariables"`
	Output      map[string]string        `json:"output"`
	Safe        bool                     `json:"safe"`
	Idempotent  bool                     `json:"idempotent"`
	Forms       []ThingForm              `json:"forms"`
}

// ThingVariable is a part of an address that is filled in.
type ThingVariable struct {
	Title   string   `json:"title"`
	Type    string   `json:"type" enum:"string,integer"`
	Enum    []string `json:"enum,omitempty"`
	Minimum *int     `json:"minimum,omitempty"`
	Maximum *int     `json:"maximum,omitempty"`
	Default *int     `json:"default,omitempty"`
}

// Bounds of a page of the directory.
const (
	MostListed = 1000
	Listed     = 100 // unless said otherwise
)

// OfDirectory describes the directory itself: how all things are listed, and one of them
// is read. It says nothing of what there is. The base is the address of the API's root.
func OfDirectory(base string) ThingDirectory {
	d := describer{new(object.World), slash(base)}.start("urn:wattwerk:things", "Devices and objects of Wattwerk")
	number := func(title string, least, most, usual int) ThingVariable {
		return ThingVariable{Title: title, Type: "integer", Minimum: &least, Maximum: &most, Default: &usual}
	}
	return ThingDirectory{
		Context: []any{context, discovery, d.Context[1]}, ID: d.ID, Type: "ThingDirectory", Title: d.Title, Base: d.Base,
		SecurityDefinitions: d.SecurityDefinitions, Security: d.Security,
		Properties: map[string]ThingListing{"things": {
			Description: "All Thing Descriptions: of objects by their identifiers, then of devices by their serial numbers. How many there are is in the header X-Total-Count.",
			Variables:   map[string]ThingVariable{"offset": number("How many to leave out", 0, 10_000_000, 0), "limit": number("How many at most", 1, MostListed, Listed)},
			Type:        "array", Items: map[string]string{"type": "object"}, ReadOnly: true,
			Forms: []ThingForm{{Href: "things{?offset,limit}", Op: []string{"readproperty"}, ContentType: "application/json", Method: "GET"}},
		}},
		Actions: map[string]ThingRetrieval{"retrieveThing": {
			Description: "One Thing Description",
			Variables: map[string]ThingVariable{
				"kind": {Title: "Of what", Type: "string", Enum: []string{"sensor", "group", "device"}},
				"id":   {Title: "Its identifier; of a device the serial number", Type: "string"},
			},
			Output: map[string]string{"type": "object"}, Safe: true, Idempotent: true,
			Forms: []ThingForm{{Href: "things/{kind}/{id}", Op: []string{"invokeaction"}, ContentType: MediaType, Method: "GET"}},
		}},
	}
}
