// Package bill is what the bills of energy services have in common: exact texts of
// money and energy, lines that say what they rest on, the pricing of pieces of time
// by a [tariff.Plan], the division of a whole into parts that are the whole again,
// and notes of what a revision changed.
//
// # Nothing is billed unmarked
//
// Every line carries the worst quality it rests on, and which parts of its
// money rest on estimated, substituted and corrected amounts. They are found by pricing
// the same pieces once for each quality there is, as [tariff.Pricer] keeps one
// marked part; so they are rounded as the line is. Totals stand with and without
// what is estimated or substituted. What a person corrected is marked, and counts
// as measured.
//
// # Rounding
//
// Lines are rounded once, as package tariff says. Where members of a community
// pay the parts of a line, [Align] sets each to its exact value rounded down and
// gives what is missing to the largest remainders (the method of Hamilton), so
// that the parts are the line. [Split] does so for amounts.
//
// Guarantees: pure values, no I/O, no goroutines, no clock. Money is in 10^-6 of the
// currency unit, quantities in 10^-9 of their unit (so µWh are 10^-9 kWh), and both
// are exact decimals in JSON. JSON of a bill reads back to the same bill. It imports
// record, window, energy, tariff and service/series.
package bill
