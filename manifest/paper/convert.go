package paper

import (
	"bytes"
	"cmp"
	"crypto/sha1"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/wattwerk/wattwerk/manifest"
)

// ErrType is the error of a dataType that has no type here.
var ErrType = errors.New("unknown dataType")

// ErrTwice is the error of a parameter that is there twice.
var ErrTwice = errors.New("parameter given twice")

// ErrTime is the error of a time that cannot be read.
var ErrTime = errors.New("not a time")

var types = map[string]manifest.Type{
	"": "", "string": manifest.String, "str": manifest.String, "text": manifest.String,
	"int": manifest.Int, "integer": manifest.Int, "long": manifest.Int, "short": manifest.Int,
	"float": manifest.Float, "double": manifest.Float, "number": manifest.Float, "decimal": manifest.Float,
	"bool": manifest.Bool, "boolean": manifest.Bool,
	"duration": manifest.Duration, "expression": manifest.Expression, "zone": manifest.Zone, "unit": manifest.Unit, "secret": manifest.Secret,
}

func declared(p *Parameters) ([]manifest.Parameter, error) {
	if p == nil {
		return nil, nil
	}
	out := make([]manifest.Parameter, 0, len(p.Parameter))
	for _, x := range p.Parameter {
		t, ok := types[strings.ToLower(x.DataType)]
		if !ok {
			return nil, fmt.Errorf("parameter %.60q: %w %.40q", x.Name, ErrType, x.DataType)
		}
		if slices.ContainsFunc(out, func(q manifest.Parameter) bool { return q.Name == x.Name }) {
			return nil, fmt.Errorf("%w: %.60q", ErrTwice, x.Name)
		}
		out = append(out, manifest.Parameter{Name: x.Name, Description: x.Description, Type: t, Default: given(x.DefaultValue)})
	}
	return out, nil
}

// given is a value, or nothing when it is null.
func given(v json.RawMessage) json.RawMessage {
	if len(v) == 0 || string(bytes.TrimSpace(v)) == "null" {
		return nil
	}
	return v
}

func declaring(all []manifest.Parameter) *Parameters {
	if all == nil {
		return nil
	}
	out := &Parameters{Parameter: make([]Parameter, 0, len(all))}
	for _, p := range all {
		t := string(p.Type)
		if p.Type == manifest.Bool {
			t = "boolean"
		}
		out.Parameter = append(out.Parameter, Parameter{p.Name, p.Description, t, p.Default})
	}
	return out
}

func values(p *Pairs) (manifest.Values, error) {
	if p == nil {
		return nil, nil
	}
	out := make(manifest.Values, len(p.Parameter))
	for _, x := range p.Parameter {
		if _, ok := out[x.Key]; ok {
			return nil, fmt.Errorf("%w: %.60q", ErrTwice, x.Key)
		}
		if v := given(x.Value); v != nil {
			out[x.Key] = v
		}
	}
	return out, nil
}

// pairs lists values in the order of their names; text: all as text.
func pairs(v manifest.Values, text bool) *Pairs {
	if v == nil {
		return nil
	}
	out := &Pairs{Parameter: make([]Pair, 0, len(v))}
	for k, x := range v {
		if x = bytes.TrimSpace(x); text && len(x) > 0 && x[0] != '"' {
			x = json.RawMessage(strconv.Quote(string(x)))
		}
		out.Parameter = append(out.Parameter, Pair{k, x})
	}
	slices.SortFunc(out.Parameter, func(a, b Pair) int { return strings.Compare(a.Key, b.Key) })
	return out
}

// Interface reads a DI.
func (x *DI) Interface() (manifest.Interface, error) {
	p, err := declared(x.Parameters)
	return manifest.Interface{Common: common(x.ID, x.Name, x.Description), Protocol: x.CommunicationProtocol, Parameters: p}, err
}

// OfInterface writes a DI.
func OfInterface(m *manifest.Interface) DI {
	return DI{m.ID, m.Name, m.Description, m.Protocol, declaring(m.Parameters)}
}

func common(id, name, description string) manifest.Common {
	return manifest.Common{ID: id, Name: name, Description: description}
}

// Kind reads a DK.
func (x *DK) Kind() manifest.Kind {
	return manifest.Kind{Common: common(x.ID, x.Name, x.Description), ModelType: x.ModelType, Format: x.Format, Quantity: x.QuantityKind}
}

// OfKind writes a DK. Its unit has no place there.
func OfKind(m *manifest.Kind) DK {
	return DK{m.ID, m.Name, m.Description, m.ModelType, m.Format, m.Quantity}
}

// SourceDefinition reads a DSD in both forms.
func (x *DSD) SourceDefinition() manifest.SourceDefinition {
	m := manifest.SourceDefinition{Common: common(x.ID, x.Name, x.Description), Interface: x.DataInterfaceReferenceID}
	if x.DataKindReferenceID != "" {
		m.Kinds = append(m.Kinds, x.DataKindReferenceID)
	}
	if x.DataKindReferenceIDs != nil {
		for _, k := range x.DataKindReferenceIDs.DataKindReferenceID {
			if k != x.DataKindReferenceID {
				m.Kinds = append(m.Kinds, k)
			}
		}
	}
	return m
}

