package cost

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/wattwerk/wattwerk/energy"
	"github.com/wattwerk/wattwerk/model"
	"github.com/wattwerk/wattwerk/record"
	"github.com/wattwerk/wattwerk/settlement/column"
	"github.com/wattwerk/wattwerk/settlement/cost/contract"
	"github.com/wattwerk/wattwerk/settlement/cost/price"
	"github.com/wattwerk/wattwerk/settlement/ledger"
	"github.com/wattwerk/wattwerk/tariff"
	"github.com/wattwerk/wattwerk/window"
)

func sortByID(all []DocumentRevisionBody) {
	slices.SortFunc(all, func(a, b DocumentRevisionBody) int { return strings.Compare(string(a.ID), string(b.ID)) })
}

func sortBySeries(all []SeriesPutBody) {
	slices.SortFunc(all, func(a, b SeriesPutBody) int { return strings.Compare(a.Series, b.Series) })
}

// AssignBody says what prices a sensor or group from a day on.
type AssignBody struct {
	Sensor     record.SensorID `json:"sensor,omitempty" maxLength:"200" doc:"The sensor that is priced; or a group"`
	Group      model.GroupID   `json:"group,omitempty" maxLength:"200" doc:"The group that is priced"`
	By         contract.By     `json:"by,omitempty" enum:"members,meter" doc:"What of a group is priced: the sum of its members, or what its own meter says. Default: the meter, of a group that has one in the model, else the members"`
	Tariff     tariff.ID       `json:"tariff,omitempty" maxLength:"200" doc:"What prices it"`
	Factors    tariff.ID       `json:"factors,omitempty" maxLength:"200" doc:"Or the emission factors it has"`
	None       string          `json:"none,omitempty" enum:"tariff,factors" doc:"Or: from then on none of these"`
	From       tariff.Date     `json:"from" doc:"First day, in the zone of the document" example:"2026-01-01" maxLength:"10"`
	Export     record.SensorID `json:"export,omitempty" maxLength:"200" doc:"The sensor that counts what is given back, where one does. Without it, amounts below zero are given back"`
	Correction string          `json:"correction,omitempty" maxLength:"2000" doc:"Why something that was priced already is priced otherwise; needed for that alone"`
}

// AssignmentBody is an assignment.
type AssignmentBody struct {
	ID string `json:"id"`
	AssignBody
	Hierarchy model.HierarchyID `json:"hierarchy,omitempty" doc:"Of the group"`
	Who       string            `json:"who"`
	At        time.Time         `json:"at"`
	UndoneWho string            `json:"undoneWho,omitempty" doc:"Who undid it"`
	UndoneWhy string            `json:"undoneWhy,omitempty" doc:"Why"`
	UndoneAt  *time.Time        `json:"undoneAt,omitempty" doc:"When; absent: it is in force"`
}

type assignmentsBody struct {
	Items []AssignmentBody `json:"items"`
}

func assignmentBody(a contract.Assignment) AssignmentBody {
	out := AssignmentBody{
		ID: a.ID, AssignBody: AssignBody{From: a.From, By: a.By, Export: a.Export, Correction: a.Why}, Hierarchy: model.HierarchyID(a.Point.Hierarchy),
		Who: a.Who, At: a.At, UndoneWho: a.UndoneWho, UndoneWhy: a.UndoneWhy, UndoneAt: a.UndoneAt,
	}
	if a.Point.Hierarchy == "" {
		out.Sensor = record.SensorID(a.Point.Name)
	} else {
		out.Group = model.GroupID(a.Point.Name)
	}
	switch {
	case a.Document == "":
		out.None = string(a.Kind)
	case a.Kind == contract.Tariff:
		out.Tariff = a.Document
	default:
		out.Factors = a.Document
	}
	return out
}

