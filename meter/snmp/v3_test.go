package snmp

import (
	"context"
	"errors"
	"net"
	"sort"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/gosnmp/gosnmp"

	"github.com/wattwerk/wattwerk/meter"
)

// What a guarded agent is called, and its clock.
const (
	engine = "\x80\x00\x1f\x88\x80wattwerk"
	boots  = 7
	uptime = 4711
)

// guarded answers GetBulk to a user whose messages are authentic and encrypted, and tells others who it is and no more. It drives the same library as
// the reader, from the other side.
func guarded(t *testing.T, user *gosnmp.UsmSecurityParameters, rows []gosnmp.SnmpPDU) (address string) {
	t.Helper()
	c, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	user.AuthoritativeEngineID, user.AuthoritativeEngineBoots, user.AuthoritativeEngineTime = engine, boots, uptime
	agent := &gosnmp.GoSNMP{Version: gosnmp.Version3, SecurityModel: gosnmp.UserSecurityModel, MsgFlags: gosnmp.AuthPriv, SecurityParameters: user}
	done := make(chan struct{})
	go func() {
		defer close(done)
		buf := make([]byte, 65536)
		for {
			n, from, err := c.ReadFrom(buf)
			if err != nil {
				return
			}
			request, err := agent.UnmarshalTrap(buf[:n], true)
			if err != nil || request.Version != gosnmp.Version3 {
				continue // not authentic, or not of this version
			}
			answer := *request
			usm := request.SecurityParameters.Copy().(*gosnmp.UsmSecurityParameters)
			usm.AuthoritativeEngineID, usm.AuthoritativeEngineBoots, usm.AuthoritativeEngineTime = engine, boots, uptime
			answer.SecurityParameters, answer.ContextEngineID = usm, engine
			answer.Variables, answer.Error, answer.NonRepeaters, answer.MaxRepetitions = nil, 0, 0, 0
			if request.MsgFlags&gosnmp.AuthPriv != gosnmp.AuthPriv { // who asks which engine this is
				answer.PDUType, answer.MsgFlags = gosnmp.Report, gosnmp.NoAuthNoPriv
				answer.Variables = []gosnmp.SnmpPDU{{Name: ".1.3.6.1.6.3.15.1.1.4.0", Type: gosnmp.Counter32, Value: uint32(1)}}
			} else {
				answer.PDUType, answer.MsgFlags = gosnmp.GetResponse, gosnmp.AuthPriv
				asked := numbers(request.Variables[0].Name)
				first := sort.Search(len(rows), func(i int) bool { return numbers(rows[i].Name) > asked })
				answer.Variables = append(answer.Variables, rows[first:min(first+10, len(rows))]...)
				if len(answer.Variables) < 10 {
					answer.Variables = append(answer.Variables, gosnmp.SnmpPDU{Name: ".1.3.6.1.9", Type: gosnmp.EndOfMibView})
				}
				if err := usm.InitPacket(&answer); err != nil {
					t.Error(err)
					return
				}
			}
			out, err := answer.MarshalMsg()
			if err != nil {
				t.Error(err)
				return
			}
			if strings.Contains(string(out), "entPhy") || request.MsgFlags&gosnmp.AuthPriv == gosnmp.AuthPriv && strings.Contains(string(out), "\x2b\x06\x01\x02\x01\x63") {
				t.Error("an answer can be read on the way")
			}
			if _, err := c.WriteTo(out, from); err != nil {
				return
			}
		}
	}()
	t.Cleanup(func() {
		c.Close()
		<-done
	})
	return "snmp://" + c.LocalAddr().String()
}

// pdus are rows in order.
func pdus(values map[string]int) (rows []gosnmp.SnmpPDU) {
	for name, v := range values {
		rows = append(rows, gosnmp.SnmpPDU{Name: name, Type: gosnmp.Integer, Value: v})
	}
	sort.Slice(rows, func(i, j int) bool { return numbers(rows[i].Name) < numbers(rows[j].Name) })
	return rows
}

const (
	authSecret    = "the passphrase of it"
	privacySecret = "another passphrase"
)

