package demo

import (
	"testing"

	"github.com/wattwerk/wattwerk/model"
)

func TestTheModelIsValid(t *testing.T) {
	d, err := Model()
	if err != nil {
		t.Fatal(err)
	}
	m, err := model.New(d)
	if err != nil {
		t.Fatal(err)
	}
	l := m.Layout("place")
	if total := l.Groups[0].Total; total != 16+1+1 {
		t.Errorf("%d leaves count; 16 servers, the household's meter and the steel works' should", total)
	}
	if total := m.Layout("sharing").Groups[0].Total; total != 1+1+1+2+3+3 {
		t.Errorf("%d leaves of the community count; three homes, two chargers, three parts of the hall and three roofs should", total)
	}
	if got := len(m.Layout("use").Leaves); got != 16 {
		t.Errorf("%d servers by use, 16 are there", got)
	}
}