func (s *Service) registerAssignments(api huma.API) {
	huma.Register(api, op("list-cost-assignments", http.MethodGet, "costs/assignments", "What prices what", "All assignments, also those that were undone, the newest first; a thousand at most."), func(ctx context.Context, in *struct {
		Sensor string `query:"sensor" maxLength:"200" doc:"Only those of this sensor"`
		Group  string `query:"group" maxLength:"200" doc:"Only those of this group"`
	},
	) (*struct{ Body assignmentsBody }, error) {
		p := ledger.Point{Name: in.Sensor}
		if in.Group != "" {
			var err error
			if p, err = s.groupPoint(model.GroupID(in.Group), ""); err != nil {
				return nil, answer(err)
			}
		}
		all, err := s.store.Assignments(ctx, p, mostListed)
		if err != nil {
			return nil, err
		}
		out := &struct{ Body assignmentsBody }{assignmentsBody{[]AssignmentBody{}}}
		for _, a := range all {
			out.Body.Items = append(out.Body.Items, assignmentBody(a))
		}
		return out, nil
	})
	add := op("assign-costs", http.MethodPost, "costs/assignments", "Say what prices a sensor or group", "From a day on, until the next assignment begins. It is never changed; it can be undone.")
	add.DefaultStatus, add.Errors = http.StatusCreated, []int{404, 409, 422}
	huma.Register(api, add, func(ctx context.Context, in *struct{ Body AssignBody }) (*struct{ Body AssignmentBody }, error) {
		a, err := s.toAssign(in.Body)
		if err == nil {
			a, err = s.assign(ctx, a)
		}
		if err != nil {
			return nil, answer(err)
		}
		return &struct{ Body AssignmentBody }{assignmentBody(a)}, nil
	})
	undo := op("undo-cost-assignment", http.MethodPost, "costs/assignments/{id}/undo", "Undo an assignment", "As if it had never been; it stays to be seen. To undo it again changes nothing.")
	undo.Errors = []int{404, 422}
	huma.Register(api, undo, func(ctx context.Context, in *struct {
		ID   string `path:"id" maxLength:"200"`
		Body struct {
			Why string `json:"why" minLength:"1" maxLength:"2000" doc:"The reason, for whoever audits this"`
		}
	},
	) (*struct{ Body AssignmentBody }, error) {
		a, err := s.undo(ctx, in.ID, in.Body.Why)
		if err != nil {
			return nil, answer(err)
		}
		return &struct{ Body AssignmentBody }{assignmentBody(a)}, nil
	})
}

func (s *Service) toAssign(b AssignBody) (contract.Assignment, error) {
	a := contract.Assignment{Kind: contract.Tariff, From: b.From, Export: b.Export, Document: b.Tariff}
	given := 0
	for _, text := range []string{string(b.Tariff), string(b.Factors), b.None} {
		if text != "" {
			given++
		}
	}
	switch {
	case given != 1:
		return a, price.Refuse(http.StatusUnprocessableEntity, "name one of tariff, factors and none")
	case b.Factors != "":
		a.Kind, a.Document = contract.Factors, b.Factors
	case b.None != "":
		a.Kind = contract.Kind(b.None)
	}
	if (b.Sensor == "") == (b.Group == "") {
		return a, price.Refuse(http.StatusUnprocessableEntity, "name a sensor or a group")
	}
	if b.By != "" && (b.Group == "" || b.None != "") {
		return a, price.Refuse(http.StatusUnprocessableEntity, "'by' says by what a group is priced; a sensor has no members, and what has no price no meter")
	}
	var err error
	if a.Why, err = reason(b.Correction); err != nil {
		return a, err
	}
	if a.Point = ledger.SensorPoint(b.Sensor); b.Group != "" {
		if a.Point, err = s.groupPoint(b.Group, ""); err != nil {
			return a, err
		}
		if a.By = b.By; a.By == "" && b.None == "" {
			a.By = contract.ByMembers
			if s.Site(a.Point).Metered {
				a.By = contract.ByMeter
			}
		}
	}
	return a, nil
}

// groupPoint finds the hierarchy of a group.
func (s *Service) groupPoint(g model.GroupID, h model.HierarchyID) (ledger.Point, error) {
	if h == "" {
		h, _ = s.opts.Catalog.State().Model.HierarchyOf(g)
	}
	if h == "" {
		return ledger.Point{}, price.Refuse(http.StatusNotFound, "there is no group %q in a hierarchy of the model; name the hierarchy it was in", string(g))
	}
	return ledger.GroupPoint(string(h), string(g)), nil
}

