package cir

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/wattwerk/wattwerk/cir/book"
	"github.com/wattwerk/wattwerk/cir/item"
)

// Gathered is a thing as all systems know it.
type Gathered struct {
	CIRID    string          `json:"cirid"`
	Entries  []GatheredEntry `json:"entries" doc:"What systems call it"`
	Possible []PossibleEntry `json:"possible" doc:"What entries say may be the same thing, and is not linked"`
}

// GatheredEntry is one of the entries of a thing.
type GatheredEntry struct {
	book.LinkedEntry
	Series []LinkedSeries `json:"series,omitempty" doc:"Series of this installation"`
}

// PossibleEntry is an entry that may be the same thing.
type PossibleEntry struct {
	IDInSource        string   `json:"idInSource"`
	SourceID          string   `json:"sourceId"`
	PercentLikelihood *float64 `json:"percentLikelihood" doc:"0 to 100; null: not known"`
	SaysIDInSource    string   `json:"saysIdInSource" doc:"The entry that says so"`
	SaysSourceID      string   `json:"saysSourceId"`
}

// gather collects what there is of a thing.
func (s *Service) gather(ctx context.Context, id string) (*Gathered, error) {
	all, err := s.opts.Store.ByCIRID(ctx, id, nil)
	if err != nil {
		return nil, err
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("%w: no entry has the CIRID %s", item.ErrNotFound, strings.ToLower(id))
	}
	out := &Gathered{CIRID: strings.ToLower(id), Entries: make([]GatheredEntry, len(all)), Possible: make([]PossibleEntry, 0)}
	linked := make(map[[2]string]bool, len(all))
	var named []Named
	var of []int
	for i := range all {
		e := &all[i]
		out.Entries[i].LinkedEntry = *e
		linked[[2]string{e.Entry.SourceID, e.Entry.IDInSource}] = true
		if e.RegistryID == item.OwnRegistry && e.CategorySourceID == item.OwnRegistry && e.Entry.SourceID == s.opts.Store.Installation() {
			named, of = append(named, Named{e.CategoryID, e.Entry.IDInSource}), append(of, i)
		}
	}
	if s.opts.Series != nil && len(named) > 0 {
		series, err := s.opts.Series(ctx, named)
		if err == nil && len(series) != len(named) {
			err = errors.New("series are told of other things than were asked for")
		}
		if err != nil {
			return nil, fmt.Errorf("find series: %w", err)
		}
		for i, n := range of {
			out.Entries[n].Series = series[i]
		}
	}
	for i := range all {
		if out.Possible, err = possible(out.Possible, &all[i].Entry, linked); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// possible adds what an entry says may be the same thing, unless it is known to
// be.
func possible(to []PossibleEntry, e *item.EntryItem, linked map[[2]string]bool) ([]PossibleEntry, error) {
	for _, p := range e.Properties {
		if p.ID != item.PossibleEquivalentEntryID {
			continue
		}
		for _, v := range p.Values {
			all, err := item.Possibles(v.Value)
			if err != nil {
				return nil, err
			}
			for _, p := range all {
				if !linked[[2]string{p.SourceID, p.IDInSource}] {
					to = append(to, PossibleEntry{p.IDInSource, p.SourceID, p.PercentLikelihood, e.IDInSource, e.SourceID})
				}
			}
		}
	}
	return to, nil
}
