package execution

import (
	"github.com/wattwerk/wattwerk/availability"
	"github.com/wattwerk/wattwerk/microservice/lease"
	"github.com/wattwerk/wattwerk/microservice/plan"
	"github.com/wattwerk/wattwerk/object"
	"github.com/wattwerk/wattwerk/record"
	"github.com/wattwerk/wattwerk/service/book"
	"github.com/wattwerk/wattwerk/service/watch"
)

// replicaShare is what a sensor is worth in the place of another that people say
// measures the same: somebody's word, and no error is known of it.
const replicaShare = 0.95

// view is the objects of a moment, as plans look at them.
type view struct {
	moment  *watch.Moment
	held    map[object.ID]book.Lease
	sharing func(object.ID) int
	now     record.Millis
}

// Epoch is that of the moment.
func (v *view) Epoch() uint64 { return v.moment.Epoch }

// Value is what an object is good for.
func (v *view) Value(o *object.Object) availability.Value {
	state, since := v.moment.State(o.Index)
	switch {
	case state.Own():
		return availability.Measured(since)
	case !state.Usable():
		return availability.Missed(since)
	}
	out := availability.Value{Source: availability.Virtual, Share: 1, Since: since}
	if state == object.Substituted {
		out.Source = availability.Substituted
	}
	if in := v.moment.StandIn(o.Index); in != nil {
		out.Share = in.Share
		if len(in.By) > 0 {
			out.By = in.By[0]
		}
		return out
	}
	out.Share = v.members(o)
	return out
}

// members is what a group is worth of which some members are stood in for: the mean
// of those that have a value.
func (v *view) members(o *object.Object) float64 {
	sum, n := 0.0, 0
	for _, id := range o.Members {
		m, ok := v.moment.World.Object(id)
		if !ok {
			continue
		}
		if x := v.Value(m); x.Share > 0 {
			sum += x.Share
			n++
		}
	}
	if n == 0 {
		return 0
	}
	return sum / float64(n)
}

// StandIn is a replica that lives. What the agent found is in the moment already.
func (v *view) StandIn(o *object.Object, _ plan.Want) availability.Value {
	if o.Replica != "" {
		if r, ok := v.moment.World.Object(o.Replica); ok {
			if state, _ := v.moment.State(r.Index); state.Own() {
				return availability.Value{Share: replicaShare, Source: availability.Substituted, By: r.ID, Since: v.moment.At}
			}
		}
	}
	for _, r := range v.moment.World.Replicas(o.ID) {
		if state, _ := v.moment.State(r.Index); state.Own() {
			return availability.Value{Share: replicaShare, Source: availability.Substituted, By: r.ID, Since: v.moment.At}
		}
	}
	return availability.Value{}
}

// Held gives who has an object in the way.
func (v *view) Held(o *object.Object, w plan.Want) *lease.Conflict {
	if o.Actuator {
		l, ok := v.held[o.ID]
		if !ok || l.Expires <= v.now || l.Holder == holder(w.SID, w.Subject) || int(l.Priority) < w.Priority {
			return nil
		}
		return &lease.Conflict{Object: o.ID, Holder: l.Holder, Priority: int(l.Priority), Until: l.Expires}
	}
	if n := v.sharing(o.ID); n >= o.Capacity {
		return &lease.Conflict{Object: o.ID, Until: v.now + 1000, Full: true}
	}
	return nil
}

// holder names who holds a lease for a service.
func holder(sid string, subject object.ID) string {
	if subject == "" {
		return sid
	}
	return sid + " " + string(subject)
}