// asked reads a span: by default it ends ahead of now, and is so long.
func (s *Service) asked(from, to string, c window.Calendar, ahead, length time.Duration) (window.Span, error) {
	now := record.MillisOf(s.opts.Now().Add(ahead))
	out := window.Span{To: now / price.Quarter * price.Quarter}
	var err error
	if to != "" {
		if out.To, err = c.Moment(to); err != nil {
			return out, price.Refuse(http.StatusUnprocessableEntity, "to: %v", err)
		}
	}
	if out.From = out.To - record.Millis(length.Milliseconds()); from != "" {
		if out.From, err = c.Moment(from); err != nil {
			return out, price.Refuse(http.StatusUnprocessableEntity, "from: %v", err)
		}
	}
	if out.From >= out.To {
		return out, price.Refuse(http.StatusUnprocessableEntity, "from (%s) is not before to (%s)", out.From, out.To)
	}
	return out, nil
}

// Moneys is a column of money in JSON: exact decimals as strings, or null.
type Moneys []*tariff.Money

// MarshalJSON writes decimals.
func (m Moneys) MarshalJSON() ([]byte, error) {
	b := append(make([]byte, 0, 12*len(m)+2), '[')
	for i, x := range m {
		if i > 0 {
			b = append(b, ',')
		}
		if x == nil {
			b = append(b, "null"...)
		} else {
			b = append(append(append(b, '"'), x.String()...), '"')
		}
	}
	return append(b, ']'), nil
}

// Schema describes it in OpenAPI.
func (Moneys) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{Type: huma.TypeArray, Nullable: true, Items: &huma.Schema{Type: huma.TypeString, Nullable: true}}
}

func known(m tariff.Money, ok bool) *tariff.Money {
	if !ok {
		return nil
	}
	return &m
}

func text(m tariff.Money, ok bool) *string {
	if !ok {
		return nil
	}
	return new(m.String())
}

// CostsBody are costs of windows as columns.
type CostsBody struct {
	Of           price.Basis    `json:"of" doc:"cost, location or market"`
	Size         string         `json:"size"`
	Zone         string         `json:"zone" doc:"Time zone by whose calendar windows begin and end"`
	Currency     string         `json:"currency" doc:"Of the money; gCO2e for emissions; empty when nothing prices the time"`
	Unit         string         `json:"unit" doc:"Unit of the amounts" example:"Wh"`
	Settled      int64          `json:"settled" doc:"Up to when windows are settled, ms since 1970 UTC; later ones are empty"`
	Start        []int64        `json:"start" doc:"Begin of each window, ms since 1970 UTC"`
	End          []int64        `json:"end"`
	Taken        column.Amounts `json:"taken" doc:"What was taken; null when nothing is known"`
	Given        column.Amounts `json:"given" doc:"What was given back"`
	Used         Moneys         `json:"used" doc:"What the amounts cost, less what is credited, with the taxes on both; each quarter of an hour rounded. Null when no amount with a price is known. Standing and demand charges are not in it"`
	Estimated    Moneys         `json:"estimated" doc:"The part of used that stands on estimated amounts"`
	Cost         *Moneys        `json:"cost,omitempty" doc:"Of a day and longer: the bill of the window alone, without credits"`
	Credit       *Moneys        `json:"credit,omitempty" doc:"What is credited on it"`
	Total        *Moneys        `json:"total,omitempty" doc:"Cost less credit"`
	Completeness []float64      `json:"completeness" doc:"Part of the window, and of the members, that readings speak of, 0 to 1"`
	Estimates    []float64      `json:"estimatedShare" doc:"Part of the amounts that is estimated, 0 to 1"`
	Unpriced     []float64      `json:"unpriced" doc:"Hours with a known amount and without a price"`
	Missing      column.Amounts `json:"unpricedAmount" doc:"What was taken and given back in them; null when nothing is known"`
	By           string         `json:"by,omitempty" doc:"Of a group: members, or meter when it prices some of the time"`
	// Unaccounted is there where a meter prices a group.
	Unaccounted     *column.Amounts `json:"unaccounted,omitempty" doc:"Of a group that is priced by its own meter: what the meter says less the sum of the members, over the quarters of an hour that readings speak of in full, for the meter and every member"`
	Compared        *column.Numbers `json:"compared,omitempty" doc:"Part of the time that is priced by the meter that those quarters are, 0 to 1; null where none is"`
	UnaccountedUsed *Moneys         `json:"unaccountedUsed,omitempty" doc:"What that costs: the part of used that no member explains"`
}