// OfSourceDefinition writes a DSD: listed, as the papers do, or as later versions,
// which have one kind only; of several the list is given too.
func OfSourceDefinition(m *manifest.SourceDefinition, listed bool) DSD {
	x := DSD{ID: m.ID, Name: m.Name, Description: m.Description, DataInterfaceReferenceID: m.Interface}
	if !listed && len(m.Kinds) > 0 {
		x.DataKindReferenceID = m.Kinds[0]
	}
	if listed || len(m.Kinds) > 1 {
		x.DataKindReferenceIDs = &DKRefs{m.Kinds}
	}
	return x
}

// Source reads a DSM. One without a name is called by its id.
func (x *DSM) Source() (manifest.Source, error) {
	v, err := values(x.DataSourceDefinitionInterfaceParameters)
	m := manifest.Source{
		Common: common(x.ID, x.Name, x.Description), MAC: x.MACAddress, Definition: x.DataSourceDefinitionReferenceID,
		Gateway: x.EdgeGatewayReferenceID, Parameters: v,
	}
	if m.Name == "" && m.ID != "" {
		m.Name = "data source " + m.ID
	}
	return m, err
}

// OfSource writes a DSM.
func OfSource(m *manifest.Source) DSM {
	x := DSM{m.ID, m.Name, m.Description, m.MAC, m.Definition, pairs(m.Parameters, true), m.Gateway}
	if m.Name == "data source "+m.ID {
		x.Name = ""
	}
	return x
}

// Consumer reads a DCM. It is called by its URI, its MAC address or its id.
func (x *DCM) Consumer() manifest.Consumer {
	m := manifest.Consumer{Common: common(x.ID, "", ""), URI: x.URI, MAC: x.MACAddress}
	switch {
	case x.URI != "":
		m.Name = x.URI
	case x.MACAddress != "":
		m.Name = x.MACAddress
	case x.ID != "":
		m.Name = "data consumer " + x.ID
	}
	if x.DataSourceDefinitionReferenceIDs != nil {
		m.Definitions = x.DataSourceDefinitionReferenceIDs.DataSourceDefinitionReferenceID
	}
	return m
}

// OfConsumer writes a DCM. Its name has no place there.
func OfConsumer(m *manifest.Consumer) DCM {
	return DCM{m.ID, m.URI, m.MAC, &DSDRefs{m.Definitions}}
}

// Channel reads a DCD, in both forms.
func (x *DCD) Channel() (manifest.Channel, error) {
	m := manifest.Channel{ID: x.ID, URI: x.URI, Source: x.DataSourceManifestReferenceID, Consumer: x.DataConsumerManifestReferenceID}
	to := given(x.ValidTo)
	if to == nil {
		to = x.ExpirationDateTime
	}
	var err, also error
	m.ValidFrom, err = moment(x.ValidFrom)
	m.ValidTo, also = moment(to)
	return m, errors.Join(err, also)
}

// OfChannel writes a DCD.
func OfChannel(m *manifest.Channel) DCD {
	return DCD{ID: m.ID, URI: m.URI, DataSourceManifestReferenceID: m.Source, DataConsumerManifestReferenceID: m.Consumer, ValidFrom: written(m.ValidFrom), ValidTo: written(m.ValidTo)}
}

func written(t *time.Time) json.RawMessage {
	if t == nil {
		return nil
	}
	return json.RawMessage(strconv.Quote(t.UTC().Format("2006-01-02T15:04:05.000Z")))
}

// moment reads a time: RFC 3339, with or without a colon in the offset, without
// any (then UTC), a date, or ms since 1970.
func moment(v json.RawMessage) (*time.Time, error) {
	if v = given(v); v == nil {
		return nil, nil
	}
	text := strings.Trim(string(bytes.TrimSpace(v)), `"`)
	if text == "" {
		return nil, nil
	}
	if n, err := strconv.ParseInt(text, 10, 64); err == nil && n > -1e14 && n < 1e14 {
		return new(time.UnixMilli(n).UTC()), nil
	}
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05Z0700", "2006-01-02T15:04:05", "2006-01-02 15:04:05", time.DateOnly} {
		if t, err := time.Parse(layout, text); err == nil && t.Year() >= 0 && t.Year() < 10000 {
			return new(t.UTC()), nil
		}
	}
	return nil, fmt.Errorf("%w: %.60q", ErrTime, text)
}

// Gateway reads an edge gateway.
func (x *EdgeGateway) Gateway() manifest.Gateway {
	return manifest.Gateway{
		Common: common(x.ID, x.Name, x.Description), Namespace: x.Namespace, MAC: x.MACAddress, Place: x.Location.place(),
		RouterURL: x.DataRouterAndPreprocessorBaseURL, EngineURL: x.EdgeAnalyticsEngineBaseURL, Additional: x.AdditionalInformation,
	}
}

