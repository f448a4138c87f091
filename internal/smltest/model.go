package smltest

import (
	"encoding/hex"
	"slices"
)

// State is what a meter's counters and power are, in the units of the model.
type State struct {
	Import, Export uint64 // tenths of a watt hour
	Power          int64  // hundredths of a watt; negative: energy is fed in
	Seconds        uint32 // for which the meter has run
	Number         uint32 // of the telegram
}

// Model describes how a meter sends what it knows.
type Model struct {
	Name   string
	Server string // identification, hexadecimal
	CRC    CRC    // of messages
	Frame  CRC    // of frames

	Transaction int    // bytes of the number of a message
	Wide        bool   // tags of bodies have 32 bits
	BareTime    bool   // times are a number alone
	NoTime      bool   // the telegram has no time
	Padding     int    // further octet strings, as maker and firmware
	Key         int    // bytes of the public key at the end; 0: none
	Status      uint64 // of the counters while energy is drawn
	Feeding     uint64 // bits of Status that are set while energy is fed in
	StatusBytes int

	Counter Form // of 1.8.0 and 2.8.0
	OneWay  bool // there is no 2.8.0
	Power   Form // of the power
	Code    byte // of the power: 16, 15 or 1; 0: never sent

	PIN        bool // the meter has a PIN
	Locked     Form // counters until the PIN is entered
	UnsignedIn bool // the power is sent with the fewest bytes that hold it without sign, as if it had one
}

// Form is how a number is sent.
type Form struct {
	Width  int // bytes; 0: the fewest
	Signed bool
	Scaler int8
}

// Models are meters as captures of them show them.
var Models = []Model{
	{Name: "MT681", Server: "0a0149534b0004a1b2c3", Transaction: 4, Status: 0x1c0104, Feeding: 0x800, StatusBytes: 4, Padding: 1,
		Counter: Form{4, false, -1}, Power: Form{2, true, 0}, Code: 16, PIN: true, Locked: Form{2, false, 3}},
	{Name: "MT175", Server: "090149534b0004112233", Transaction: 6, Status: 0x182, Feeding: 0x20, StatusBytes: 2, Padding: 2, Key: 48,
		Counter: Form{8, true, -1}, Power: Form{4, true, 0}, Code: 16},
	{Name: "EHZ", Server: "06454d4801027156cd45", Transaction: 6, Status: 0x182, Feeding: 0x20, StatusBytes: 2, Padding: 1, Key: 48,
		Counter: Form{5, true, -1}, OneWay: true, Power: Form{4, true, -1}, Code: 15},
	{Name: "DD3", Server: "090145425a0100104c78", Transaction: 4, Status: 0x10180, Feeding: 0x20, StatusBytes: 4, Padding: 2,
		Counter: Form{8, true, -4}, Power: Form{4, true, -2}, Code: 16, PIN: true, Locked: Form{4, false, 3}},
	{Name: "EASY", Server: "09014553590103aabbcc", Transaction: 8, Status: 0x80, Feeding: 0x20, StatusBytes: 1, Padding: 6, Key: 48,
		Counter: Form{8, true, -4}, Power: Form{8, true, -2}, Code: 16, PIN: true, Locked: Form{8, true, 3}},
	{Name: "DZG", Server: "0a01445a4700029b92f5", Transaction: 4, Status: 0x1c0104, Feeding: 0x800, StatusBytes: 4, Padding: 1,
		Counter: Form{4, false, -1}, Power: Form{0, true, -2}, Code: 16, UnsignedIn: true},
	{Name: "DZG7420", Server: "0a01445a4700039e2054", Transaction: 4, Status: 0x1c0104, Feeding: 0x800, StatusBytes: 4, Padding: 1,
		Counter: Form{0, false, -1}, Power: Form{0, true, -2}, Code: 16},
	{Name: "Holley", Server: "0a01484c5902000159bb", CRC: Kermit, Frame: Kermit, Transaction: 3, Wide: true, BareTime: true, Status: 0x1c0104, Feeding: 0x800, StatusBytes: 4, Padding: 14,
		Counter: Form{4, false, -1}, Power: Form{2, true, 0}, Code: 16, PIN: true, Locked: Form{2, false, 3}},
	{Name: "SMARTY", Server: "0901444e540100002030", Transaction: 4, Status: 0x10100, Feeding: 0x20, StatusBytes: 4, Padding: 3, Key: 48,
		Counter: Form{8, true, -1}, Power: Form{4, false, 0}, Code: 15},
	{Name: "ITRON", Server: "0a01495452000347f040", Transaction: 4, Status: 0x1c0104, Feeding: 0x800, StatusBytes: 4, Padding: 1,
		Counter: Form{8, false, -1}, OneWay: true, Power: Form{4, true, 0}, Code: 16, PIN: true, Locked: Form{8, false, 3}},
	{Name: "OldEHZ", Server: "30323238303831360172", Transaction: 7, NoTime: true, Padding: 1,
		Counter: Form{5, true, -1}, OneWay: true, Power: Form{4, true, -1}, Code: 1},
}