// BillLineBody is a line of a bill.
type BillLineBody struct {
	Version   int            `json:"version" doc:"Version of the document, from 1"`
	From      time.Time      `json:"from"`
	To        time.Time      `json:"to"`
	Component string         `json:"component"`
	Name      string         `json:"name,omitempty"`
	Kind      tariff.Kind    `json:"kind"`
	Slot      string         `json:"slot,omitempty" doc:"Band, step or series"`
	Quantity  string         `json:"quantity,omitempty" doc:"Amount, or power that is charged, in unit"`
	Unit      string         `json:"unit,omitempty" doc:"Unit of quantity, or the time that price is for"`
	Days      int            `json:"days,omitempty" doc:"Of standing and demand charges"`
	Price     string         `json:"price,omitempty" doc:"For one unit; of a series the average"`
	Percent   tariff.Decimal `json:"percent,omitempty" doc:"Of a tax"`
	Peak      *time.Time     `json:"peak,omitempty" doc:"When the quarter of an hour of a demand charge began"`
	Money     string         `json:"money"`
	Estimated string         `json:"estimated" doc:"The part of it that stands on estimated amounts"`
	Unpriced  string         `json:"unpriced,omitempty" doc:"Amount, in unit, for which the series had no price; it is in neither quantity nor money"`
}

// CostSumBody is what is added up.
type CostSumBody struct {
	Cost      *string `json:"cost" doc:"Of all lines but credits; null when nothing was measured, or nothing of it has a price"`
	Credit    *string `json:"credit" doc:"For what was given back"`
	Total     *string `json:"total" doc:"Cost less credit"`
	Estimated *string `json:"estimated" doc:"The part of total that stands on estimated amounts"`
	Taken     string  `json:"taken" doc:"What was taken, in the coherent unit"`
	Given     string  `json:"given"`
	// EstimatedShare and the rest say what the money stands on.
	EstimatedShare float64 `json:"estimatedShare" doc:"Part of the amounts that is estimated, 0 to 1"`
	Completeness   float64 `json:"completeness" doc:"Part of the time, and of the members, that readings speak of, 0 to 1"`
	Measured       float64 `json:"measured" doc:"Hours of which an amount is known"`
	Unpriced       float64 `json:"unpriced" doc:"Those of them for which there is no price"`
	Missing        string  `json:"unpricedAmount" doc:"What was taken and given back without a price, in the coherent unit; it is in taken and given, and in no money"`
}

const hour = 3_600_000.0

func sumBody(x *price.Sum, completeness float64) CostSumBody {
	return CostSumBody{
		Cost: text(x.Cost, x.Known), Credit: text(x.Credit, x.Known), Total: text(x.Total, x.Known), Estimated: text(x.Estimated, x.Known),
		Taken: x.Taken.String(), Given: x.Given.String(), EstimatedShare: x.EstimatedShare(), Completeness: completeness,
		Measured: float64(x.Measured) / hour, Unpriced: float64(x.Unpriced) / hour, Missing: x.Missing.String(),
	}
}

// BillPartBody is the bill of the time in which one assignment held.
type BillPartBody struct {
	Assignment string         `json:"assignment"`
	Document   tariff.ID      `json:"document" doc:"Tariff, or set of factors"`
	Revision   int64          `json:"revision" doc:"Of the document"`
	By         contract.By    `json:"by,omitempty" doc:"Of a group: members or meter"`
	From       time.Time      `json:"from"`
	To         time.Time      `json:"to"`
	Lines      []BillLineBody `json:"lines"`
	CostSumBody
}