func (l *Location) place() *manifest.Place {
	if l == nil {
		return nil
	}
	p := &manifest.Place{Virtual: l.VirtualLocation}
	if l.GeoLocation != nil {
		p.Latitude, p.Longitude = l.GeoLocation.Latitude, l.GeoLocation.Longitude
	}
	return p
}

// OfGateway writes an edge gateway.
func OfGateway(m *manifest.Gateway) EdgeGateway {
	x := EdgeGateway{m.ID, m.Name, m.Description, m.Namespace, m.MAC, nil, m.RouterURL, m.EngineURL, m.Additional}
	if m.Place != nil {
		x.Location = &Location{VirtualLocation: m.Place.Virtual}
		if m.Place.Latitude != nil || m.Place.Longitude != nil {
			x.Location.GeoLocation = &GeoLocation{m.Place.Latitude, m.Place.Longitude}
		}
	}
	return x
}

// Definition reads an APD.
func (x *APD) Definition() (manifest.Definition, error) {
	p, err := declared(x.Parameters)
	return manifest.Definition{
		Common: common(x.ID, x.Name, x.Description), Type: x.ProcessorType, Version: x.Version, Copyright: x.Copyright,
		Location: x.ProcessorLocation, Additional: x.AdditionalInformation, Parameters: p,
	}, err
}

// OfDefinition writes an APD.
func OfDefinition(m *manifest.Definition) APD {
	return APD{m.ID, m.Name, m.Description, m.Type, m.Version, m.Copyright, m.Location, m.Additional, declaring(m.Parameters)}
}

// Manifest reads an AM. A data source that is the id of another of its processors
// stands for that processor's results.
func (x *AM) Manifest() (manifest.Manifest, error) {
	m := manifest.Manifest{Common: common(x.ID, x.Name, x.Description), Gateway: x.EdgeGatewayReferenceID}
	if x.AnalyticsProcessors == nil {
		return m, nil
	}
	names := make(map[string]string) // of processors by their ids
	taken := make(map[string]bool)
	for _, a := range x.AnalyticsProcessors.APM {
		taken[a.Name] = true
	}
	used := make(map[string]bool)
	for i, a := range x.AnalyticsProcessors.APM {
		v, err := values(a.Parameters)
		if err != nil {
			return m, err
		}
		name := a.Name
		if name == "" {
			name = "processor " + strconv.Itoa(i+1)
		}
		for n := 2; used[name] || name != a.Name && taken[name]; n++ {
			name = fmt.Sprintf("%s (%d)", cmp.Or(a.Name, "processor "+strconv.Itoa(i+1)), n)
		}
		used[name] = true
		p := manifest.Processor{Name: name, Description: a.Description, Definition: a.AnalyticsProcessorDefinitionReferenceID, Type: a.ProcessorType, Parameters: v}
		if a.DataSources != nil {
			for _, s := range a.DataSources.DataSource {
				p.From = append(p.From, s.DataSourceManifestReferenceID)
			}
		}
		if a.DataSink != nil {
			p.To = a.DataSink.DataSourceManifestReferenceID
		}
		if a.ID != "" {
			names[a.ID] = name
		}
		m.Processors = append(m.Processors, p)
	}
	for i := range m.Processors {
		for j, f := range m.Processors[i].From {
			if name, ok := names[f]; ok {
				m.Processors[i].From[j] = name
			}
		}
	}
	return m, nil
}

// OfManifest writes an AM, in which processors have ids that are made of the
// manifest's id and their name. A processor that reads another refers to its id.
func OfManifest(m *manifest.Manifest) AM {
	x := AM{ID: m.ID, Name: m.Name, Description: m.Description, EdgeGatewayReferenceID: m.Gateway, AnalyticsProcessors: &APMs{APM: []APM{}}}
	for _, p := range m.Processors {
		a := APM{
			ID: ProcessorID(m.ID, p.Name), Name: p.Name, Description: p.Description, AnalyticsProcessorDefinitionReferenceID: p.Definition,
			ProcessorType: p.Type, Parameters: pairs(p.Parameters, false), DataSources: &Refs{DataSource: []Ref{}},
		}
		for _, f := range p.From {
			if slices.ContainsFunc(m.Processors, func(q manifest.Processor) bool { return q.Name == f }) {
				f = ProcessorID(m.ID, f)
			}
			a.DataSources.DataSource = append(a.DataSources.DataSource, Ref{f})
		}
		if p.To != "" {
			a.DataSink = &Ref{p.To}
		}
		x.AnalyticsProcessors.APM = append(x.AnalyticsProcessors.APM, a)
	}
	return x
}

// ProcessorID is the id of a processor: a UUID that is made of its manifest's id
// and its name.
func ProcessorID(manifest, name string) string {
	b := sha1.Sum([]byte("wattwerk processor " + manifest + " " + name))
	b[6], b[8] = b[6]&0x0f|0x50, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:16])
}
