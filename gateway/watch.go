package gateway

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"time"

	"github.com/wattwerk/wattwerk/access"
)

// askAgain is how often it is looked whether who asked may still have what is
// being answered.
const askAgain = 2 * time.Second

// errOver says that a session or token ended while a request of it was answered.
var errOver = errors.New("the session or token ended meanwhile")

// proof finds out anew whose a request is; nil when that cannot end.
type proof func(context.Context) (access.Identity, error)

// serveWhile answers as long as who asks may: the context of a request whose
// session or token ends, or may less than before, is cancelled, and an answer
// that has begun breaks off, so that nobody takes the part for the whole. A
// database that is away ends nothing.
func (s *Service) serveWhile(w http.ResponseWriter, r *http.Request, who access.Identity, still proof, next http.Handler) {
	ctx, cancel := context.WithCancelCause(r.Context())
	defer cancel(nil)
	out, _ := w.(*response)
	watch := time.AfterFunc(askAgain, func() {
		ticks := time.NewTicker(askAgain)
		defer ticks.Stop()
		for !over(ctx, who, still) {
			select {
			case <-ctx.Done():
				return
			case <-ticks.C:
			}
		}
		if out != nil {
			out.breakOff()
		}
		cancel(errOver)
	})
	defer watch.Stop()
	next.ServeHTTP(w, r.WithContext(ctx))
	if out != nil && out.broken.Load() {
		panic(http.ErrAbortHandler)
	}
}

// over tells whether who asked has lost something since.
func over(ctx context.Context, before access.Identity, still proof) bool {
	now, err := still(ctx)
	if err != nil {
		return errors.Is(err, access.ErrDenied)
	}
	return slices.ContainsFunc(before.Scopes, func(s access.Scope) bool { return !now.Has(s) })
}