// UnaccountedBody is what the meter of a group says and its members do not.
type UnaccountedBody struct {
	Amount   *string `json:"amount" doc:"What the meter says less the sum of the members, in the coherent unit, over the quarters of an hour that readings speak of in full, for the meter and every member; null where there are none"`
	Total    *string `json:"total" doc:"What it costs: the total by the meter less the total by the members, of that time, by the same tariff"`
	Compared float64 `json:"compared" doc:"Part of the time that is priced by the meter in which both can be compared, 0 to 1"`
}

// BillBody is what a span costs.
type BillBody struct {
	Of         price.Basis    `json:"of"`
	From       time.Time      `json:"from"`
	To         time.Time      `json:"to"`
	Zone       string         `json:"zone"`
	Currency   string         `json:"currency" doc:"gCO2e for emissions; empty when nothing prices the time"`
	Unit       string         `json:"unit" doc:"Unit of taken and given" example:"Wh"`
	Settled    time.Time      `json:"settled" doc:"Up to when windows are settled"`
	Complete   bool           `json:"complete" doc:"All of the time was measured and has a price"`
	Unassigned float64        `json:"unassigned" doc:"Hours in which nothing prices it"`
	Parts      []BillPartBody `json:"parts" doc:"One for each assignment, in order of time"`
	// Unaccounted is there where a meter prices a group.
	Unaccounted *UnaccountedBody `json:"unaccounted,omitempty" doc:"Of a group, in the time in which it is priced by its own meter: what no member explains"`
	CostSumBody
}

// PriceRateBody is a price of the moment.
type PriceRateBody struct {
	Component string      `json:"component"`
	Name      string      `json:"name,omitempty"`
	Kind      tariff.Kind `json:"kind"`
	Slot      string      `json:"slot,omitempty" doc:"Band, step or series"`
	Price     *string     `json:"price" doc:"For a unit; null: the series has none now"`
}

// CostUpToNowBody is what a running period costs so far.
type CostUpToNowBody struct {
	From time.Time `json:"from"`
	To   time.Time `json:"to" doc:"End of the period; the costs are up to now"`
	CostSumBody
}

// CostNowBody is what something costs at the moment.
type CostNowBody struct {
	Of       price.Basis     `json:"of"`
	At       time.Time       `json:"at"`
	Settled  time.Time       `json:"settled" doc:"Up to when windows are settled; what is after it is an estimate"`
	Zone     string          `json:"zone"`
	Document tariff.ID       `json:"document"`
	Revision int64           `json:"revision"`
	Currency string          `json:"currency"`
	Unit     string          `json:"unit" doc:"Unit that prices are for" example:"kWh"`
	Price    *string         `json:"price" doc:"What one more unit costs, with taxes; null: it has no price"`
	Credit   *string         `json:"credit" doc:"What one that is given back is worth"`
	Rates    []PriceRateBody `json:"rates" doc:"The prices it is made of"`
	Flow     *string         `json:"flow" doc:"What is taken in an hour as things are, in the coherent unit (of electricity: W); below zero it is given back"`
	PerHour  *string         `json:"perHour" doc:"What that costs in an hour"`
	Day      CostUpToNowBody `json:"day"`
	Month    CostUpToNowBody `json:"month"`
	Year     CostUpToNowBody `json:"year"`
}

// BasisInput says what is asked for.
type BasisInput struct {
	Of price.Basis `query:"of" enum:"cost,location,market" default:"cost" doc:"Money by the tariff, or emissions by location-based or market-based factors"`
}

// SpanInput says for which time.
type SpanInput struct {
	From string `query:"from" doc:"Begin: RFC 3339, a date of the zone, or ms since 1970 UTC. Default: a day before the end" example:"2026-01-01"`
	To   string `query:"to" doc:"End, not part of it. Default: now" example:"2026-02-01"`
}

// SizeInput says how long windows are.
type SizeInput struct {
	Size string `query:"size" enum:"15m,30m,1h,1d,1w,1M,1y" default:"1d" doc:"Length of the windows"`
}

// SensorPath names a sensor.
type SensorPath struct {
	ID record.SensorID `path:"id" maxLength:"200" doc:"Sensor"`
}

