package alert

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/wattwerk/wattwerk/alert/rule"
	"github.com/wattwerk/wattwerk/internal/phrase"
	"github.com/wattwerk/wattwerk/record"
)

// Sink takes messages somewhere: to a program, or to people.
type Sink interface {
	// Send delivers one message. It is told the same message again when it
	// failed, or when it is not known whether it did not.
	Send(ctx context.Context, m Message) error
}

// ErrRefused is wrapped by a [Sink] when trying again is in vain.
var ErrRefused = errors.New("the receiver refuses it")

// Message is what a sink is given.
type Message struct {
	ID       string          `json:"id" doc:"The same when it is sent again"`
	Change   rule.Change     `json:"change" enum:"fired,repeated,resolved,test"`
	Rule     string          `json:"rule"`
	Name     string          `json:"name,omitempty" doc:"Of the rule"`
	Severity rule.Severity   `json:"severity"`
	Kind     rule.Kind       `json:"kind,omitempty"`
	Of       rule.Measure    `json:"of,omitempty" doc:"Which value of the subject it is about, as unaccounted"`
	Subject  rule.Ref        `json:"subject"`
	Incident string          `json:"incident,omitempty" doc:"The same from fired to resolved"`
	Time     time.Time       `json:"time"`
	Since    time.Time       `json:"since"`
	Value    *float64        `json:"value" doc:"Null: not known"`
	Limit    float64         `json:"limit"`
	Quantity record.Quantity `json:"quantity,omitempty" doc:"Value and limit are in its coherent unit"`
	Count    int             `json:"count" doc:"How many messages there were about the incident"`
	Title    string          `json:"title"`
	Sentence string          `json:"sentence" doc:"What is the case, in a line"`
	Code     phrase.Code     `json:"code,omitempty" doc:"Which sentence it is, for who says it in another language"`
	Params   *rule.Case      `json:"params,omitempty" doc:"What the sentence says, without its words"`
	Text     string          `json:"text,omitempty" doc:"What the rule says is to be done"`

	To []string `json:"-"` // who is left, when others have it; empty: all
}

// Test is the change of a message that somebody sends to see whether it comes.
const Test rule.Change = "test"

func messageOf(t *rule.Transition, c *rule.Case) Message {
	m := Message{
		ID: t.Incident + "-" + string(t.Change) + "-" + itoa(t.Count), Change: t.Change, Rule: t.Rule, Name: t.Name, Severity: t.Severity, Kind: t.Kind,
		Of: t.Of, Subject: t.Subject, Incident: t.Incident, Time: t.Time.Time(), Since: t.Since.Time(), Value: t.Value, Limit: t.Limit,
		Quantity: t.Quantity, Count: t.Count, Sentence: c.Say(t.Code(), phrase.English), Code: t.Code(), Params: c, Text: t.Text,
	}
	m.Title = m.title(phrase.English)
	return m
}

// Say gives title and sentence in a language. What was queued by a version that
// had no params is in English.
func (m *Message) Say(language string) (title, sentence string) {
	if m.Params == nil || language == phrase.English {
		return m.Title, m.Sentence
	}
	return m.title(language), m.Params.Say(m.Code, language)
}

var germanTitles = map[string]string{
	string(rule.Info): "Hinweis", string(rule.Warning): "Warnung", string(rule.Critical): "Kritisch",
	string(rule.Resolved): "Beendet", string(rule.Withdrawn): "Zurückgezogen",
}

func (m *Message) title(language string) string {
	name := m.Name
	if name == "" {
		name = m.Rule
	}
	german := language == phrase.German
	switch { // a loss is another thing than a load, and is to be told apart by the subject alone
	case m.Of != rule.Unaccounted:
	case german:
		name += " (nicht zugeordnet)"
	default:
		name += " (unaccounted)"
	}
	kind := string(m.Severity)
	switch m.Change {
	case rule.Withdrawn:
		kind = "Withdrawn"
	case rule.Resolved:
		kind = "Resolved"
	case Test:
		if german {
			return "Test von Wattwerk"
		}
		return "Test of Wattwerk"
	}
	if word, ok := germanTitles[strings.ToLower(kind)]; german && ok {
		kind = word
	}
	return kind + ": " + name
}