// TestVersion3 reads a device by each algorithm, and is refused with another user or passphrase.
func TestVersion3(t *testing.T) {
	rows := pdus(sensors([5]int{6, 9, 1, 12345, 1}, [5]int{4, 9, 0, 231, 1}))
	want := []string{"entPhySensorValue.1 12345e-1 W", "entPhySensorValue.2 231e0 V"}
	for _, l := range []Login{
		{}, {AuthBy: "SHA", PrivacyBy: "AES"}, {AuthBy: "SHA-224", PrivacyBy: "AES-192"}, {AuthBy: "SHA-384", PrivacyBy: "AES-192-Blumenthal"}, {AuthBy: "SHA-512", PrivacyBy: "AES-256"}, {AuthBy: "SHA-256", PrivacyBy: "AES-256-Blumenthal"},
	} {
		l.User, l.Auth, l.Privacy = "wattwerk", authSecret, privacySecret
		read := func(l Login, address string, within time.Duration, take func(*meter.Telegram)) error {
			r, err := NewReader(Sensors, address, l)
			if err != nil {
				t.Fatal(err)
			}
			defer r.Close()
			r.client.Timeout = time.Minute
			ctx, cancel := context.WithTimeout(t.Context(), within)
			defer cancel()
			return errors.Join(r.Read(ctx, take), r.Read(ctx, take))
		}
		of := func(l Login) *gosnmp.UsmSecurityParameters {
			var c gosnmp.GoSNMP
			if err := l.use(&c); err != nil {
				t.Fatal(err)
			}
			return c.SecurityParameters.(*gosnmp.UsmSecurityParameters)
		}
		address := guarded(t, of(l), rows)
		n := 0
		if err := read(l, address, time.Minute, func(m *meter.Telegram) {
			n++
			if d := cmp.Diff(want, show(m)); d != "" {
				t.Error(d)
			}
		}); err != nil || n != 2 {
			t.Errorf("%s and %s: %d telegrams, %v", l.AuthBy, l.PrivacyBy, n, err)
		}
		if l.AuthBy != "" {
			continue
		}
		for what, wrong := range map[string]Login{
			"user": {User: "anna", Auth: authSecret, Privacy: privacySecret}, "authentication": {User: l.User, Auth: "not the passphrase", Privacy: privacySecret},
			"encryption": {User: l.User, Auth: authSecret, Privacy: "not the passphrase"}, "algorithm": {User: l.User, Auth: authSecret, Privacy: privacySecret, AuthBy: "SHA-512"},
			"version": {Community: "public"},
		} {
			err := read(wrong, address, 100*time.Millisecond, func(*meter.Telegram) { t.Errorf("with another %s there is a telegram", what) })
			if err == nil || strings.Contains(err.Error(), "passphrase") {
				t.Errorf("with another %s: %v", what, err)
			}
		}
	}
}

func TestLogin(t *testing.T) {
	good := Login{User: "u", Auth: authSecret, Privacy: privacySecret}
	if _, err := NewReader(Sensors, "snmp://pdu", good); err != nil {
		t.Error(err)
	}
	for what, spoil := range map[string]func(*Login){
		"no passphrase":    func(l *Login) { l.Auth = "" },
		"no encryption":    func(l *Login) { l.Privacy = "" },
		"a short one":      func(l *Login) { l.Privacy = "1234567" },
		"MD5":              func(l *Login) { l.AuthBy = "MD5" },
		"DES":              func(l *Login) { l.PrivacyBy = "DES" },
		"no user":          func(l *Login) { l.User = "" },
		"a long user":      func(l *Login) { l.User = strings.Repeat("u", mostUser+1) },
		"a community, too": func(l *Login) { l.Community = "public" },
	} {
		l := good
		spoil(&l)
		if _, err := NewReader(Sensors, "snmp://pdu", l); err == nil || strings.Contains(err.Error(), authSecret) || strings.Contains(err.Error(), privacySecret) {
			t.Errorf("%s: %v", what, err)
		}
	}
}