// GroupPath names a group.
type GroupPath struct {
	ID        model.GroupID     `path:"id" maxLength:"200" doc:"Group"`
	Hierarchy model.HierarchyID `query:"hierarchy" maxLength:"200" doc:"Hierarchy; needed only for a group that is no longer in the model"`
}

func (s *Service) registerCosts(api huma.API) {
	const windows = "Of settled windows, by what is assigned and in force. Money is in exact decimals; null where nothing is known."
	const bill = "With all lines: energy by its prices, standing and demand charges, taxes, credits; for each assignment that held. Steps and peaks count what was before. At most 1,150 days."
	const live = "What is settled, and the time after it as an estimate from the readings there are; prices of the moment; and what the present flow costs in an hour."
	get := func(id, path, summary, text string) huma.Operation {
		o := op(id, http.MethodGet, path, summary, text)
		o.Errors = []int{404, 422}
		return o
	}
	huma.Register(api, get("sensor-costs", "costs/sensors/{id}", "What a sensor costs", windows), func(ctx context.Context, in *struct {
		SensorPath
		BasisInput
		SizeInput
		SpanInput
	},
	) (*struct{ Body CostsBody }, error) {
		return s.windowsBody(ctx, ledger.SensorPoint(in.ID), in.Of, in.Size, in.SpanInput)
	})
	huma.Register(api, get("group-costs", "costs/groups/{id}", "What a group costs", windows), func(ctx context.Context, in *struct {
		GroupPath
		BasisInput
		SizeInput
		SpanInput
	},
	) (*struct{ Body CostsBody }, error) {
		p, err := s.groupPoint(in.ID, in.Hierarchy)
		if err != nil {
			return nil, answer(err)
		}
		return s.windowsBody(ctx, p, in.Of, in.Size, in.SpanInput)
	})
	huma.Register(api, get("sensor-bill", "costs/sensors/{id}/bill", "The bill of a sensor", bill), func(ctx context.Context, in *struct {
		SensorPath
		BasisInput
		SpanInput
	},
	) (*struct{ Body BillBody }, error) {
		return s.billBody(ctx, ledger.SensorPoint(in.ID), in.Of, in.SpanInput)
	})
	huma.Register(api, get("group-bill", "costs/groups/{id}/bill", "The bill of a group", bill), func(ctx context.Context, in *struct {
		GroupPath
		BasisInput
		SpanInput
	},
	) (*struct{ Body BillBody }, error) {
		p, err := s.groupPoint(in.ID, in.Hierarchy)
		if err != nil {
			return nil, answer(err)
		}
		return s.billBody(ctx, p, in.Of, in.SpanInput)
	})
	huma.Register(api, get("sensor-costs-now", "costs/sensors/{id}/now", "What a sensor costs today, this month and this year so far", live), func(ctx context.Context, in *struct {
		SensorPath
		BasisInput
	},
	) (*struct{ Body CostNowBody }, error) {
		return s.nowBody(ctx, ledger.SensorPoint(in.ID), in.Of)
	})
	huma.Register(api, get("group-costs-now", "costs/groups/{id}/now", "What a group costs today, this month and this year so far", live), func(ctx context.Context, in *struct {
		GroupPath
		BasisInput
	},
	) (*struct{ Body CostNowBody }, error) {
		p, err := s.groupPoint(in.ID, in.Hierarchy)
		if err != nil {
			return nil, answer(err)
		}
		return s.nowBody(ctx, p, in.Of)
	})
}

// coherent is the unit of amounts.
func coherent(x price.Site) string {
	if x.Quantity == "" {
		return ""
	}
	return x.Quantity.Unit().Symbol
}

