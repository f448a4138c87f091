// Package charging finds the sessions at chargers of electric vehicles, bills them
// and reports on them (service S3).
//
// # Sessions
//
// Where the charger tells whether a vehicle is plugged in, a session is the time from
// plugging in to pulling out in which the power was at least Threshold at some time.
// Where it does not, it is the time from the first moment at which the power is at
// least Threshold to the last; a pause of at most Hold is within it. Power holds
// until its next sample, for MaxAge at most; after that, and where it is null, it is
// not known: an unknown power neither begins nor ends a session until Hold has passed, and an unknown
// plug changes nothing.
//
// # Energy
//
// The energy is the difference of the register (package energy: with rollover, reset,
// glitches). Each rise between two readings goes to the sessions in whose time it
// lies; of several, and within one, in proportion to the measured power:
//
//	E(slice) = ΔE · P·Δt / Σ P·Δt
//
// in whole Wh among sessions (where the register counts in whole Wh) and whole µWh within one, by the largest remainder,
// so that sessions and what was taken outside of them are the register's difference,
// exactly. Within a slice the power does not change, so package tariff, which
// divides by time at the edges of bands and of prices, divides by measured power there. A
// rise over a time in which no power is known is spread evenly and estimated; what a register does not tell
// (none is there, it jumped) is power × time, and estimated.
//
// # Money
//
// Every session is a receipt by the tariff: energy with bands, with series of prices
// of any length (below zero, too), and taxes. Standing charges are for a user and the
// period. Beside it:
//
//   - blocking: PerMinute for each whole minute between the last charging and the
//     pulling out that is above Free, at most Max; only where the plug is known.
//   - demand: the part of a demand charge of the site that charging caused,
//     Money · E(charging in the quarter hour of the peak) / E(site in it), divided among users
//     by their energy in that quarter hour. It is allocated, not regulated: other rules are as good.
//
// A session is billed in the period in which it is known to have ended (without a plug
// that is Hold after its last charging); one that runs is told. What
// belongs to nobody is a bill of nobody.
//
// Guarantees: a pure function of its input; no I/O beyond reading zones, no
// goroutines, no clock. Package service imports it.
package charging
