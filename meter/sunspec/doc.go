// Package sunspec reads inverters and meters that describe themselves by SunSpec
// models (SunSpec Device Information Model Specification 1.1): 1 (who it is), 101 to 103
// (inverters of one to three phases) and 201 to 204 (meters).
//
// A value keeps its name of the model, as "203.TotWhImp"; those of meters have the OBIS code
// of the same thing too. An integer with the scale factor beside it is exactly what a reading is.
//
// Guarantees: what a device marks as not implemented is no reading; null is not zero. A
// device is followed through at most [MaxModels] models. [Decode] is pure, never panics, and is
// fuzzed. A [Reader] is for one goroutine.
package sunspec