func (s *Service) windowsBody(ctx context.Context, p ledger.Point, basis price.Basis, length string, in SpanInput) (*struct{ Body CostsBody }, error) {
	size, err := window.ParseSize(length)
	if err != nil {
		return nil, huma.Error422UnprocessableEntity("size: " + err.Error())
	}
	at := s.Site(p)
	asked, err := s.asked(in.From, in.To, at.Calendar, 0, 24*time.Hour)
	if err != nil {
		return nil, answer(err)
	}
	all, by, settled, err := s.Windows(ctx, p, basis, size, asked)
	if err != nil {
		return nil, answer(err)
	}
	b := CostsBody{
		Of: basis, Size: length, Zone: at.Calendar.Zone().String(), Unit: coherent(at), Settled: int64(settled),
		Taken: column.Amounts{}, Given: column.Amounts{}, Missing: column.Amounts{}, Used: Moneys{}, Estimated: Moneys{},
	}
	b.By = string(by)
	var costs, credits, totals, unaccountedUsed Moneys
	var unaccounted column.Amounts
	var compared column.Numbers
	for i := range all {
		x := &all[i]
		b.Currency = cmp.Or(b.Currency, x.Sum.Currency)
		if x.Sum.Currency != "" && x.Sum.Currency != b.Currency {
			return nil, huma.Error422UnprocessableEntity(fmt.Sprintf("the tariffs of this time are in %s and in %s; ask for the time of each alone", b.Currency, x.Sum.Currency))
		}
		b.Start, b.End = append(b.Start, int64(x.Span.From)), append(b.End, int64(x.Span.To))
		var taken, given, missing *energy.Amount
		if x.Sum.Measured > 0 {
			taken, given, missing = &x.Sum.Taken, &x.Sum.Given, &x.Sum.Missing
		}
		b.Missing = append(b.Missing, missing)
		b.Taken, b.Given = append(b.Taken, taken), append(b.Given, given)
		b.Used, b.Estimated = append(b.Used, known(x.Used, x.Known)), append(b.Estimated, known(x.UsedEstimated, x.Known))
		costs, credits, totals = append(costs, known(x.Sum.Cost, x.Sum.Known)), append(credits, known(x.Sum.Credit, x.Sum.Known)), append(totals, known(x.Sum.Total, x.Sum.Known))
		var left *energy.Amount
		if x.Unaccounted.Known {
			left = &x.Unaccounted.Amount
		}
		part := math.NaN()
		if x.Unaccounted.Of > 0 {
			part = x.Unaccounted.Compared()
		}
		compared = append(compared, part)
		unaccounted, unaccountedUsed = append(unaccounted, left), append(unaccountedUsed, known(x.Unaccounted.Money, x.Unaccounted.MoneyKnown))
		b.Completeness = append(b.Completeness, x.Sum.Covered/float64(x.Span.Length()))
		b.Estimates, b.Unpriced = append(b.Estimates, x.Sum.EstimatedShare()), append(b.Unpriced, float64(x.Sum.Unpriced)/hour)
	}
	if by == contract.ByMeter {
		b.Unaccounted, b.UnaccountedUsed, b.Compared = &unaccounted, &unaccountedUsed, &compared
	}
	if size >= window.Day {
		b.Cost, b.Credit, b.Total = &costs, &credits, &totals
	}
	return &struct{ Body CostsBody }{b}, nil
}

// units writes an amount in a unit of the plan.
func units(a energy.Amount, per energy.Amount) string {
	whole, rest := int64(a)/int64(per), int64(a)%int64(per)
	sign := ""
	if a < 0 {
		sign, whole, rest = "-", -whole, -rest
	}
	if rest == 0 {
		return fmt.Sprintf("%s%d", sign, whole)
	}
	digits := len(fmt.Sprint(int64(per))) - 1
	return strings.TrimRight(fmt.Sprintf("%s%d.%0*d", sign, whole, digits, rest), "0")
}

func lineBody(l *tariff.Line, per energy.Amount) BillLineBody {
	out := BillLineBody{
		Version: l.Version, From: l.Span.From.Time(), To: l.Span.To.Time(), Component: l.Component, Name: l.Name, Kind: l.Kind, Slot: l.Slot,
		Unit: l.Unit, Days: l.Days, Percent: l.Percent, Money: l.Money.String(), Estimated: l.Estimated.String(),
	}
	if l.Kind != tariff.Tax {
		out.Price = l.Price.String()
	}
	if l.Kind != tariff.Tax && l.Kind != tariff.Standing {
		out.Quantity = units(l.Quantity, per)
	}
	if l.Unpriced != 0 {
		out.Unpriced = units(l.Unpriced, per)
	}
	if l.Kind == tariff.Demand && l.Peak != 0 {
		out.Peak = new(l.Peak.Time())
	}
	return out
}

