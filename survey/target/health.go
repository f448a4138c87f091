package target

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/wattwerk/wattwerk/survey/consent"
	"github.com/wattwerk/wattwerk/survey/household"
	"github.com/wattwerk/wattwerk/survey/register"
)

// Health is how a device is.
type Health struct {
	Household string                         `json:"household"`
	Consent   consent.State                  `json:"consent" enum:"not_granted,granted,revoked"`
	Device    household.Device               `json:"device"`
	Well      bool                           `json:"well" doc:"There is nothing to do"`
	Findings  []string                       `json:"findings" doc:"What there is, in sentences"`
	Incidents map[household.IncidentType]int `json:"incidents,omitempty" doc:"Open incidents at the meters of the household, by type"`
}

// Limits beyond which something is found.
type Limits struct {
	Silent time.Duration // since something came
	Skew   time.Duration // of the clock of the device
	Expiry time.Duration // before its certificate expires
}

// DefaultLimits fit devices that send once an hour and renew a certificate of 30 days
// after 20.
func DefaultLimits() Limits {
	return Limits{Silent: 3 * time.Hour, Skew: time.Minute, Expiry: 7 * 24 * time.Hour}
}

// Devices gives the health of the devices of households that take part, by the order
// of the households, those after one, and at most so many households; next is where to go on, empty: that was all.
func Devices(ctx context.Context, s *register.Store, l Limits, now time.Time, after string, limit int) (list []Health, next string, err error) {
	homes, _, err := s.Households(ctx, after, limit)
	if err != nil {
		return nil, "", fmt.Errorf("health of devices: %w", err)
	}
	ids := make([]string, len(homes))
	for i := range homes {
		ids[i] = homes[i].ID
	}
	open, err := s.Open(ctx, ids)
	if err != nil {
		return nil, "", fmt.Errorf("health of devices: %w", err)
	}
	list = []Health{}
	for i := range homes {
		h := &homes[i]
		if h.Consent.State == consent.Revoked {
			continue // its devices were told to stop
		}
		for _, d := range h.Devices {
			list = append(list, l.judge(h, d, open[h.ID], now))
		}
	}
	if len(homes) == limit {
		next = homes[len(homes)-1].ID
	}
	return list, next, nil
}

// judge says in sentences what there is to do.
func (l Limits) judge(h *household.Household, d household.Device, open map[household.IncidentType]int, now time.Time) Health {
	x := Health{Household: h.ID, Consent: h.Consent.State, Device: d, Incidents: open, Findings: []string{}}
	find := func(format string, a ...any) { x.Findings = append(x.Findings, fmt.Sprintf(format, a...)) }
	granted := h.Consent.State == consent.Granted
	switch {
	case !d.Enrolled && d.Expires == nil && d.LastSeen == nil:
		find("It has not enrolled yet.")
	case !d.Enrolled:
		find("Its certificate has expired or was revoked; it needs a new enrolment token.")
	case d.Expires != nil && d.Expires.Sub(now) < l.Expiry && d.Kind == household.Edge:
		find("Its certificate expires in %s and was not renewed.", about(d.Expires.Sub(now)))
	}
	if granted && d.Kind == household.Edge && d.Enrolled {
		since := *h.Consent.Granted
		if d.Registered.After(since) {
			since = d.Registered
		}
		switch {
		case d.LastSeen == nil && now.Sub(since) > l.Silent:
			find("It has never sent anything, and could have for %s.", about(now.Sub(since)))
		case d.LastSeen != nil && now.Sub(*d.LastSeen) > l.Silent:
			find("It has sent nothing for %s.", about(now.Sub(*d.LastSeen)))
		case d.LastSeen != nil && (d.LastMeasurement == nil || now.Sub(*d.LastMeasurement) > l.Silent+household.Quarter):
			find("It sends, but nothing newer than of %s.", last(d.LastMeasurement))
		}
	}
	if d.ClockSkew != nil {
		if skew := time.Duration(*d.ClockSkew * float64(time.Second)); skew.Abs() > l.Skew {
			word := "ahead"
			if skew < 0 {
				word = "behind"
			}
			find("Its clock is %s %s.", about(skew.Abs()), word)
		}
	}
	for _, t := range slices.Sorted(maps.Keys(open)) {
		if t != household.HeartbeatMissed { // that is said already
			find("An incident is open: %s.", t)
		}
	}
	x.Well = len(x.Findings) == 0
	return x
}

func last(t *time.Time) string {
	if t == nil {
		return "ever"
	}
	return t.UTC().Format(time.RFC3339)
}

// about is a time for people.
func about(d time.Duration) string {
	switch {
	case d <= 0:
		return "no time"
	case d < 2*time.Minute:
		return fmt.Sprintf("%d s", int(d.Seconds()))
	case d < 2*time.Hour:
		return fmt.Sprintf("%d min", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h", int(d.Hours()))
	}
	return fmt.Sprintf("%d days", int(d.Hours()/24))
}
