package paper

import "encoding/json"

// Parameter declares a parameter of a DI or an APD.
type Parameter struct {
	Name         string          `json:"name"`
	Description  string          `json:"description,omitempty"`
	DataType     string          `json:"dataType,omitempty"`
	DefaultValue json.RawMessage `json:"defaultValue,omitempty"`
}

// Parameters is a list of declarations.
type Parameters struct {
	Parameter []Parameter `json:"parameter"`
}

// Pair is what a parameter is given.
type Pair struct {
	Key   string          `json:"key"`
	Value json.RawMessage `json:"value,omitempty"`
}

// Pairs is a list of what parameters are given.
type Pairs struct {
	Parameter []Pair `json:"parameter"`
}

// DI is a data interface.
type DI struct {
	ID                    string      `json:"id,omitempty"`
	Name                  string      `json:"name"`
	Description           string      `json:"description,omitempty"`
	CommunicationProtocol string      `json:"communicationProtocol,omitempty"`
	Parameters            *Parameters `json:"parameters,omitempty"`
}

// DK is a data kind.
type DK struct {
	ID           string `json:"id,omitempty"`
	Name         string `json:"name"`
	Description  string `json:"description,omitempty"`
	ModelType    string `json:"modelType,omitempty"`
	Format       string `json:"format,omitempty"`
	QuantityKind string `json:"quantityKind"`
}

// DSD is a data source definition. Papers and version 1.0.0 list its kinds, later
// versions have one.
type DSD struct {
	ID                       string  `json:"id,omitempty"`
	Name                     string  `json:"name"`
	Description              string  `json:"description,omitempty"`
	DataInterfaceReferenceID string  `json:"dataInterfaceReferenceID"`
	DataKindReferenceID      string  `json:"dataKindReferenceID,omitempty"`
	DataKindReferenceIDs     *DKRefs `json:"dataKindReferenceIDs,omitempty"`
}

// DKRefs are the kinds of a definition.
type DKRefs struct {
	DataKindReferenceID []string `json:"dataKindReferenceID"`
}

// DSM is a data source manifest. In papers it has no name; the Open API adds the
// gateway.
type DSM struct {
	ID                                      string `json:"id,omitempty"`
	Name                                    string `json:"name,omitempty"`
	Description                             string `json:"description,omitempty"`
	MACAddress                              string `json:"macAddress"`
	DataSourceDefinitionReferenceID         string `json:"dataSourceDefinitionReferenceID"`
	DataSourceDefinitionInterfaceParameters *Pairs `json:"dataSourceDefinitionInterfaceParameters,omitempty"`
	EdgeGatewayReferenceID                  string `json:"edgeGatewayReferenceID,omitempty"`
}

// DCM is a data consumer manifest.
type DCM struct {
	ID                               string   `json:"id,omitempty"`
	URI                              string   `json:"uri,omitempty"`
	MACAddress                       string   `json:"macAddress,omitempty"`
	DataSourceDefinitionReferenceIDs *DSDRefs `json:"dataSourceDefinitionReferenceIDs"`
}

// DSDRefs are the definitions that a consumer can work with.
type DSDRefs struct {
	DataSourceDefinitionReferenceID []string `json:"dataSourceDefinitionReferenceID"`
}

// DCD is a data channel descriptor. The older form has expirationDateTime for
// validTo.
type DCD struct {
	ID                              string          `json:"id,omitempty"`
	URI                             string          `json:"uri,omitempty"`
	DataSourceManifestReferenceID   string          `json:"dataSourceManifestReferenceID"`
	DataConsumerManifestReferenceID string          `json:"dataConsumerManifestReferenceID"`
	ValidFrom                       json.RawMessage `json:"validFrom,omitempty"`
	ValidTo                         json.RawMessage `json:"validTo,omitempty"`
	ExpirationDateTime              json.RawMessage `json:"expirationDateTime,omitempty"`
}

