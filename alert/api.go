package alert

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/uptrace/bun"

	"github.com/wattwerk/wattwerk/alert/rule"
	"github.com/wattwerk/wattwerk/internal/etag"
	"github.com/wattwerk/wattwerk/internal/phrase"
	"github.com/wattwerk/wattwerk/internal/problem"
	"github.com/wattwerk/wattwerk/internal/sqldb"
	"github.com/wattwerk/wattwerk/record"
)

var (
	mayRead    = []map[string][]string{{"wattwerk": {"read"}}}
	mayOperate = []map[string][]string{{"wattwerk": {"operate"}}}
)

// These refuse rules while nothing can tell what they ask.
var (
	ErrNoAmounts  = errors.New("budgets need settled amounts: run settlement in the process of alert, or give both one PostgreSQL (sql.url_file)")
	ErrNoCosts    = errors.New("budgets of money need costs, and nothing tells any here; use a budget of energy instead")
	ErrNoProfiles = errors.New("deviations need settled windows: run settlement in the process of alert, or give both one PostgreSQL (sql.url_file)")
)

// StoredRule is a rule as it is kept.
type StoredRule struct {
	Rule      rule.Rule `json:"rule"`
	Version   int64     `json:"version" doc:"Counts its changes; the ETag"`
	Changed   time.Time `json:"changed"`
	ChangedBy string    `json:"changedBy"`
}

// Incident is an alert that was raised.
type Incident struct {
	ID         string      `json:"id"`
	Rule       string      `json:"rule"`
	Name       string      `json:"name,omitempty" doc:"Of the rule"`
	Severity   string      `json:"severity"`
	Kind       string      `json:"kind"`
	Subject    rule.Ref    `json:"subject"`
	Status     string      `json:"status" enum:"firing,hushed,resolved" doc:"hushed: an alert of a group above says it already"`
	Since      time.Time   `json:"since" doc:"Since when the condition held"`
	Fired      time.Time   `json:"fired"`
	Resolved   *time.Time  `json:"resolved" doc:"Null while it lasts"`
	Unknown    *time.Time  `json:"unknown" doc:"Since when it is not known whether it lasts, as the value is null: until it is known nothing more is told. Null: it is known, or over"`
	Withdrawn  bool        `json:"withdrawn" doc:"It should not have been raised, as windows that were settled again say"`
	Messages   int64       `json:"messages" doc:"How many were sent about it"`
	Sentence   string      `json:"sentence" doc:"What became of it last, in English"`
	Code       phrase.Code `json:"code,omitempty" doc:"Which sentence it is, for who says it in another language: one of docs/phrases.md. Absent: it was noted by a version that had none" example:"alert-above"`
	Params     *rule.Case  `json:"params,omitempty" doc:"What the sentence says, without its words"`
	Ack        *Ack        `json:"acknowledged,omitempty" doc:"Who has seen it"`
	Deliveries []Outcome   `json:"deliveries" doc:"What became of the messages about it, the newest last"`
}

// Ack is somebody's word that an incident is seen to.
type Ack struct {
	Who   string    `json:"who" readOnly:"true" required:"false"`
	Until time.Time `json:"until" doc:"Not repeated until then"`
	Why   string    `json:"why,omitempty" maxLength:"1000"`
}

// Silence keeps alerts from being told for a while.
type Silence struct {
	ID      string          `json:"id" readOnly:"true" required:"false"`
	Rule    string          `json:"rule,omitempty" doc:"Of this rule; absent: of all" maxLength:"200"`
	Sensor  record.SensorID `json:"sensor,omitempty" doc:"Of this sensor" maxLength:"200"`
	Group   string          `json:"group,omitempty" doc:"Or of this group; absent both: of all" maxLength:"200"`
	Until   time.Time       `json:"until" doc:"What still lasts then is told then"`
	Why     string          `json:"why,omitempty" maxLength:"1000"`
	Who     string          `json:"who" readOnly:"true" required:"false"`
	Created time.Time       `json:"created" readOnly:"true" required:"false"`
}

type ruleOut struct {
	ETag string `header:"ETag"`
	Body StoredRule
}

// Precondition is the If-Match of a change.
type Precondition struct {
	ID      string `path:"id" maxLength:"200"`
	IfMatch string `header:"If-Match" doc:"The version the change was made for, in quotes, as the ETag; \"0\": there must be none yet. 412 when it is another" example:"\"3\""`
}

