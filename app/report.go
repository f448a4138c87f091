package app

import (
	"github.com/wattwerk/wattwerk/settlement/report/desk"
)

// startReports makes reports of what is settled here.
func (p *process) startReports() (err error) {
	p.reports, err = desk.New(desk.Options{Settled: p.settlement, Books: p.settled, Costing: costing{p.cost}, Catalog: p.catalog})
	return err
}
