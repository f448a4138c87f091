package scale

import (
	"context"
	"fmt"
	"strconv"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/wattwerk/wattwerk/bus"
	"github.com/wattwerk/wattwerk/model"
	"github.com/wattwerk/wattwerk/record"
)

// plant is what the simulated bridges measure. Bridge b reads all of its
// sensors at the same moments, hz times a second, and sends what they read
// once a second: one message for each partition. Values are multiples of
// 1/8 W, and unrelated from reading to reading.
type plant struct {
	bridges, sensors int // sensors of each bridge
	hz               int // readings of a sensor a second; divides 1000
	partitions       int
	start            record.Millis // a whole second
}

const hierarchy model.HierarchyID = "plant"

// rack is how many sensors the smallest groups have.
const rack = 100

func (p *plant) all() int { return p.bridges * p.sensors }

func (p *plant) sensor(i int) record.SensorID { return record.SensorID("s" + strconv.Itoa(i)) }

// phase is when a bridge reads, in ms after the start of a period.
func (p *plant) phase(bridge int) record.Millis {
	return record.Millis(bridge * (1000 / p.hz) / p.bridges)
}

// eighths is reading k of sensor i, in units of 1/8 W.
func (p *plant) eighths(i int, k int64) int64 {
	x := uint64(i)<<40 + uint64(k) + 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return 320 + int64((x^x>>31)>>52)
}

// document is the model: a root, a group for each bridge, racks in them.
func (p *plant) document() model.Document {
	second := model.Duration(time.Second)
	d := model.Document{Hierarchies: []model.Hierarchy{{ID: hierarchy, Root: "root", Tick: second}}}
	root := model.Group{ID: "root"}
	for b := range p.bridges {
		hall := model.Group{ID: model.GroupID(fmt.Sprintf("bridge%d", b))}
		root.Members = append(root.Members, model.Member{Group: hall.ID})
		for from := 0; from < p.sensors; from += rack {
			g := model.Group{ID: model.GroupID(fmt.Sprintf("bridge%d.rack%d", b, from/rack))}
			for i := from; i < min(from+rack, p.sensors); i++ {
				id := p.sensor(b*p.sensors + i)
				g.Members = append(g.Members, model.Member{Sensor: id})
				d.Sensors = append(d.Sensors, model.Sensor{ID: id, Quantity: record.ActivePower, Interval: second})
			}
			hall.Members = append(hall.Members, model.Member{Group: g.ID})
			d.Groups = append(d.Groups, g)
		}
		d.Groups = append(d.Groups, hall)
	}
	d.Groups = append(d.Groups, root)
	return d
}

// sums are what every group should be at a tick, in eighths of a watt, and how
// many leaves it should have.
func (p *plant) sums(at record.Millis) (sum, count map[string]int64) {
	sum, count = make(map[string]int64), make(map[string]int64)
	period := record.Millis(1000 / p.hz)
	for b := range p.bridges {
		first := p.start + p.phase(b)
		if at < first {
			continue
		}
		k := int64((at - first) / period)
		hall := fmt.Sprintf("bridge%d", b)
		for i := range p.sensors {
			v := p.eighths(b*p.sensors+i, k)
			g := hall + ".rack" + strconv.Itoa(i/rack)
			sum[g], count[g] = sum[g]+v, count[g]+1
			sum[hall], count[hall] = sum[hall]+v, count[hall]+1
			sum["root"], count["root"] = sum["root"]+v, count["root"]+1
		}
	}
	return sum, count
}

// sheaf is what one bridge sends to one partition.
type sheaf struct {
	plant   *plant
	bridge  int
	sensors []int
	names   []byte
	index   []uint32
	times   []record.Millis
	values  []float64
	buf     []byte
}

// sheaves are in order of partition, then of bridge.
func (p *plant) sheaves() [][]*sheaf {
	out := make([][]*sheaf, p.partitions)
	for n := range out {
		for b := range p.bridges {
			out[n] = append(out[n], &sheaf{plant: p, bridge: b})
		}
	}
	for i := range p.all() {
		id := p.sensor(i)
		s := out[record.Partition(id, p.partitions)][i/p.sensors]
		s.sensors = append(s.sensors, i)
		s.names = protowire.AppendTag(s.names, 1, protowire.BytesType)
		s.names = protowire.AppendString(s.names, string(id))
	}
	return out
}

// second encodes what the bridge read in a second after the start. nil: it has
// no sensor in the partition. The bytes are valid until the next call.
func (s *sheaf) second(n int) []byte {
	if len(s.sensors) == 0 {
		return nil
	}
	p := s.plant
	s.index, s.times, s.values = s.index[:0], s.times[:0], s.values[:0]
	for j := range p.hz {
		t := p.start + record.Millis(n)*1000 + p.phase(s.bridge) + record.Millis(j*1000/p.hz)
		for k, i := range s.sensors {
			s.index = append(s.index, uint32(k))
			s.times = append(s.times, t)
			s.values = append(s.values, float64(p.eighths(i, int64(n)*int64(p.hz)+int64(j)))/8)
		}
	}
	s.buf = record.EncodeColumns(append(s.buf[:0], s.names...), s.index, s.times, s.values)
	return s.buf
}

// fill stores a backlog of so many seconds.
func (p *plant) fill(ctx context.Context, b *bus.Bus, seconds int) error {
	g, ctx := errgroup.WithContext(ctx)
	for n, all := range p.sheaves() {
		g.Go(func() error {
			for k := range seconds {
				for _, s := range all {
					if data := s.second(k); data != nil {
						if _, err := b.PublishRecords(ctx, n, data); err != nil {
							return err
						}
					}
				}
			}
			return nil
		})
	}
	return g.Wait()
}

// live sends what was read in a second when it is over, until ctx ends.
func (p *plant) live(ctx context.Context, b *bus.Bus, sent *atomic.Int64) error {
	g, gctx := errgroup.WithContext(ctx)
	for n, all := range p.sheaves() {
		g.Go(func() error {
			for k := 0; ; k++ {
				for _, s := range all {
					// Bridges do not all send at the same moment.
					due := p.start + record.Millis(k+1)*1000 + record.Millis(s.bridge*1000/p.bridges)
					select {
					case <-gctx.Done():
						return nil
					case <-time.After(time.Until(due.Time())):
					}
					if data := s.second(k); data != nil {
						if _, err := b.PublishRecords(gctx, n, data); err != nil {
							if ctx.Err() != nil {
								return nil
							}
							return err
						}
						sent.Add(int64(len(s.sensors) * p.hz))
					}
				}
			}
		})
	}
	return g.Wait()
}
