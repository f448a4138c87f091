package cir

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/wattwerk/wattwerk/catalog"
	"github.com/wattwerk/wattwerk/cir/item"
	"github.com/wattwerk/wattwerk/internal/run"
	"github.com/wattwerk/wattwerk/model"
	"github.com/wattwerk/wattwerk/record"
)

// Feed tells what there is in the installation.
type Feed interface {
	// Categories are those whose things it tells of; no other feed does.
	Categories() []string
	// Follow hands all there is to f, and then what changes, one batch after the
	// other, until ctx ends or f fails. It gives the error of f, or its own; it is
	// called again after a while then.
	Follow(ctx context.Context, f func(item.Batch) error) error
}

// modelEvery is how often a model that keeps changing is looked at.
const modelEvery = 2 * time.Second

// ofModel is the feed of sensors and sites.
type ofModel struct{ catalog *catalog.Catalog }

// Model tells of the sensors and sites of a catalog, which has to be run.
func Model(c *catalog.Catalog) Feed { return ofModel{c} }

// Categories are two.
func (ofModel) Categories() []string { return []string{item.SensorCategory, item.SiteCategory} }

// Follow compares revisions.
func (o ofModel) Follow(ctx context.Context, f func(item.Batch) error) error {
	var was *model.Model
	return o.catalog.Watch(ctx, func(st catalog.State) error {
		if st.Revision != o.catalog.State().Revision {
			return nil // a newer one comes at once
		}
		b := differ(was, st.Model)
		if was = st.Model; !b.All && b.Put == nil && b.Gone == nil {
			return nil
		}
		if err := f(b); err != nil {
			return err
		}
		run.Pause(ctx, modelEvery)
		return nil
	})
}

// differ gives what became of the things of a model; was is nil at first.
func differ(was, is *model.Model) item.Batch {
	if was == nil {
		return item.Batch{All: true, Put: func(yield func(item.Thing) bool) {
			for s := range is.Sites() {
				if !yield(siteThing(s)) {
					return
				}
			}
			for s := range is.Sensors() {
				if !yield(sensorThing(s)) {
					return
				}
			}
		}}
	}
	var put []item.Thing
	gone := make(map[string][]string)
	for s := range is.Sites() {
		if b, ok := was.Site(s.ID); !ok || b != s && *b != *s {
			put = append(put, siteThing(s))
		}
	}
	for s := range was.Sites() {
		if _, ok := is.Site(s.ID); !ok {
			gone[item.SiteCategory] = append(gone[item.SiteCategory], string(s.ID))
		}
	}
	for s := range is.Sensors() {
		// What no change has touched is the same in both.
		if b, ok := was.Sensor(s.ID); !ok || b != s && (b.Name != s.Name || b.Site != s.Site || b.Quantity != s.Quantity) {
			put = append(put, sensorThing(s))
		}
	}
	for s := range was.Sensors() {
		if _, ok := is.Sensor(s.ID); !ok {
			gone[item.SensorCategory] = append(gone[item.SensorCategory], string(s.ID))
		}
	}
	b := item.Batch{}
	if len(put) > 0 {
		b.Put = each(put)
	}
	if len(gone) > 0 {
		b.Gone = gone
	}
	return b
}

func each(all []item.Thing) iter.Seq[item.Thing] {
	return func(yield func(item.Thing) bool) {
		for _, t := range all {
			if !yield(t) {
				return
			}
		}
	}
}

func siteThing(s *model.Site) item.Thing {
	return item.Thing{Category: item.SiteCategory, ID: string(s.ID), Name: s.Name}
}

func sensorThing(s *model.Sensor) item.Thing {
	t := item.Thing{Category: item.SensorCategory, ID: string(s.ID), Name: s.Name}
	t.Properties = append(t.Properties, item.PropertyItem{ID: "Quantity", Values: []item.PropertyValue{{Value: string(s.Quantity), UnitOfMeasure: unitOf(s.Quantity)}}})
	// It stays when the sensor leaves the site for none: then it says nothing.
	parent := item.PropertyItem{ID: item.ParentEntityID, Values: []item.PropertyValue{}}
	if s.Site != "" {
		parent.Values = append(parent.Values, item.PropertyValue{Key: item.SiteCategory, Value: string(s.Site)})
	}
	t.Properties = append(t.Properties, parent)
	return t
}

func unitOf(q record.Quantity) string { return q.Unit().Symbol }

// ErrAbsent says that nobody can tell of some things now, and that this is in order.
// What is known of them stays.
var ErrAbsent = errors.New("nobody tells of them")

// listed is a feed of what is listed.
type listed struct {
	categories []string
	every      time.Duration
	list       func(context.Context) ([]item.Thing, error)
}

// Listed tells of things that are few enough to be listed again and again. An
// error of list is said, and tried again, but for [ErrAbsent].
func Listed(every time.Duration, list func(context.Context) ([]item.Thing, error), categories ...string) Feed {
	return &listed{categories, every, list}
}

// Categories are those it was made with.
func (l *listed) Categories() []string { return l.categories }

// Follow lists everything each time.
func (l *listed) Follow(ctx context.Context, f func(item.Batch) error) error {
	tick := time.NewTicker(l.every)
	defer tick.Stop()
	for {
		all, err := l.list(ctx)
		if err != nil && !errors.Is(err, ErrAbsent) {
			return fmt.Errorf("list things: %w", err)
		}
		if err == nil {
			if err := f(item.Batch{All: true, Put: each(all)}); err != nil {
				return err
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}
