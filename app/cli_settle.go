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
that is right. Interrupted, it cancels what waits still; what is settled stays.

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
			if ctx.Err() != nil {
				return c.cancel(ctx, sys, server, marked.Marks)
			}
			return err
		}
		if n := marked.Marks - st.Asked; n > done {
			p.add(n - done)
			done = n
		}
		if by := st.Cancelled; by != nil && by.Number > marked.After {
			p.end()
			left := min(by.Marks, marked.Marks)
			return fmt.Errorf("settling was cancelled by %s at %s: %d of %d ranges were settled again, %d were not", by.Who, by.At.Format(time.RFC3339), marked.Marks-left, marked.Marks, left)
		}
		if st.Asked == 0 {
			break
		}
		select {
		case <-ctx.Done():
			p.end()
			return c.cancel(ctx, sys, server, marked.Marks)
		case <-time.After(askEvery):
		}
	}
	p.end()
	_, err = fmt.Fprintf(sys.Out, "%d ranges were settled again in %v\n", marked.Marks, time.Since(began).Round(time.Millisecond))
	return err
}

// cancel leaves what waits still, although ctx has ended.
func (c *SettleCmd) cancel(ctx context.Context, sys IO, server *client, marks int) error {
	late, stop := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer stop()
	var left settlement.CancelledBody
	if err := c.ask(late, server, http.MethodPost, "/api/v1/settled/again/cancel", "{}", &left); err != nil {
		return fmt.Errorf("cancel settling: %w", err)
	}
	if _, err := fmt.Fprintf(sys.Out, "cancelled: %d of %d ranges are not settled again\n", left.Marks, marks); err != nil {
		return err
	}
	return ctx.Err()
}

func (c *SettleCmd) ask(ctx context.Context, server *client, method, path, body string, out any) error {
	resp, err := server.do(ctx, method, path, "application/json", strings.NewReader(body))
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	return json.NewDecoder(resp.Body).Decode(out)
}
