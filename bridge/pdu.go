package bridge

import (
	"encoding/json"
	"fmt"
	"iter"

	"github.com/wattwerk/wattwerk/bridge/clock"
	"github.com/wattwerk/wattwerk/internal/phrase"
	"github.com/wattwerk/wattwerk/record"
)

// pduMessage is what rack power-distribution units push: the sensors of the
// outlets once, and per point in time one row with one entry per sensor.
type pduMessage struct {
	Sensors []pduSensor `json:"sensors"`
	Rows    []struct {
		Timestamp float64    `json:"timestamp"` // s since 1970 UTC
		Records   []pduValue `json:"records"`
	} `json:"rows"`
}

type pduSensor struct {
	Device struct {
		Label string `json:"label"`
	} `json:"device"`
	ID string `json:"id"` // the quantity: activePower, rmsVoltage, …
}

type pduValue struct {
	Available *bool    `json:"available"`
	Avg       *float64 `json:"avgValue"`
}

// pduSample is one entry of a row with the sensor it belongs to.
type pduSample struct {
	sensor *pduSensor
	at     record.Millis
	value  *pduValue
}

// PDU takes what power-distribution units push. It keeps the average active
// power of every outlet and row; other quantities and entries that the unit
// marks as not available are filtered. The sensor is "<id>.<label>" with the
// parameter id, or the label alone without it.
func PDU() Bridge {
	samples := FlatMap(From(decodePDU), pduSamples)
	power := samples.Filter(pduSample.isActivePower).Filter(pduSample.isAvailable)
	return Bridge{Name: "pdu", Flow: Map(power, pduReading)}
}

func decodePDU(m *Message) (pduMessage, error) {
	var p pduMessage
	if err := json.Unmarshal(m.Body, &p); err != nil {
		return p, phrase.Errorf(phrase.MessageForeign, phrase.Params{"of": "PDU", "error": err.Error()}, "not a message of a power-distribution unit: %w", err)
	}
	if len(p.Sensors) == 0 && len(p.Rows) > 0 {
		return p, phrase.Errorf(phrase.MessageForeign, phrase.Params{"of": "PDU"}, "not a message of a power-distribution unit: it has rows, but names no sensors")
	}
	return p, nil
}

func pduSamples(_ *Message, p pduMessage) iter.Seq2[pduSample, error] {
	return func(yield func(pduSample, error) bool) {
		for i := range p.Rows {
			row := &p.Rows[i]
			if len(row.Records) != len(p.Sensors) {
				if !yield(pduSample{}, phrase.Errorf(phrase.RowTorn, phrase.Params{"row": i + 1, "has": len(row.Records), "columns": len(p.Sensors)}, "row %d has %d entries for %d sensors", i+1, len(row.Records), len(p.Sensors))) {
					return
				}
				continue
			}
			at, err := clock.FromEpoch(row.Timestamp, "s", "")
			if err != nil {
				if !yield(pduSample{}, fmt.Errorf("row %d: %w", i+1, err)) {
					return
				}
				continue
			}
			for k := range row.Records {
				if !yield(pduSample{&p.Sensors[k], at, &row.Records[k]}, nil) {
					return
				}
			}
		}
	}
}

func (s pduSample) isActivePower() bool { return s.sensor.ID == "activePower" }

func (s pduSample) isAvailable() bool { return s.value.Available == nil || *s.value.Available }

func pduReading(m *Message, s pduSample) (Reading, error) {
	id := s.sensor.Device.Label
	if unit := m.param("id"); unit != "" && id != "" {
		id = unit + "." + id
	}
	r := Reading{Sensor: id, Time: s.at, Quantity: record.ActivePower}
	if s.value.Avg == nil {
		return r, &Refusal{Reason: phrase.Errorf(phrase.MessageLacks, phrase.Params{"part": "avgValue"}, "the entry has no avgValue"), Sensor: record.SensorID(id), Time: s.at}
	}
	r.Value = *s.value.Avg
	return r, nil
}
