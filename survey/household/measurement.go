package household

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/wattwerk/wattwerk/record"
)

// Quarter is the time between two slots.
const Quarter = 15 * time.Minute

// Measurement is what a meter said in a slot.
type Measurement struct {
	Meter  string    `json:"meter" doc:"Identifier of the meter" maxLength:"36"`
	Slot   time.Time `json:"slot" doc:"Beginning of the quarter of an hour, on the clock, UTC" example:"2026-03-01T12:15:00Z"`
	OBIS   string    `json:"obis" doc:"OBIS code, 12 hexadecimal digits in small letters" example:"0100010800ff" maxLength:"12"`
	Raw    int64     `json:"raw" doc:"The whole number that the meter sent"`
	Scaler int       `json:"scaler" doc:"The value is raw times ten to this power, in unit" minimum:"-12" maximum:"12" example:"-1"`
	Unit   string    `json:"unit" doc:"Wh, W, varh, var, VAh, VA, V, A or Hz" maxLength:"4" example:"Wh"`
	Status *int64    `json:"status,omitempty" doc:"Status word of the meter; absent: it sent none" minimum:"0"`
}

// units are those a measurement may have.
var units = map[string]record.Quantity{
	"Wh": record.Energy, "W": record.ActivePower, "varh": record.ReactiveEnergy, "var": record.ReactivePower,
	"VAh": record.ApparentEnergy, "VA": record.ApparentPower, "V": record.Voltage, "A": record.Current, "Hz": record.Frequency,
}

// Quantity is what is measured; empty for a unit that is not known.
func (m *Measurement) Quantity() record.Quantity { return units[m.Unit] }

// Value is in the coherent unit of the quantity.
func (m *Measurement) Value() float64 {
	if m.Scaler < 0 {
		return float64(m.Raw) / math.Pow10(-m.Scaler)
	}
	return float64(m.Raw) * math.Pow10(m.Scaler)
}

// Why a measurement is not taken. They stand in answers as codes.
const (
	UnknownMeter  = "unknown_meter"  // the household has no such meter
	BadSlot       = "bad_slot"       // not a quarter of an hour, or one that has not begun
	BeforeConsent = "before_consent" // it was measured before the consent was granted
	BadValue      = "bad_value"      // OBIS code, unit, scaler, value or status is none
)

// Check tells what is wrong with a measurement, by itself, at a time: a code and a
// sentence, or nothing.
func (m *Measurement) Check(now time.Time) (code, sentence string) {
	switch {
	case !ValidID(m.Meter):
		return UnknownMeter, "the household has no such meter"
	case m.Slot.Truncate(Quarter) != m.Slot || m.Slot.UnixMilli() < 0:
		return BadSlot, "the slot does not begin at a quarter of an hour"
	case m.Slot.After(now.Add(Quarter)):
		return BadSlot, "the slot has not begun yet"
	case !validOBIS(m.OBIS):
		return BadValue, "the OBIS code is not 12 hexadecimal digits in small letters"
	case m.Quantity() == "":
		return BadValue, "the unit is not one of Wh, W, varh, var, VAh, VA, V, A, Hz"
	case m.Scaler < -12 || m.Scaler > 12:
		return BadValue, "the scaler is not between -12 and 12"
	case m.Status != nil && *m.Status < 0:
		return BadValue, "the status is negative"
	case math.Abs(m.Value()) > record.MaxValue:
		return BadValue, "the value is larger than any real one"
	}
	return "", ""
}

func validOBIS(s string) bool {
	if len(s) != 12 {
		return false
	}
	return !slices.ContainsFunc([]byte(s), func(c byte) bool { return (c < '0' || c > '9') && (c < 'a' || c > 'f') })
}

// MaxBatch is how many measurements a batch may have.
const MaxBatch = 5000

// Batch is what a device sends at a time. The same sequence of a device is always
// the same batch: sent again it is answered again and stored once.
type Batch struct {
	Sequence     int64         `json:"sequence" minimum:"1" doc:"Number of the batch, by the device; it never numbers another one so"`
	Sent         time.Time     `json:"sent" doc:"What the clock of the device shows when it sends"`
	Version      string        `json:"version,omitempty" maxLength:"60" doc:"Of the device's program"`
	Condition    *Condition    `json:"condition,omitempty" doc:"How the device is; it counts as little as when it was sent"`
	Measurements []Measurement `json:"measurements" maxItems:"5000"`
}

// Condition is how a device is, as it says itself.
type Condition struct {
	Components []Component `json:"components,omitempty" maxItems:"10" doc:"What it consists of, and in which version"`
	Frames     []Frames    `json:"frames,omitempty" maxItems:"50" doc:"How its meters are read"`
}

// Component is a part of a device.
type Component struct {
	Name    string `json:"name" minLength:"1" maxLength:"40" example:"installed program"`
	Version string `json:"version" maxLength:"100"`
}

// Frames says how many frames of a meter were whole, and how many were broken: their
// checksum was wrong, or they did not end.
type Frames struct {
	Meter  string    `json:"meter" maxLength:"100"`
	Until  time.Time `json:"until" doc:"End of the time in which they came, an hour or longer"`
	Whole  int64     `json:"whole" minimum:"0"`
	Broken int64     `json:"broken" minimum:"0"`
}

