package desk

import (
	"errors"
	"fmt"
	"net/mail"
	"slices"
	"strings"

	"github.com/wattwerk/wattwerk/model"
	"github.com/wattwerk/wattwerk/record"
	"github.com/wattwerk/wattwerk/settlement/ledger"
	"github.com/wattwerk/wattwerk/settlement/report"
	"github.com/wattwerk/wattwerk/settlement/report/form"
	"github.com/wattwerk/wattwerk/window"
)

// Definition is a report that is made again and again.
type Definition struct {
	ID         string                 `json:"id,omitempty" maxLength:"100" doc:"That of the address"`
	Name       string                 `json:"name,omitempty" maxLength:"200" doc:"Title of the reports; default: the name of the subject"`
	Group      string                 `json:"group,omitempty" maxLength:"200" doc:"The group it is about"`
	Sensor     string                 `json:"sensor,omitempty" maxLength:"200" doc:"Or the sensor"`
	Hierarchy  string                 `json:"hierarchy,omitempty" maxLength:"200" doc:"Of the group; default: where the model has it"`
	Size       string                 `json:"size" enum:"1d,1w,1M,1y" doc:"How long its periods are: day, week, month or year"`
	Language   string                 `json:"language,omitempty" enum:"en,de" default:"en"`
	Sections   []string               `json:"sections,omitempty" enum:"comparison,members,parts,peak,costs,indicators,decisions" maxItems:"7" doc:"What is in it beside the total; default: all"`
	Indicators []report.IndicatorSpec `json:"indicators,omitempty" maxItems:"10" doc:"Indicators of energy performance"`
	Scheduled  bool                   `json:"scheduled,omitempty" doc:"Make one of every period, once it is settled"`
	To         []string               `json:"to,omitempty" maxItems:"20" doc:"Addresses that reports are mailed to"`
	Formats    []string               `json:"formats,omitempty" enum:"html,csv,xlsx,json" maxItems:"4" doc:"What is attached to the mail; default: html"`
	Webhook    bool                   `json:"webhook,omitempty" doc:"Post reports to the webhook of the settings"`
}

func (d *Definition) size() window.Size {
	size, _ := window.ParseSize(d.Size) // it was checked
	return size
}

// spec is the report of a period.
func (d *Definition) spec(period string) report.Spec {
	s := report.Spec{Kind: ledger.GroupKind, ID: d.Group, Hierarchy: d.Hierarchy, Period: period, Title: d.Name, Sections: d.Sections, Indicators: d.Indicators}
	if d.Sensor != "" {
		s.Kind, s.ID = ledger.SensorKind, d.Sensor
	}
	return s
}

// check tells what is wrong with it, given the model.
func (d *Definition) check(m *model.Model) error {
	if err := record.ValidateID("report", d.ID); err != nil {
		return err
	}
	if (d.Group == "") == (d.Sensor == "") {
		return errors.New("name either a group or a sensor")
	}
	if size, err := window.ParseSize(d.Size); err != nil || size < window.Day {
		return fmt.Errorf("the size is %.20q; 1d, 1w, 1M and 1y are possible", d.Size)
	}
	if d.Language != "" && !slices.Contains(form.Languages(), d.Language) {
		return fmt.Errorf("the language is %.20q; there are %s", d.Language, strings.Join(form.Languages(), ", "))
	}
	for _, s := range d.Sections {
		if !slices.Contains(report.Sections(), s) {
			return fmt.Errorf("there is no section %.40q; there are %s", s, strings.Join(report.Sections(), ", "))
		}
	}
	for _, f := range d.Formats {
		if _, ok := form.ByName(f); !ok {
			return fmt.Errorf("there is no format %.20q; there are json, html, csv and xlsx", f)
		}
	}
	for _, a := range d.To {
		if at, err := mail.ParseAddress(a); err != nil || at.Address != a {
			return fmt.Errorf("%.100q is not an address like eva@example.org", a)
		}
	}
	for i := range d.Indicators {
		if err := d.Indicators[i].Check(m); err != nil {
			return err
		}
	}
	return nil
}
