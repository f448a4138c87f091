package app

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/wattwerk/wattwerk/record"
	"github.com/wattwerk/wattwerk/settlement"
)

// SettleCmd is "wattwerk settle".
type SettleCmd struct {
	serverFlags
	From   string   `required:"" help:"Begin: RFC 3339, or a date in UTC."`
	To     string   `required:"" help:"End, not part of it."`
	Sensor []string `placeholder:"ID" help:"Only this sensor and the groups above it; may be repeated."`
}

// Help is shown by --help.
func (*SettleCmd) Help() string {
	return `Windows are settled by themselves, and again when late readings come. This is
for when a database was changed behind the program's back. It changes nothing
that is right.

Example:
  wattwerk settle --from 2026-01-01 --to 2026-02-01`
}

// askEvery is how often it is asked how far it is.
const askEvery = 300 * time.Millisecond

// Run has it settled and waits until it is.
func (c *SettleCmd) Run(ctx context.Context, sys IO) error {
	server, err := c.connect(sys)
	if err != nil {
		return err
	}
	body := settlement.AgainBody{From: c.From, To: c.To}
	for _, id := range c.Sensor {
		body.Sensors = append(body.Sensors, record.SensorID(id))
	}
	text, err := json.Marshal(body)
	if err != nil {
		return err
	}
	var marked settlement.MarkedBody
	if err := c.ask(ctx, server, http.MethodPost, "/api/v1/settled/again", string(text), &marked); err != nil {
		return err
	}
	began, p := time.Now(), newCountdown(sys, "settle", marked.Marks)
	for done := 0; ; {
		var st settlement.StatusBody
		if err := c.ask(ctx, server, http.MethodGet, "/api/v1/settled/status", "", &st); err != nil {
			p.end()
			return err
		}
		if n := marked.Marks - st.Marks; n > done {
			p.add(n - done)
			done = n
		}
		if st.Marks == 0 {
			break
		}
		select {
		case <-ctx.Done():
			p.end()
			return ctx.Err()
		case <-time.After(askEvery):
		}
	}
	p.end()
	_, err = fmt.Fprintf(sys.Out, "%d ranges were settled again in %v\n", marked.Marks, time.Since(began).Round(time.Millisecond))
	return err
}

func (c *SettleCmd) ask(ctx context.Context, server *client, method, path, body string, out any) error {
	resp, err := server.do(ctx, method, path, "application/json", strings.NewReader(body))
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	return json.NewDecoder(resp.Body).Decode(out)
}
