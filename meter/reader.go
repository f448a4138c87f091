package meter

import "context"

// Reader gets telegrams from one meter: it listens, or it asks. What a meter can do beyond
// that is said by further interfaces, which a reader has or has not.
type Reader interface {
	// Read waits for the next telegram, or asks for it, and hands it out. A telegram is
	// valid until take returns. After an error the next Read begins anew: it opens
	// again what there is to open. Read does not wait before it does; its caller decides how
	// often to try.
	Read(ctx context.Context, take func(*Telegram)) error
	// Close ends it. No Read may be under way.
	Close() error
}
