// Package sharing bills the energy that the members of a community share (service
// S4): prosumers with a roof, and those who take what others have left.
//
// # Netting
//
// In every interval, never by the month, for each member i:
//
//	import_i = max(load_i − generation_i, 0)     export_i = max(generation_i − load_i, 0)
//	own use_i = min(load_i, generation_i)
//
// (of a member whose series are the registers of its connection both stand as they
// are). With D = Σ import and E = Σ export, what is shared and who gets it
// depends on the key:
//
//   - static: each is offered its share of E, and takes min(offer, import). What
//     it does not take goes to the grid: S = Σ taken.
//   - consumption: S = min(D, E), divided in proportion to import.
//   - dynamic: S = min(D, E); each is offered its share, and what it does not take is
//     offered by shares to those who still need some, until nothing is left.
//
// Producers have delivered S in proportion to export. All divisions are in whole µWh
// by the largest remainder, so that in every interval Σ from community = Σ to
// community = S, from grid = import − from community ≥ 0, and to grid = export − to
// community ≥ 0, exactly. These are the keys of the collective self-consumption of
// France (arrêté of 21 November 2019), Spain (RD 244/2019) and Austria (EAG 2021,
// § 16d ElWOG); this package claims conformity with none of them.
//
// # Money
//
// What is shared is priced by the tariff of the inside, whose energy components
// pay what comes from the community and feed-in what goes to it; the rest by the
// member's tariff of the grid. The lines of the inside are those of the community as
// a whole, divided among members by the largest remainder ([bill.Align]): Σ over
// members is the community's line, to the 10^-6.
//
// # Null, quality, revisions
//
// A member of which nothing is known in an interval takes no part in it; its
// energy is not billed, and told. The shares of others rest on it all the same, so
// they are marked as estimated. Whatever a share rests on marks it: load and
// generation of producers, and the loads of all where the key needs them. An interval is
// marked as a whole.
//
// Run with the output of an earlier run as Previous gives the next revision, with a
// difference note for each line that is another now, and why.
//
// Guarantees: a pure function of its input; no I/O beyond reading zones, no
// goroutines, no clock. The order of members decides nothing but who of equal
// remainders gets a µWh. Package service imports it.
package sharing