// version reads the header; etag.Any when it does not matter.
func (p *Precondition) version() (int64, error) {
	n, err := etag.Match(p.IfMatch)
	if err != nil {
		return 0, huma.Error400BadRequest(err.Error())
	}
	return n, nil
}

// refuse is the one place where an error becomes a status.
func refuse(err error) error {
	var status huma.StatusError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &status):
		return err
	case errors.Is(err, ErrNotFound):
		return huma.Error404NotFound(err.Error())
	case errors.Is(err, ErrChanged):
		return huma.Error412PreconditionFailed(err.Error())
	case errors.Is(err, ErrInvalid):
		return huma.Error422UnprocessableEntity(err.Error())
	case sqldb.Down(err):
		return problem.DatabaseAway()
	}
	return huma.Error500InternalServerError("it was not done", err)
}

func op(id, method, path, summary, description string, errs ...int) huma.Operation {
	may := mayOperate
	if method == http.MethodGet {
		may = mayRead
	}
	return huma.Operation{
		OperationID: id, Method: method, Path: path, Summary: summary, Description: description, Tags: []string{"Alerts"},
		Security: may, Errors: append(errs, 503), MaxBodyBytes: 1 << 18, BodyReadTimeout: 30 * time.Second,
	}
}

// Register adds the routes.
func (s *Service) Register(api huma.API) {
	s.registerRules(api)
	huma.Register(api, op("list-alerts", http.MethodGet, "/api/v1/alerts", "Alerts that last", "Raised and not over, the newest first; those that an alert of a group above says already are hushed."), s.listActive)
	huma.Register(api, op("list-incidents", http.MethodGet, "/api/v1/alerts/history", "Alerts that were raised", "The newest first."), s.listHistory)
	huma.Register(api, op("acknowledge-alert", http.MethodPut, "/api/v1/alerts/incidents/{id}/acknowledgement", "Say that an alert is seen to",
		"It is not repeated until then. That it is over is told all the same.", 404), s.acknowledge)
	huma.Register(api, op("list-silences", http.MethodGet, "/api/v1/alerts/silences", "Silences that hold", ""), s.listSilences)
	silence := op("create-silence", http.MethodPost, "/api/v1/alerts/silences", "Keep alerts from being told for a while", "They come and go meanwhile; what still lasts at the end is told then.")
	silence.DefaultStatus = http.StatusCreated
	huma.Register(api, silence, s.createSilence)
	huma.Register(api, op("delete-silence", http.MethodDelete, "/api/v1/alerts/silences/{id}", "End a silence", "", 404), s.deleteSilence)
	huma.Register(api, op("list-sinks", http.MethodGet, "/api/v1/alerts/sinks", "Where messages go", "The settings say where."), s.listSinks)
	huma.Register(api, op("test-sink", http.MethodPost, "/api/v1/alerts/sinks/{name}/test", "Send a test", "Answers when it was delivered, or says why not.", 404, 502), s.testSink)
}

func (s *Service) registerRules(api huma.API) {
	huma.Register(api, op("list-alert-rules", http.MethodGet, "/api/v1/alerts/rules", "All rules", ""), s.listRules)
	huma.Register(api, op("get-alert-rule", http.MethodGet, "/api/v1/alerts/rules/{id}", "One rule", "", 404), s.getRule)
	huma.Register(api, op("put-alert-rule", http.MethodPut, "/api/v1/alerts/rules/{id}", "Make or change a rule",
		"Alerts of it go on, unless it looks at something else now.", 400, 412), s.putRule)
	huma.Register(api, op("delete-alert-rule", http.MethodDelete, "/api/v1/alerts/rules/{id}", "Remove a rule", "Its alerts end.", 400, 404, 412), s.deleteRule)
	huma.Register(api, op("signal-alert-rule", http.MethodPost, "/api/v1/alerts/rules/{id}/signal", "Raise or end an alert from outside",
		"For rules of the kind external: what another program finds, as an anomaly. To say the same twice does no harm.", 404), s.signal)
}

func stored(row *ruleRow) (*ruleOut, error) {
	r, err := row.rule()
	if err != nil {
		return nil, err
	}
	return &ruleOut{
		ETag: `"` + strconv.FormatInt(row.Version, 10) + `"`,
		Body: StoredRule{Rule: r, Version: row.Version, Changed: time.UnixMilli(row.Changed).UTC(), ChangedBy: row.ChangedBy},
	}, nil
}

