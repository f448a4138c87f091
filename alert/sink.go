package alert

import (
	"context"
	"errors"
	"time"

	"github.com/wattwerk/wattwerk/alert/rule"
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
	Text     string          `json:"text,omitempty" doc:"What the rule says is to be done"`
}

// Test is the change of a message that somebody sends to see whether it comes.
const Test rule.Change = "test"

func messageOf(t *rule.Transition, sentence string) Message {
	m := Message{
		ID: t.Incident + "-" + string(t.Change) + "-" + itoa(t.Count), Change: t.Change, Rule: t.Rule, Name: t.Name, Severity: t.Severity, Kind: t.Kind,
		Of: t.Of, Subject: t.Subject, Incident: t.Incident, Time: t.Time.Time(), Since: t.Since.Time(), Value: t.Value, Limit: t.Limit,
		Quantity: t.Quantity, Count: t.Count, Sentence: sentence, Text: t.Text,
	}
	m.Title = m.title()
	return m
}

func (m *Message) title() string {
	name := m.Name
	if name == "" {
		name = m.Rule
	}
	if m.Of == rule.Unaccounted { // a loss is another thing than a load, and is to be told apart by the subject alone
		name += " (unaccounted)"
	}
	switch m.Change {
	case rule.Withdrawn:
		return "Withdrawn: " + name
	case rule.Resolved:
		return "Resolved: " + name
	case Test:
		return "Test of Wattwerk"
	}
	return string(m.Severity) + ": " + name
}
