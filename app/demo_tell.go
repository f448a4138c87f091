package app

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/wattwerk/wattwerk/bridge"
	"github.com/wattwerk/wattwerk/demo"
	"github.com/wattwerk/wattwerk/internal/run"
	"github.com/wattwerk/wattwerk/record"
)

// Pauses between questions of the demo to its own server.
const (
	demoAsksAgain = 250 * time.Millisecond
	demoGivesUp   = 5 * time.Minute
)

// Tariffs of the energy community.
const (
	communityTariff = `{"id":"community","name":"Grid","currency":"EUR","zone":"Europe/Berlin","calendars":[{"id":"ht-nt","bands":[{"name":"HT","days":["mon","tue","wed","thu","fri"],"times":["06:00-22:00"]},{"name":"NT"}]}],` +
		`"versions":[{"from":"2020-01-01","components":[{"id":"energy","name":"Energy","kind":"energy","prices":{"HT":"0.31","NT":"0.24"}},{"id":"back","name":"Fed in","kind":"feed_in","price":"0.08"},{"id":"vat","name":"VAT","kind":"tax","percent":"19"}]}]}`
	communityInside = `{"id":"community-inside","name":"Within the community","currency":"EUR","zone":"Europe/Berlin",` +
		`"versions":[{"from":"2020-01-01","components":[{"id":"energy","name":"From the community","kind":"energy","price":"0.18"},{"id":"back","name":"Given to the community","kind":"feed_in","price":"0.12"}]}]}`
	communityMembers = `[{"id":"home1","name":"Home 1","load":"sensor/community.home1.taken","generation":["sensor/community.roof1.given"]},` +
		`{"id":"home2","name":"Home 2","load":"sensor/community.home2.taken","generation":["sensor/community.roof2"]},` +
		`{"id":"home3","name":"Home 3","load":"sensor/community.home3.taken","generation":["sensor/community.roof3.given"]}]`
)

// ask sends a request to the program's own server, and gives the status.
func (d *demoPlants) ask(ctx context.Context, method, path, contentType string, body []byte, into any) (int, error) {
	req, err := http.NewRequestWithContext(ctx, method, d.base+path, bytes.NewReader(body))
	if err != nil {
		return 0, err
	}
	req.Header.Set("Authorization", "Bearer "+d.secret)
	if len(body) > 0 {
		req.Header.Set("Content-Type", contentType)
	}
	resp, err := d.client.Do(req)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(io.LimitReader(resp.Body, 4<<20))
	if err != nil {
		return 0, err
	}
	if resp.StatusCode/100 != 2 {
		return resp.StatusCode, fmt.Errorf("%s %s: %s: %.500s", method, path, resp.Status, data)
	}
	if into == nil {
		return resp.StatusCode, nil
	}
	return resp.StatusCode, json.Unmarshal(data, into)
}

// insist does so until it is done, or it is clear that it never will be: nobody here
// answers it, or it is wrong.
func (d *demoPlants) insist(ctx context.Context, method, path, contentType string, body []byte, into any, done func() bool) error {
	ctx, cancel := context.WithTimeout(ctx, demoGivesUp)
	defer cancel()
	for {
		status, err := d.ask(ctx, method, path, contentType, body, into)
		switch {
		case err == nil && (done == nil || done()):
			return nil
		case err == nil || status == 0 || status == http.StatusServiceUnavailable || status == http.StatusTooManyRequests || status == http.StatusConflict || status == http.StatusNotFound && method == http.MethodGet:
		default:
			return err
		}
		if !run.Pause(ctx, demoAsksAgain) {
			if err == nil {
				err = ctx.Err()
			}
			return err
		}
	}
}

// tell says of the energy community what its model does not: what things are, and what
// energy costs. When its past is settled, the silent sensor says its last word, so that
// something is found that stands in for it, and bills are made. What cannot be said
// here, as a module is missing, is left out.
func (d *demoPlants) tell(ctx context.Context, now record.Millis) error {
	steps := []func(context.Context) error{
		func(ctx context.Context) error {
			return d.insist(ctx, http.MethodPost, "/api/v1/objects/import?apply=true", "application/ld+json", demo.Community, nil, nil)
		},
		func(ctx context.Context) error {
			return d.insist(ctx, http.MethodPut, "/api/v1/tariffs/community", "application/json", []byte(communityTariff), nil, nil)
		},
		func(ctx context.Context) error {
			return d.insist(ctx, http.MethodPut, "/api/v1/tariffs/community-inside", "application/json", []byte(communityInside), nil, nil)
		},
	}
	if !d.fresh {
		steps = nil // it was said at the first start
	}
	steps = append(steps, d.settled, func(ctx context.Context) error {
		_, err := d.bridge.TakeReadings(ctx, "demo", each([]bridge.Reading{d.community.last()}))
		return err
	})
	if d.fresh {
		hour := record.Millis(time.Hour.Milliseconds())
		to := (now - hour) / hour * hour
		span := fmt.Sprintf(`"from":%q,"to":%q`, (to - 28*24*hour).Time().UTC().Format(time.RFC3339), to.Time().UTC().Format(time.RFC3339))
		steps = append(steps, func(ctx context.Context) error {
			return d.insist(ctx, http.MethodPost, "/api/v1/bills", "application/json", []byte(`{"service":"S3","name":"Charging","subject":"space/community-garage",`+span+
				`,"parameters":{"price":{"tariff":"community"},"assignments":[{"charger":"community.charger1","from":0,"user":"Home 2"},{"charger":"community.charger2","from":0,"user":"Home 3"}]}}`), nil, nil)
		}, func(ctx context.Context) error {
			return d.insist(ctx, http.MethodPost, "/api/v1/bills", "application/json", []byte(`{"service":"S4","name":"Energy community","subject":"space/community-homes",`+span+
				`,"parameters":{"key":"dynamic","grid":{"tariff":"community"},"inside":{"tariff":"community-inside"},"members":`+communityMembers+`}}`), nil, nil)
		})
	}
	for _, step := range steps {
		if err := step(ctx); err != nil {
			if ctx.Err() != nil {
				return nil
			}
			d.log.Info("the energy community is shown in part, as something of it could not be said", "because", err)
			return nil
		}
	}
	return nil
}

// settled waits until the past of the silent sensor and of what could stand in for it is
// settled.
func (d *demoPlants) settled(ctx context.Context) error {
	hour := record.Millis(time.Hour.Milliseconds())
	end := (d.community.silent - communityStep) / hour * hour
	for _, id := range []string{roofSilent, "community.roof1", "community.roof3"} {
		for _, at := range []record.Millis{end - record.Millis(communityPast.Milliseconds()) + 24*hour, end - hour} {
			var got struct {
				Values []struct {
					Source string `json:"source"`
				} `json:"values"`
			}
			path := fmt.Sprintf("/api/v1/objects/sensor/%s/values?step=1h&from=%s&to=%s", id, at.Time().UTC().Format(time.RFC3339), (at + hour).Time().UTC().Format(time.RFC3339))
			err := d.insist(ctx, http.MethodGet, path, "", nil, &got, func() bool { return len(got.Values) > 0 && got.Values[0].Source == "live" })
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// live sends what the community says, at each quarter of an hour.
func (d *demoPlants) live(ctx context.Context, from record.Millis) error {
	for {
		next := (from/communityStep + 1) * communityStep
		if !run.Pause(ctx, time.Until(next.Time())) {
			return nil
		}
		now := record.MillisOf(time.Now())
		if _, err := d.bridge.TakeReadings(ctx, "demo", each(d.community.readings(next, now))); err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return err
		}
		from = max(now, next)
	}
}