// Find gives the model of the name.
func Find(name string) (Model, bool) {
	i := slices.IndexFunc(Models, func(m Model) bool { return m.Name == name })
	if i < 0 {
		return Model{}, false
	}
	return Models[i], true
}

// send writes a number that is given with some scaler in the form's; what does
// not fit is cut off, as meters do.
func (f Form) send(v int64, scaler int8) []byte {
	for ; scaler > f.Scaler; scaler-- {
		v *= 10
	}
	for ; scaler < f.Scaler; scaler++ {
		v /= 10
	}
	width := f.Width
	if width == 0 {
		width = 1
		for width < 8 && (f.Signed && (v < -1<<(8*width-1) || v >= 1<<(8*width-1)) || !f.Signed && uint64(v) >= 1<<(8*width)) {
			width++
		}
	}
	if f.Signed {
		return Int(width, v)
	}
	return Uint(width, uint64(v))
}

// power writes the power, with the defect of those that have it.
func (m Model) power(v int64) []byte {
	if m.Code == 15 && v < 0 {
		v = -v
	}
	if !m.UnsignedIn || v < 0 {
		f := m.Power
		if m.UnsignedIn {
			f.Width = 4 // those are sent right
		}
		return f.send(v, -2)
	}
	f := m.Power
	f.Signed = false
	b := f.send(v, -2)
	b[0] = b[0]&0xf | 0x50
	return b
}

// Telegram is the frame the meter sends. A locked one has its PIN not entered.
func (m Model) Telegram(s State, locked bool) []byte {
	server, err := hex.DecodeString(m.Server)
	if err != nil {
		panic(err) // the table is wrong
	}
	transaction := func(n uint32) []byte {
		t := make([]byte, m.Transaction)
		for i := range t {
			t[len(t)-1-i] = byte((s.Number*3 + n) >> (8 * min(i, 3)))
		}
		return t
	}
	tag := func(v uint64) []byte {
		if m.Wide {
			return Uint(4, v)
		}
		return Uint(2, v)
	}
	at := List(Uint(1, 1), Uint(4, uint64(s.Seconds)))
	switch {
	case m.NoTime:
		at = None()
	case m.BareTime:
		at = Uint(4, uint64(s.Seconds))
	}
	var status []byte
	if status = None(); m.StatusBytes > 0 {
		v := m.Status
		if s.Power < 0 {
			v |= m.Feeding
		}
		status = Uint(m.StatusBytes, v)
	}
	name := func(code ...byte) []byte { return Octets(code) }
	unit := func(u uint64) []byte { return Uint(1, u) }

	entries := [][]byte{List(name(1, 0, 96, 50, 1, 1), None(), None(), None(), None(), Octets(server[2:5]), None())}
	for i := 1; i < m.Padding; i++ {
		entries = append(entries, List(name(1, 0, 96, byte(i), 0, 255), None(), None(), None(), None(), Octets([]byte{byte('A' + i), '.', '1'}), None()))
	}
	entries = append(entries, List(name(1, 0, 96, 1, 0, 255), None(), None(), None(), None(), Octets(server), None()))
	counter := m.Counter
	if locked && m.PIN {
		counter = m.Locked
	}
	scaler := func(f Form) []byte { return Int(1, int64(f.Scaler)) }
	entries = append(entries, List(name(1, 0, 1, 8, 0, 255), status, at, unit(30), scaler(counter), counter.send(int64(s.Import), -1), None()))
	if !m.OneWay {
		entries = append(entries, List(name(1, 0, 2, 8, 0, 255), None(), None(), unit(30), scaler(counter), counter.send(int64(s.Export), -1), None()))
	}
	if m.Code != 0 && (!locked || !m.PIN) {
		entries = append(entries, List(name(1, 0, m.Code, 7, 0, 255), None(), None(), unit(27), scaler(m.Power), m.power(s.Power), None()))
	}
	if m.Key > 0 {
		key := make([]byte, m.Key)
		for i := range key {
			key[i] = byte(i*37) ^ server[len(server)-1]
		}
		entries = append(entries, List(name(129, 129, 199, 130, 5, 255), None(), None(), None(), None(), Octets(key), None()))
	}
	open := List(None(), None(), Octets([]byte{0, 0, byte(s.Number)}), Octets(server), None(), None())
	readings := List(None(), Octets(server), Octets([]byte{1, 0, 98, 10, 255, 255}), at, List(entries...), None(), None())
	return Frame(m.Frame,
		Message(transaction(0), tag(0x101), open, m.CRC),
		Message(transaction(1), tag(0x701), readings, m.CRC),
		Message(transaction(2), tag(0x201), List(None()), m.CRC))
}
