package outlook

import (
	"github.com/wattwerk/wattwerk/availability"
	"github.com/wattwerk/wattwerk/microservice/lease"
	"github.com/wattwerk/wattwerk/microservice/plan"
	"github.com/wattwerk/wattwerk/object"
	"github.com/wattwerk/wattwerk/record"
	"github.com/wattwerk/wattwerk/service/book"
	"github.com/wattwerk/wattwerk/service/places"
	"github.com/wattwerk/wattwerk/service/watch"
)

// replicaShare is what a sensor is worth in the place of another that people say
// measures the same: somebody's word, and no error is known of it.
const replicaShare = 0.95

// View is the objects of a moment, for one plan. It implements [plan.View].
type View struct {
	Moment  *watch.Moment
	Leases  map[object.ID]book.Lease // of actuators
	Places  *places.Places           // at sensors with a capacity
	Now     record.Millis
	Carries bool // the service is carried out, and not only looked at
	Asked   bool // it was asked who has an object, so that the plan is for this moment alone
}

// Epoch is that of the moment.
func (v *View) Epoch() uint64 { return v.Moment.Epoch }

// Value is what an object is good for.
func (v *View) Value(o *object.Object) availability.Value {
	state, since := v.Moment.State(o.Index)
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
	if in := v.Moment.StandIn(o.Index); in != nil {
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
func (v *View) members(o *object.Object) float64 {
	sum, n := 0.0, 0
	for _, id := range o.Members {
		m, ok := v.Moment.World.Object(id)
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
func (v *View) StandIn(o *object.Object, _ plan.Want) availability.Value {
	if o.Replica != "" {
		if r, ok := v.Moment.World.Object(o.Replica); ok {
			if state, _ := v.Moment.State(r.Index); state.Own() {
				return availability.Value{Share: replicaShare, Source: availability.Substituted, By: r.ID, Since: v.Moment.At}
			}
		}
	}
	for _, r := range v.Moment.World.Replicas(o.ID) {
		if state, _ := v.Moment.State(r.Index); state.Own() {
			return availability.Value{Share: replicaShare, Source: availability.Substituted, By: r.ID, Since: v.Moment.At}
		}
	}
	return availability.Value{}
}

// Held gives who has an object in the way.
func (v *View) Held(o *object.Object, w plan.Want) *lease.Conflict {
	v.Asked = true
	if o.Actuator {
		l, ok := v.Leases[o.ID]
		if !ok || l.Expires <= v.Now || l.Holder == Holder(w.SID, w.Subject) || int(l.Priority) < w.Priority {
			return nil
		}
		return &lease.Conflict{Object: o.ID, Holder: l.Holder, Priority: int(l.Priority), Until: l.Expires}
	}
	candidates := []*object.Object{o}
	if r, ok := v.Moment.World.Object(o.Replica); ok && o.Replica != "" {
		candidates = append(candidates, r)
	}
	return v.Places.Free(v.Now, Holder(w.SID, w.Subject), w.Priority, append(candidates, v.Moment.World.Replicas(o.ID)...), v.Carries)
}

// Holder names who holds a lease for a service.
func Holder(sid string, subject object.ID) string {
	if subject == "" {
		return sid
	}
	return sid + " " + string(subject)
}
