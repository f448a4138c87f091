// Package slot makes measurements of what meters say: one of each OBIS code in each
// slot, which is a quarter of an hour of the clock (UTC), or several of them.
//
// What stands for a slot is the first reading of a code at or after its beginning,
// so that a counter under the name 12:15 is what the meter showed at 12:15 as nearly
// as its pace allows. A slot whose beginning nobody saw, as after a restart, has the first reading
// that was seen, if that was within [Settings].Within.
//
// Guarantees: a slot that was handed out is in the [Coverage] of its meter and is never
// handed out again, whatever the clock does and whoever restarts with that coverage;
// what is not in it is a gap. Measurements keep the meter's whole number, scaler, unit
// and status. Pure: time is given, there is no I/O and no goroutine. Nothing here may
// be used by several goroutines at once.
//
// It imports meter, meter/obis and survey/household.
package slot
