package item

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
)

// Faults of the specification. What follows them is ours.
const (
	CreateRegistryFault    = "CreateRegistryFault"
	CreateCategoryFault    = "CreateCategoryFault"
	DuplicateEntryFault    = "DuplicateEntryFault"
	DuplicatePropertyFault = "DuplicatePropertyFault"
	RegistryNotFoundFault  = "RegistryNotFoundFault"
	CategoryNotFoundFault  = "CategoryNotFoundFault"
	EntryNotFoundFault     = "EntryNotFoundFault"
	PropertyNotFoundFault  = "PropertyNotFoundFault"

	ChangedSinceFault = "ChangedSinceFault" // what is to be undone was changed again
)

// FaultIdentifier is where a command failed.
type FaultIdentifier struct {
	RegistryID       string `json:"registryId,omitempty"`
	CategoryID       string `json:"categoryId,omitempty"`
	CategorySourceID string `json:"categorySourceId,omitempty"`
	IDInSource       string `json:"idInSource,omitempty"`
	SourceID         string `json:"sourceId,omitempty"`
	PropertyID       string `json:"propertyId,omitempty"`
	Change           int64  `json:"change,omitempty" doc:"Of one that cannot be undone"`
}

// CIRFault is a problem (RFC 9457) with the fault of the specification.
type CIRFault struct {
	Title      string          `json:"title" doc:"The status in words"`
	Status     int             `json:"status"`
	Detail     string          `json:"detail" doc:"What is wrong, in a sentence"`
	Fault      string          `json:"fault" doc:"The fault as ws-CIR calls it" example:"EntryNotFoundFault"`
	Identifier FaultIdentifier `json:"identifier" doc:"Of what it is about"`
}

// Error gives the sentence.
func (f *CIRFault) Error() string { return f.Detail }

// GetStatus is asked by the API.
func (f *CIRFault) GetStatus() int { return f.Status }

// ContentType is asked by the API.
func (f *CIRFault) ContentType(string) string { return "application/problem+json" }

// Errors that are no faults of the specification. They are wrapped with a
// sentence that can be shown.
var (
	ErrNotFound = errors.New("not found")
	ErrInvalid  = errors.New("invalid")
)

// Invalid wraps what is wrong with what was asked for.
func Invalid(err error) error { return fmt.Errorf("%w: %w", ErrInvalid, err) }

// Fault makes a fault.
func Fault(name string, status int, at FaultIdentifier, format string, a ...any) *CIRFault {
	return &CIRFault{Title: http.StatusText(status), Status: status, Detail: fmt.Sprintf(format, a...), Fault: name, Identifier: at}
}

// At is where a command failed.
func (c CategoryIdentifier) At() FaultIdentifier {
	return FaultIdentifier{RegistryID: c.RegistryID, CategoryID: c.CategoryID, CategorySourceID: c.CategorySourceID}
}

// At is where a command failed.
func (e EntryIdentifier) At() FaultIdentifier {
	f := e.Category().At()
	f.IDInSource, f.SourceID = e.IDInSource, e.SourceID
	return f
}

// String names it in a sentence.
func (c CategoryIdentifier) String() string {
	return strconv.Quote(c.CategoryID) + " of " + strconv.Quote(c.CategorySourceID) + " in registry " + strconv.Quote(c.RegistryID)
}

// String names it in a sentence.
func (e EntryIdentifier) String() string {
	return strconv.Quote(e.IDInSource) + " of " + strconv.Quote(e.SourceID) + " in category " + e.Category().String()
}

// NoRegistry is a fault.
func NoRegistry(id string) error {
	return Fault(RegistryNotFoundFault, http.StatusNotFound, FaultIdentifier{RegistryID: id}, "there is no registry %q", id)
}

// NoCategory is a fault.
func NoCategory(c CategoryIdentifier) error {
	return Fault(CategoryNotFoundFault, http.StatusNotFound, c.At(), "there is no category %v", c)
}

// NoEntry is a fault.
func NoEntry(e EntryIdentifier) error {
	return Fault(EntryNotFoundFault, http.StatusNotFound, e.At(), "there is no entry %v", e)
}

// NoProperty is a fault.
func NoProperty(e EntryIdentifier, id string) error {
	at := e.At()
	at.PropertyID = id
	return Fault(PropertyNotFoundFault, http.StatusNotFound, at, "the entry %v has no property %q", e, id)
}

// DuplicateEntry is a fault.
func DuplicateEntry(e EntryIdentifier) error {
	return Fault(DuplicateEntryFault, http.StatusConflict, e.At(), "there is an entry %v already", e)
}

// DuplicateProperty is a fault.
func DuplicateProperty(e EntryIdentifier, id string) error {
	at := e.At()
	at.PropertyID = id
	return Fault(DuplicatePropertyFault, http.StatusConflict, at, "the entry %v has a property %q already", e, id)
}

// ChangedSince is the fault of an undoing.
func ChangedSince(change int64, at FaultIdentifier, format string, a ...any) error {
	at.Change = change
	return Fault(ChangedSinceFault, http.StatusConflict, at, "change %d cannot be undone: %s", change, fmt.Sprintf(format, a...))
}
