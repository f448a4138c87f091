package meter

import (
	"context"
	"time"
)

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

// Unlocker makes a meter tell what it tells only when its PIN was entered. No Read of its reader may be under way while one of
// its functions is.
type Unlocker interface {
	// Unlock enters the PIN if the meter is locked, which takes some minutes. It is nil where the meter is open, before or after. How often
	// it may be tried, it sees to itself.
	Unlock(ctx context.Context) error
	// KeepOpen keeps a meter open that was unlocked and would forget it. It is to be called after every Every.
	KeepOpen(ctx context.Context) error
	Every() time.Duration
}