type rulesOut struct {
	Body struct {
		Rules []StoredRule `json:"rules"`
	}
}

func (s *Service) listRules(ctx context.Context, _ *struct{}) (*rulesOut, error) {
	rows, err := s.opts.Store.rules(ctx)
	if err != nil {
		return nil, refuse(err)
	}
	out := new(rulesOut)
	out.Body.Rules = make([]StoredRule, 0, len(rows))
	for i := range rows {
		r, err := stored(&rows[i])
		if err != nil {
			return nil, refuse(err)
		}
		out.Body.Rules = append(out.Body.Rules, r.Body)
	}
	return out, nil
}

func (s *Service) getRule(ctx context.Context, in *struct {
	ID string `path:"id" maxLength:"200"`
}) (*ruleOut, error) {
	row, err := s.opts.Store.rule(ctx, in.ID)
	if err != nil {
		return nil, refuse(err)
	}
	out, err := stored(row)
	return out, refuse(err)
}

func (s *Service) putRule(ctx context.Context, in *struct {
	Precondition
	Body rule.Rule
}) (*ruleOut, error) {
	version, err := in.version()
	if err != nil {
		return nil, err
	}
	if in.Body.ID != "" && in.Body.ID != in.ID {
		return nil, huma.Error422UnprocessableEntity(fmt.Sprintf("the rule says it is %q, and the address %q", in.Body.ID, in.ID))
	}
	in.Body.ID = in.ID
	r := in.Body.Complete()
	if err := s.check(&r); err != nil {
		return nil, refuse(fmt.Errorf("%w: %w", ErrInvalid, err))
	}
	row, err := s.opts.Store.putRule(ctx, &r, version, s.opts.Actor(ctx), time.Now().UnixMilli())
	if err != nil {
		return nil, refuse(err)
	}
	s.changed()
	out, err := stored(row)
	return out, refuse(err)
}

// check tells what is wrong with a rule, here and now.
func (s *Service) check(r *rule.Rule) error {
	if err := r.Validate(); err != nil {
		return err
	}
	if err := s.able(&r.Condition); err != nil {
		return err
	}
	for _, name := range r.To {
		if _, ok := s.opts.Sinks[name]; !ok {
			return fmt.Errorf("there is no sink %q; there are: %s", name, strings.Join(slices.Sorted(maps.Keys(s.opts.Sinks)), ", "))
		}
	}
	return rule.Check(r, s.opts.Catalog.State().Model)
}

func (s *Service) deleteRule(ctx context.Context, in *Precondition) (*struct{}, error) {
	version, err := in.version()
	if err != nil {
		return nil, err
	}
	if err := s.opts.Store.deleteRule(ctx, in.ID, version); err != nil {
		return nil, refuse(err)
	}
	s.changed()
	return nil, nil
}

func (s *Service) signal(ctx context.Context, in *struct {
	ID   string `path:"id" maxLength:"200"`
	Body struct {
		Firing bool   `json:"firing" doc:"Whether it is the case now"`
		Text   string `json:"text,omitempty" doc:"What was found; part of the message" maxLength:"1000"`
	}
}) (*struct{}, error) {
	row, err := s.opts.Store.rule(ctx, in.ID)
	if err != nil {
		return nil, refuse(err)
	}
	r, err := row.rule()
	if err == nil && r.Condition.Kind != rule.External {
		err = fmt.Errorf("%w: %w", ErrInvalid, rule.ErrNotExternal)
	}
	if err != nil {
		return nil, refuse(err)
	}
	g := &signalRow{Rule: in.ID, Words: in.Body.Text, At: time.Now().UnixMilli()}
	if in.Body.Firing {
		g.Firing = 1
	}
	if err := s.opts.Store.change(ctx, func(ctx context.Context, tx bun.Tx) error {
		_, err := tx.NewInsert().Model(g).On("CONFLICT (rule) DO UPDATE").Set("firing = EXCLUDED.firing, words = EXCLUDED.words, found = EXCLUDED.found, at = EXCLUDED.at").Exec(ctx)
		return err
	}); err != nil {
		return nil, refuse(err)
	}
	s.changed()
	return nil, nil
}

type incidentsOut struct {
	Body struct {
		Alerts []Incident `json:"alerts"`
	}
}

