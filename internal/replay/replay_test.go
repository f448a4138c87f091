package replay

import (
	"testing"
	"time"
)

func total(s Series) (sum int64) {
	for _, v := range s.Values {
		if v != Unknown {
			sum += v
		}
	}
	return sum
}

// TestTheDataIsWhatIsKnown compares lengths, ends and totals.
func TestTheDataIsWhatIsKnown(t *testing.T) {
	homes, offices, ausgrid, house, steel := Homes(), Offices(), Ausgrid(), Household(), SteelWorks()
	for _, c := range []struct {
		s     Series
		n     int
		total int64
		end   string
	}{
		{homes[0].Load, 8760, 10_583_330, "2017-07-31T23:00:00-08:00"},
		{homes[4].PV, 8760, 6_067_631, "2017-07-31T23:00:00-08:00"},
		{offices[0], 6553, 1_396_657_009, "2016-09-30T01:00:00Z"},
		{offices[1], 6553, 1_613_382_049, "2016-09-30T01:00:00Z"},
		{ausgrid.Load, 17568, 11_876_738, "2012-07-01T00:00:00+10:00"},
		{ausgrid.PV, 17568, 2_592_808, "2012-07-01T00:00:00+10:00"},
		{house.Active, 19446, 35_627_508, "2006-12-30T05:30:00+01:00"},
		{house.Subs[2], 19446, 143_969, "2006-12-30T05:30:00+01:00"},
		{steel, 35040, 959_636_710, "2019-01-01T00:00:00+09:00"},
	} {
		if got := c.s.End().Time().In(c.s.Zone).Format(time.RFC3339); len(c.s.Values) != c.n || total(c.s) != c.total || got != c.end {
			t.Errorf("%s: %d values, %d, until %s", c.s.Name, len(c.s.Values), total(c.s), got)
		}
	}
}

func TestCoarserAndSum(t *testing.T) {
	a := Ausgrid().Load
	if h := a.Coarser(2); len(h.Values) != 8784 || total(h) != total(a) || h.Step != hour || h.End() != a.End() {
		t.Errorf("%d values, %d", len(h.Values), total(h))
	}
	homes := Homes()
	if s := Sum("two", homes[0].Load, homes[1].Load); total(s) != total(homes[0].Load)+total(homes[1].Load) || s.At(1)-s.Start != 3_600_000 {
		t.Error("the sum is another")
	}
}

// TestTheSunRises is a check of the clocks: roofs give nothing at night.
func TestTheSunRises(t *testing.T) {
	for _, h := range append(Homes(), Ausgrid()) {
		for i, v := range h.PV.Values {
			if at := h.PV.At(i).Time().In(h.PV.Zone).Hour(); v > 50 && (at < 4 || at > 20) {
				t.Fatalf("%s: %d Wh at %d o'clock", h.PV.Name, v, at)
			}
		}
	}
}