// Location is where a gateway or an observation is: one of the two.
type Location struct {
	GeoLocation     *GeoLocation `json:"geoLocation,omitempty"`
	VirtualLocation string       `json:"virtualLocation,omitempty"`
}

// GeoLocation is a place on earth, in degrees.
type GeoLocation struct {
	Latitude  *float64 `json:"latitude"`
	Longitude *float64 `json:"longitude"`
}

// EdgeGateway is an edge gateway.
type EdgeGateway struct {
	ID                               string    `json:"id,omitempty"`
	Name                             string    `json:"name"`
	Description                      string    `json:"description,omitempty"`
	Namespace                        string    `json:"namespace"`
	MACAddress                       string    `json:"macAddress"`
	Location                         *Location `json:"location,omitempty"`
	DataRouterAndPreprocessorBaseURL string    `json:"dataRouterAndPreprocessorBaseURL"`
	EdgeAnalyticsEngineBaseURL       string    `json:"edgeAnalyticsEngineBaseURL"`
	AdditionalInformation            []string  `json:"additionalInformation,omitempty"`
}

// APD is an analytics processor definition.
type APD struct {
	ID                    string      `json:"id,omitempty"`
	Name                  string      `json:"name"`
	Description           string      `json:"description,omitempty"`
	ProcessorType         string      `json:"processorType"`
	Version               string      `json:"version,omitempty"`
	Copyright             string      `json:"copyright,omitempty"`
	ProcessorLocation     string      `json:"processorLocation,omitempty"`
	AdditionalInformation []string    `json:"additionalInformation,omitempty"`
	Parameters            *Parameters `json:"parameters,omitempty"`
}

// Ref refers to a source or sink.
type Ref struct {
	DataSourceManifestReferenceID string `json:"dataSourceManifestReferenceID"`
}

// Refs are the sources of a processor.
type Refs struct {
	DataSource []Ref `json:"dataSource"`
}

// APM is the manifest of one processor. ProcessorType is not in the papers: it
// stands for a definition where there is none.
type APM struct {
	ID                                      string `json:"id,omitempty"`
	Name                                    string `json:"name,omitempty"`
	Description                             string `json:"description,omitempty"`
	AnalyticsProcessorDefinitionReferenceID string `json:"analyticsProcessorDefinitionReferenceID,omitempty"`
	ProcessorType                           string `json:"processorType,omitempty"`
	Parameters                              *Pairs `json:"parameters,omitempty"`
	DataSources                             *Refs  `json:"dataSources"`
	DataSink                                *Ref   `json:"dataSink,omitempty"`
}

// APMs are the processors of a manifest.
type APMs struct {
	APM []APM `json:"apm"`
}

// AM is an orchestrator manifest. In the papers it names its gateway, the Open API
// has it beside.
type AM struct {
	ID                     string `json:"id,omitempty"`
	Name                   string `json:"name"`
	Description            string `json:"description,omitempty"`
	EdgeGatewayReferenceID string `json:"edgeGatewayReferenceID,omitempty"`
	AnalyticsProcessors    *APMs  `json:"analyticsProcessors"`
}

// LiveDataSet is what a source told.
type LiveDataSet struct {
	ID                            string        `json:"id,omitempty"`
	DataSourceManifestReferenceID string        `json:"dataSourceManifestReferenceID"`
	Mobile                        bool          `json:"mobile,omitempty"`
	Timestamp                     string        `json:"timestamp,omitempty"`
	Observation                   []Observation `json:"observation"`
}

// Observation is one value of a live data set.
type Observation struct {
	ID                  string          `json:"id,omitempty"`
	Name                string          `json:"name,omitempty"`
	DataKindReferenceID string          `json:"dataKindReferenceID,omitempty"`
	Timestamp           string          `json:"timestamp,omitempty"`
	Location            *Location       `json:"location,omitempty"`
	Value               json.RawMessage `json:"value,omitempty"`
}
