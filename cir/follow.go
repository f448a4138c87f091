package cir

import (
	"context"
	"time"

	"github.com/wattwerk/wattwerk/cir/book"
	"github.com/wattwerk/wattwerk/cir/item"
	"github.com/wattwerk/wattwerk/internal/run"
)

// again is how long a feed that failed is left alone.
const again = 5 * time.Second

// follow keeps the entries of a feed up to date until ctx ends.
func (s *Service) follow(ctx context.Context, f Feed) {
	categories := f.Categories()
	for failing := false; ctx.Err() == nil; {
		err := f.Follow(ctx, func(b item.Batch) error {
			n, err := s.opts.Store.Register(ctx, categories, b, func(t item.Thing, err error) {
				s.log.Warn("not registered", "category", t.Category, "id", t.ID, "because", err)
			})
			s.meter.count(n)
			if err != nil {
				return err
			}
			failing = false
			if n != (book.Registered{}) {
				s.log.Info("registered", "categories", categories, "new", n.New, "changed", n.Changed, "inactive", n.Inactive, "refused", n.Refused)
			}
			return nil
		})
		if ctx.Err() != nil {
			return
		}
		if !failing {
			s.log.Warn("registering begins again in a while", "categories", categories, "because", err)
		}
		failing = true
		run.Pause(ctx, again)
	}
}