func (s *Service) incidents(ctx context.Context, pick func(*bun.SelectQuery) *bun.SelectQuery) (*incidentsOut, error) {
	rows, acks, err := s.opts.Store.incidents(ctx, pick)
	if err != nil {
		return nil, refuse(err)
	}
	ids := make([]string, len(rows))
	for i := range rows {
		ids[i] = rows[i].ID
	}
	told := make(map[string][]Outcome)
	if len(ids) > 0 {
		if told, err = s.opts.Store.deliveries(ctx, ids); err != nil {
			return nil, refuse(err)
		}
	}
	out := new(incidentsOut)
	out.Body.Alerts = make([]Incident, 0, len(rows))
	for i := range rows {
		r := &rows[i]
		in := Incident{
			ID: r.ID, Rule: r.Rule, Name: r.Name, Severity: r.Severity, Kind: r.Kind, Subject: rule.Ref{Sensor: record.SensorID(r.Sensor), Group: r.Group},
			Status: r.Status, Since: time.UnixMilli(r.Since).UTC(), Fired: time.UnixMilli(r.Fired).UTC(), Messages: r.Messages, Sentence: r.Sentence,
			Withdrawn:  r.Withdrawn != 0,
			Deliveries: append([]Outcome{}, told[r.ID]...),
		}
		if r.Params != "" {
			in.Code, in.Params = phrase.Code(r.Code), new(rule.Case)
			if err := json.Unmarshal([]byte(r.Params), in.Params); err != nil {
				return nil, refuse(fmt.Errorf("read alert %q: %w", r.ID, err))
			}
		}
		if r.Resolved != nil {
			at := time.UnixMilli(*r.Resolved).UTC()
			in.Resolved = &at
		}
		if r.Unknown != nil && r.Resolved == nil {
			in.Unknown = new(time.UnixMilli(*r.Unknown).UTC())
		}
		if a, ok := acks[r.ID]; ok {
			in.Ack = &Ack{Who: a.Who, Until: time.UnixMilli(a.Until).UTC(), Why: a.Why}
		}
		out.Body.Alerts = append(out.Body.Alerts, in)
	}
	return out, nil
}

func (s *Service) listActive(ctx context.Context, _ *struct{}) (*incidentsOut, error) {
	return s.incidents(ctx, func(q *bun.SelectQuery) *bun.SelectQuery {
		return q.Where("resolved IS NULL").Order("fired DESC", "id").Limit(10_000)
	})
}

func (s *Service) listHistory(ctx context.Context, in *struct {
	Before time.Time `query:"before" doc:"Only those raised before this"`
	After  string    `query:"after" doc:"With before: also those raised at that very moment that come after the alert of this id. With both from the last alert of a list, the next list goes on where it ended" maxLength:"200"`
	Rule   string    `query:"rule" doc:"Only those of this rule" maxLength:"200"`
	Limit  int       `query:"limit" minimum:"1" maximum:"1000" default:"100"`
}) (*incidentsOut, error) {
	return s.incidents(ctx, func(q *bun.SelectQuery) *bun.SelectQuery {
		switch at := in.Before.UnixMilli(); {
		case in.Before.IsZero():
		case in.After == "":
			q = q.Where("fired < ?", at)
		default:
			q = q.Where("(fired < ? OR fired = ? AND id > ?)", at, at, in.After)
		}
		if in.Rule != "" {
			q = q.Where("rule = ?", in.Rule)
		}
		return q.Order("fired DESC", "id").Limit(int64(in.Limit))
	})
}

func (s *Service) acknowledge(ctx context.Context, in *struct {
	ID   string `path:"id" maxLength:"200"`
	Body Ack
}) (*struct{ Body Ack }, error) {
	row := &ackRow{Incident: in.ID, Until: in.Body.Until.UnixMilli(), Why: in.Body.Why, Who: s.opts.Actor(ctx), Created: time.Now().UnixMilli()}
	err := s.opts.Store.change(ctx, func(ctx context.Context, tx bun.Tx) error {
		n, err := tx.NewSelect().Model((*incidentRow)(nil)).Where("id = ?", in.ID).Count(ctx)
		if err == nil && n == 0 {
			err = fmt.Errorf("%w: there was no alert %q", ErrNotFound, in.ID)
		}
		if err != nil {
			return err
		}
		_, err = tx.NewInsert().Model(row).On("CONFLICT (incident) DO UPDATE").
			Set("until = EXCLUDED.until, why = EXCLUDED.why, who = EXCLUDED.who, created = EXCLUDED.created").Exec(ctx)
		return err
	})
	if err != nil {
		return nil, refuse(err)
	}
	s.changed()
	return &struct{ Body Ack }{Ack{Who: row.Who, Until: in.Body.Until, Why: row.Why}}, nil
}

