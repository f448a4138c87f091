package tree

import (
	"github.com/wattwerk/wattwerk/record"
	"github.com/wattwerk/wattwerk/settlement/ledger"
)

// Member is what counts for a group: a sensor, or a group below it.
type Member struct {
	Point ledger.Point
	By    ledger.Point // whose windows count for it: of a group with a meter, which stands for the whole, the meter
	Sign  int8         // with which those count
}

// Members gives what a group is summed up from, and its meter, which is empty
// when it has none. Nothing when there is no such group.
func (s *Tree) Members(group string) (members []Member, meter record.SensorID) {
	g, ok := s.Find(group)
	if !ok {
		return nil, ""
	}
	for _, k := range s.Groups[g].Sensors {
		p := ledger.SensorPoint(record.SensorID(k.Sensor))
		members = append(members, Member{p, p, k.Sign})
	}
	for _, k := range s.Groups[g].Children {
		child, p := &s.Groups[k], ledger.GroupPoint(s.Hierarchy, s.Groups[k].Name)
		m := Member{p, p, child.Sign}
		if child.Meter != "" {
			m.By = ledger.SensorPoint(record.SensorID(child.Meter))
		}
		if child.Inverse {
			m.Sign = -m.Sign
		}
		members = append(members, m)
	}
	return members, record.SensorID(s.Groups[g].Meter)
}