// Rate is the share of frames that were broken, 0 to 1; false: there were none.
func (f *Frames) Rate() (share float64, ok bool) {
	all := f.Whole + f.Broken
	if all <= 0 {
		return 0, false
	}
	return float64(f.Broken) / float64(all), true
}

// Digest is the SHA-256 of what a batch holds, hexadecimal. When it is sent, and by
// which version, does not count.
func (b *Batch) Digest() (string, error) {
	data, err := json.Marshal(b.Measurements)
	if err != nil {
		return "", fmt.Errorf("read batch: %w", err)
	}
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:]), nil
}

// Refused is a measurement that is not taken.
type Refused struct {
	Index  int    `json:"index" doc:"Its place in the batch, from 0"`
	Code   string `json:"code" enum:"unknown_meter,bad_slot,before_consent,bad_value"`
	Detail string `json:"detail" doc:"What is wrong, in a sentence"`
}

// Answer confirms a batch: what was accepted is stored, on the disk, and what was
// refused never will be, so the device can forget all of it.
type Answer struct {
	Sequence int64     `json:"sequence"`
	Accepted int       `json:"accepted" doc:"Measurements that are stored, now or before"`
	Refused  []Refused `json:"refused,omitempty" doc:"Those that are not, and why; 100 at most"`
	Dropped  int       `json:"dropped" doc:"How many were refused"`
}

// MaxRefused is how many refused measurements an answer tells of.
const MaxRefused = 100

// Lease says until when a device may measure without having asked again.
type Lease struct {
	Consent Consent   `json:"consent"`
	Until   time.Time `json:"until" doc:"Until then the device may measure, if the consent is granted"`
	Now     time.Time `json:"now" doc:"What the clock of the service shows"`
}

// IncidentType says what happened to a meter or a device.
type IncidentType string

// Types of incidents.
const (
	SerialPortUnavailable IncidentType = "serial_port_unavailable"
	MeasurementsMissing   IncidentType = "measurements_missing"
	MeterLocked           IncidentType = "meter_locked"
	PINFailed             IncidentType = "pin_failed"
	CRCRate               IncidentType = "crc_rate"
	ClockSkew             IncidentType = "clock_skew"
	HeartbeatMissed       IncidentType = "heartbeat_missed"
	DiskFull              IncidentType = "disk_full"
	CertificateExpiry     IncidentType = "certificate_expiry"
	UpdateFailed          IncidentType = "update_failed"
	OtherIncident         IncidentType = "other"
)

// Incident is something that happened. What was reported is never changed; it is
// resolved.
type Incident struct {
	ID       string       `json:"id"`
	Meter    string       `json:"meter" doc:"Identifier of the meter"`
	Type     IncidentType `json:"type" enum:"serial_port_unavailable,measurements_missing,meter_locked,pin_failed,crc_rate,clock_skew,heartbeat_missed,disk_full,certificate_expiry,update_failed,other"`
	Detail   string       `json:"detail,omitempty" doc:"In words"`
	At       time.Time    `json:"at" doc:"When it was reported, by the clock of the service"`
	Resolved *time.Time   `json:"resolved,omitempty" doc:"When it was resolved; absent: it is open"`
}

// Report reports an incident, or resolves one.
type Report struct {
	Type   IncidentType `json:"type" enum:"serial_port_unavailable,measurements_missing,meter_locked,pin_failed,crc_rate,clock_skew,heartbeat_missed,disk_full,certificate_expiry,update_failed,other"`
	Detail string       `json:"detail,omitempty" maxLength:"500" doc:"In words; nothing that names a person"`
}

// Certificate is what a device gets when it enrols or renews.
type Certificate struct {
	Device string    `json:"device" doc:"Identifier of the device"`
	Chain  string    `json:"chain" doc:"Its certificate and that of its issuer, PEM"`
	Roots  string    `json:"roots" doc:"Certificates to trust, PEM"`
	Ends   time.Time `json:"ends" doc:"When it expires"`
	Renew  time.Time `json:"renew" doc:"When to renew it: after two thirds of its life"`
}

// Enrolment asks for the first certificate of a device.
type Enrolment struct {
	Token   string `json:"token" minLength:"20" maxLength:"100" doc:"The enrolment token, which is good once"`
	Request string `json:"request" minLength:"1" maxLength:"8192" doc:"Request for a certificate (PKCS #10, PEM) by a key that was made on the device"`
}

// Renewal asks for the next certificate of a device.
type Renewal struct {
	Request string `json:"request" minLength:"1" maxLength:"8192" doc:"Request for a certificate (PKCS #10, PEM), by the same key or a new one"`
}

// Action says what a device is to do after a refusal.
type Action string

// Actions.
const (
	Stop     Action = "stop"      // stop measuring, and delete what was measured
	Wait     Action = "wait"      // do not measure; ask again later
	Retry    Action = "retry"     // send the same again later
	Drop     Action = "drop"      // forget this batch, and go on
	FixClock Action = "fix_clock" // set the clock, then send again
	Renew    Action = "renew"     // get another certificate
	Ask      Action = "ask"       // ask a person: show the text that is in force
	None     Action = "none"      // nothing helps but another request
)