func (r *silenceRow) silence() Silence {
	return Silence{
		ID: r.ID, Rule: r.Rule, Sensor: record.SensorID(r.Sensor), Group: r.Group, Until: time.UnixMilli(r.Until).UTC(), Why: r.Why, Who: r.Who,
		Created: time.UnixMilli(r.Created).UTC(),
	}
}

type silencesOut struct {
	Body struct {
		Silences []Silence `json:"silences"`
	}
}

func (s *Service) listSilences(ctx context.Context, _ *struct{}) (*silencesOut, error) {
	rows, err := s.opts.Store.silences(ctx, time.Now().UnixMilli())
	if err != nil {
		return nil, refuse(err)
	}
	out := new(silencesOut)
	out.Body.Silences = make([]Silence, 0, len(rows))
	for i := range rows {
		out.Body.Silences = append(out.Body.Silences, rows[i].silence())
	}
	return out, nil
}

func (s *Service) createSilence(ctx context.Context, in *struct{ Body Silence }) (*struct{ Body Silence }, error) {
	b, now := in.Body, time.Now()
	switch {
	case b.Sensor != "" && b.Group != "":
		return nil, huma.Error422UnprocessableEntity("a silence is of a sensor or of a group, not of both")
	case !b.Until.After(now):
		return nil, huma.Error422UnprocessableEntity("until is over already")
	}
	row := &silenceRow{
		ID: newID(), Rule: b.Rule, Sensor: string(b.Sensor), Group: b.Group, Until: b.Until.UnixMilli(), Why: b.Why, Who: s.opts.Actor(ctx), Created: now.UnixMilli(),
	}
	if err := s.opts.Store.change(ctx, func(ctx context.Context, tx bun.Tx) error {
		_, err := tx.NewInsert().Model(row).Exec(ctx)
		return err
	}); err != nil {
		return nil, refuse(err)
	}
	s.changed()
	return &struct{ Body Silence }{row.silence()}, nil
}

func (s *Service) deleteSilence(ctx context.Context, in *struct {
	ID string `path:"id" maxLength:"200"`
}) (*struct{}, error) {
	err := s.opts.Store.change(ctx, func(ctx context.Context, tx bun.Tx) error {
		res, err := tx.NewDelete().Model((*silenceRow)(nil)).Where("id = ?", in.ID).Exec(ctx)
		if err != nil {
			return err
		}
		if n, err := res.RowsAffected(); err != nil || n == 0 {
			return errors.Join(err, fmt.Errorf("%w: there is no silence %q", ErrNotFound, in.ID))
		}
		return nil
	})
	if err == nil {
		s.changed()
	}
	return nil, refuse(err)
}

type sinksOut struct {
	Body struct {
		Sinks []string `json:"sinks" doc:"Their names"`
	}
}

func (s *Service) listSinks(context.Context, *struct{}) (*sinksOut, error) {
	out := new(sinksOut)
	out.Body.Sinks = append(make([]string, 0), slices.Sorted(maps.Keys(s.opts.Sinks))...)
	return out, nil
}

func (s *Service) testSink(ctx context.Context, in *struct {
	Name string `path:"name" maxLength:"200"`
}) (*struct{}, error) {
	sink, ok := s.opts.Sinks[in.Name]
	if !ok {
		return nil, huma.Error404NotFound(fmt.Sprintf("there is no sink %q", in.Name))
	}
	now := time.Now().UTC()
	m := Message{
		ID: "test-" + newID(), Change: Test, Rule: "test", Severity: rule.Info, Time: now, Since: now,
		Code: phrase.AlertTest, Params: &rule.Case{Change: Test, Time: now, Since: now, Who: s.opts.Actor(ctx)},
	}
	m.Title, m.Sentence = m.title(phrase.English), m.Params.Say(m.Code, phrase.English)
	ctx, cancel := context.WithTimeout(ctx, sendWithin)
	defer cancel()
	if err := sink.Send(ctx, m); err != nil {
		return nil, huma.Error502BadGateway("the test was not delivered: " + err.Error())
	}
	return nil, nil
}
