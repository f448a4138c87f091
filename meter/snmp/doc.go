// Package snmp reads power distribution units by SNMP, version 2c or 3: those that describe their sensors by the standard table of sensors
// (ENTITY-SENSOR-MIB, RFC 3433), and those of APC (PowerNet-MIB, rPDU2). It drives github.com/gosnmp/gosnmp; nobody else imports it.
//
// A value keeps the name of its column and row, as "entPhySensorValue.12"; integers and scale factors are exactly what a reading is.
//
// Guarantees: a table is followed through at most [MaxRows] rows, and an answer is waited for two seconds, twice; nothing waits
// beyond its context. What a device marks as unavailable is no reading. No community and no passphrase is in an error. Version 3 is
// spoken with authentication and encryption (USM, authPriv) or not at all, by SHA and AES: MD5 and DES are not offered. A [Reader] is for one goroutine.
package snmp
