package town

import (
	"errors"
	"fmt"
	"sync"

	"github.com/wattwerk/wattwerk/availability"
	"github.com/wattwerk/wattwerk/microservice/plan"
	"github.com/wattwerk/wattwerk/object"
	"github.com/wattwerk/wattwerk/record"
	"github.com/wattwerk/wattwerk/service/execution"
	"github.com/wattwerk/wattwerk/service/watch"
)

// Program is the town as the program sees it: its objects watched, what is dead stood
// in for where something can, and services found by the module that does so.
type Program struct {
	Execution *execution.Execution

	mu    sync.Mutex
	board *watch.Board
}

// Program begins to watch. The town is as it was drawn last.
func (w *Town) Program() (*Program, error) {
	const now = record.Millis(1_767_571_200_000)
	seen := watch.New()
	p := &Program{board: watch.NewBoard(seen)}
	p.board.Set(w.World, now)
	standIns := make(map[int]*watch.StandIn)
	for i := range w.World.Len() {
		o := w.World.At(i)
		if id, ok := o.ID.Sensor(); ok && w.values[i].Source == availability.Live {
			seen.Saw(id, now, 1, now)
			continue
		}
		if in := w.StandIn(o, plan.Want{}); in.Share > 0 {
			standIns[i] = &watch.StandIn{State: object.Substituted, By: []object.ID{in.By}, Share: in.Share, ID: fmt.Sprint(i)}
		}
	}
	p.board.Step(now, standIns)
	var err error
	p.Execution, err = execution.New(execution.Options{
		Moment: p.moment, Templates: w.templates, Services: w.services, Clock: func() record.Millis { return now },
	})
	if err != nil {
		return nil, err
	}
	p.Execution.Checked()
	if p.moment() == nil {
		return nil, errors.New("the town is not watched")
	}
	return p, nil
}

func (p *Program) moment() *watch.Moment {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.board.Now()
}

// Stir has the states of the objects be others, so that no plan from before holds.
func (p *Program) Stir() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.board.Touch()
}
