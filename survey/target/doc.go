// Package target tells how much of what a survey set out to measure was measured,
// as the tables 5.1, 5.2, C.1 and C.2 of the EnergieBroker thesis do, and how the
// devices are.
//
// The target of a meter is a measurement in each quarter of an hour of the clock,
// 96 a day, from the consent of its household on; the target of a device is to have
// sent something of each hour, 24 a day. What is late counts; how much came in time
// is said beside it. Nothing counts twice, so no target is met by more than 100 %.
// The first target of a household that has become anonymous is that of its first
// measurement, and the last of its last one: when it consented is not known any more.
//
// Everything is safe for concurrent use.
package target