func (s *Service) billBody(ctx context.Context, p ledger.Point, basis price.Basis, in SpanInput) (*struct{ Body BillBody }, error) {
	at := s.Site(p)
	asked, err := s.asked(in.From, in.To, at.Calendar, 0, 24*time.Hour)
	if err != nil {
		return nil, answer(err)
	}
	x, err := s.Bill(ctx, p, basis, asked)
	if err != nil {
		return nil, answer(err)
	}
	length := float64(x.Span.Length())
	b := BillBody{
		Of: basis, From: x.Span.From.Time(), To: x.Span.To.Time(), Zone: at.Calendar.Zone().String(), Currency: x.Sum.Currency, Unit: coherent(at),
		Settled: x.Settled.Time(), Parts: []BillPartBody{}, CostSumBody: sumBody(&x.Sum, x.Sum.Covered/length), Unassigned: length / hour,
		Complete: x.Sum.Known && x.Sum.Measured == x.Span.Length() && x.Sum.Unpriced == 0 && x.Sum.Covered >= length*(1-1e-9),
	}
	for i := range x.Parts {
		part := &x.Parts[i]
		var of price.Sum
		if err := of.Add(&part.Bill, part.Completeness*float64(part.Span.Length())); err != nil {
			return nil, answer(err)
		}
		y := BillPartBody{
			Assignment: part.Assignment.ID, Document: part.Assignment.Document, Revision: part.Revision, By: part.Assignment.By, From: part.Span.From.Time(), To: part.Span.To.Time(),
			Lines: []BillLineBody{}, CostSumBody: sumBody(&of, part.Completeness),
		}
		for k := range part.Lines {
			y.Lines = append(y.Lines, lineBody(&part.Lines[k], part.PerUnit))
		}
		b.Unassigned -= float64(part.Span.Length()) / hour
		b.Parts = append(b.Parts, y)
		if part.Assignment.By == contract.ByMeter {
			b.Unaccounted = &UnaccountedBody{Compared: x.Unaccounted.Compared(), Total: text(x.Unaccounted.Money, x.Unaccounted.MoneyKnown)}
			if x.Unaccounted.Known {
				b.Unaccounted.Amount = new(x.Unaccounted.Amount.String())
			}
		}
	}
	return &struct{ Body BillBody }{b}, nil
}

func (s *Service) nowBody(ctx context.Context, p ledger.Point, basis price.Basis) (*struct{ Body CostNowBody }, error) {
	x, err := s.Now(ctx, p, basis)
	if err != nil {
		return nil, answer(err)
	}
	period := func(u *price.UpToNow) CostUpToNowBody {
		return CostUpToNowBody{From: u.Span.From.Time(), To: u.Span.To.Time(), CostSumBody: sumBody(&u.Sum, u.Completeness)}
	}
	b := CostNowBody{
		Of: basis, At: x.At.Time(), Settled: x.Settled.Time(), Zone: x.Plan.Calendar().Zone().String(), Document: x.Plan.ID(), Revision: x.Revision,
		Currency: x.Plan.Currency(), Unit: x.Plan.Unit(), Rates: []PriceRateBody{}, PerHour: text(x.PerHour, x.PerHourKnown),
		Day: period(&x.Day), Month: period(&x.Month), Year: period(&x.Year),
	}
	if x.FlowKnown {
		b.Flow = new(x.Flow.String())
	}
	if r := &x.Rates; r.Known {
		if r.TakenKnown {
			b.Price = new(r.Taken.String())
		}
		if r.GivenKnown {
			b.Credit = new(r.Given.String())
		}
		for _, c := range r.Of {
			y := PriceRateBody{Component: c.Component, Name: c.Name, Kind: c.Kind, Slot: c.Slot}
			if c.Known {
				y.Price = new(c.Price.String())
			}
			b.Rates = append(b.Rates, y)
		}
	}
	return &struct{ Body CostNowBody }{b}, nil
}
