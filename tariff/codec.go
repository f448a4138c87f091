package tariff

import (
	"fmt"

	"github.com/wattwerk/wattwerk/internal/strict"
)

// MaxText is the longest document taken, in bytes.
const MaxText = 1 << 20

// ReadJSON reads a tariff or factors as JSON. Unknown and repeated keys are
// errors. It does not check what the document says; [New] and [NewFactors] do.
func ReadJSON[T Tariff | Factors](data []byte) (T, error) { return read[T](data, strict.JSON) }

// ReadYAML reads a tariff or factors as YAML. Unknown and repeated keys, anchors
// and aliases are errors that name the line. It does not check what the
// document says; [New] and [NewFactors] do.
func ReadYAML[T Tariff | Factors](data []byte) (T, error) { return read[T](data, strict.YAML) }

func read[T any](data []byte, by func([]byte, any) error) (T, error) {
	var out, none T
	if len(data) > MaxText {
		return none, fmt.Errorf("read tariff: the text is longer than %d bytes", MaxText)
	}
	if err := by(data, &out); err != nil {
		return none, fmt.Errorf("read tariff: %w", err)
	}
	return out, nil
}
