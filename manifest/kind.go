package manifest

// Role of a kind of processor in the paper's terms.
type Role string

// Roles.
const (
	Preprocessor Role = "preprocessor"
	Analytics    Role = "analytics"
	Storage      Role = "storage"
)

// ProcessorType is a processor that the engine has: what a definition's type
// names.
type ProcessorType struct {
	Name       string      `json:"name"`
	Role       Role        `json:"role" enum:"preprocessor,analytics,storage"`
	Summary    string      `json:"summary" doc:"What it does, in a sentence"`
	Details    string      `json:"details,omitempty" doc:"What must be known to use it"`
	Result     string      `json:"result,omitempty" doc:"What its results are, with their unit and time"`
	MinInputs  int         `json:"minInputs"`
	MaxInputs  int         `json:"maxInputs" doc:"0: as many as a manifest may have"`
	Parameters []Parameter `json:"parameters"`
	Example    string      `json:"example" doc:"A processor of a manifest, as YAML"`
}
