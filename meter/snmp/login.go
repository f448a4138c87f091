package snmp

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/gosnmp/gosnmp"
)

// Login is who asks.
type Login struct {
	Community string // of version 2c; empty: public
	User      string // of version 3; empty: version 2c is spoken
	Auth      string // version 3: passphrase by which messages are authentic, at least 8 bytes
	AuthBy    string // SHA, SHA-224, SHA-256, SHA-384 or SHA-512; empty: SHA-256
	Privacy   string // version 3: passphrase by which they are encrypted, at least 8 bytes
	PrivacyBy string // AES, AES-192 or AES-256, the latter two as most devices have them (Reeder), or AES-192-Blumenthal and AES-256-Blumenthal; empty: AES
}

// MD5 and DES are left out: what they protect is not protected.
var (
	auths = map[string]gosnmp.SnmpV3AuthProtocol{
		"SHA": gosnmp.SHA, "SHA-224": gosnmp.SHA224, "SHA-256": gosnmp.SHA256, "SHA-384": gosnmp.SHA384, "SHA-512": gosnmp.SHA512,
	}
	privacies = map[string]gosnmp.SnmpV3PrivProtocol{
		"AES": gosnmp.AES, "AES-192": gosnmp.AES192C, "AES-256": gosnmp.AES256C, "AES-192-Blumenthal": gosnmp.AES192, "AES-256-Blumenthal": gosnmp.AES256,
	}
)

// Bounds of version 3.
const (
	leastPassphrase = 8 // RFC 3414
	mostPassphrase  = 200
	mostUser        = 32
)

// use sets who asks. Version 3 is spoken with authentication and encryption, or not at all.
func (l Login) use(c *gosnmp.GoSNMP) error {
	if l.User == "" {
		if l.Auth != "" || l.Privacy != "" || l.AuthBy != "" || l.PrivacyBy != "" {
			return errors.New("passphrases of SNMP 3 belong to a user, and none is named")
		}
		c.Version, c.Community = gosnmp.Version2c, l.Community
		if c.Community == "" {
			c.Community = "public"
		}
		return nil
	}
	if l.Community != "" {
		return errors.New("a community is of SNMP 2c, and a user of SNMP 3: one of both is not meant")
	}
	if len(l.User) > mostUser {
		return fmt.Errorf("the user of SNMP 3 has more than %d bytes", mostUser)
	}
	for what, p := range map[string]string{"authentication": l.Auth, "encryption": l.Privacy} {
		if len(p) < leastPassphrase || len(p) > mostPassphrase {
			return fmt.Errorf("the passphrase for %s of SNMP 3 has %d to %d bytes, and both are needed", what, leastPassphrase, mostPassphrase)
		}
	}
	auth, ok := auths[cmp.Or(l.AuthBy, "SHA-256")]
	if !ok {
		return fmt.Errorf("no authentication %.20q of SNMP 3 is known, but %s", l.AuthBy, list(auths))
	}
	privacy, ok := privacies[cmp.Or(l.PrivacyBy, "AES")]
	if !ok {
		return fmt.Errorf("no encryption %.20q of SNMP 3 is known, but %s", l.PrivacyBy, list(privacies))
	}
	c.Version, c.SecurityModel, c.MsgFlags = gosnmp.Version3, gosnmp.UserSecurityModel, gosnmp.AuthPriv
	c.SecurityParameters = &gosnmp.UsmSecurityParameters{
		UserName: l.User, AuthenticationProtocol: auth, AuthenticationPassphrase: l.Auth, PrivacyProtocol: privacy, PrivacyPassphrase: l.Privacy,
	}
	return nil
}

func list[V any](m map[string]V) string { return strings.Join(slices.Sorted(maps.Keys(m)), ", ") }
