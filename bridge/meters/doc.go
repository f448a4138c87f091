// Package meters takes readings of meters that are wired to this machine or
// reached by its network: through their optical interface, by Modbus, DSMR, SNMP,
// HTTP, or pulses.
//
// A meter that sends on its own is listened to, one that is asked is asked at a fixed
// pace. Each number that a telegram tells becomes a record of a sensor of its own,
// named after the meter and the OBIS code of IEC 62056-61: "house.1.8.0",
// or, where the protocol has other names, after those: "pv.inverter.power". Its
// time is that of arrival, because the clocks of meters are often wrong and seldom
// set.
//
// Guarantees: what a telegram told is stored before the next is taken; while the
// bus takes nothing, the meter waits, and what it sends meanwhile is a gap, which
// its counters bridge. What is no number of a known unit is counted as filtered.
// A power whose direction contradicts the meter's own counters is a dead
// letter. A meter that cannot be read is opened again, after longer and longer pauses, for
// as long as [Service.Run] runs. Of several processes that name the same
// meter of the network, one reads it at a time.
//
// It is a driver below bridge; only app names it.
package meters
