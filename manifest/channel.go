package manifest

import (
	"strings"
	"time"
)

// Valid tells whether a channel lets data pass at a time: from ValidFrom on,
// before ValidTo.
func (c *Channel) Valid(at time.Time) bool {
	return (c.ValidFrom == nil || !at.Before(*c.ValidFrom)) && (c.ValidTo == nil || at.Before(*c.ValidTo))
}

// Wire is the format of a kind in the one way in which it is written here, as
// papers say JSON and "Plain text" for json and text.
func (k *Kind) Wire() string {
	switch f := strings.ToLower(strings.TrimSpace(k.Format)); f {
	case "":
		return "json"
	case "plain text", "plain", "text/plain":
		return "text"
	case "application/json":
		return "json"
	default:
		return f
	}
}
