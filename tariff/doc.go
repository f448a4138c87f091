// Package tariff says what energy costs and emits: tariffs and emission factors
// with the days on which they are in force, and the pricing of measured amounts
// by them. It is for anything that is metered by amount: electricity, heat, gas,
// water.
//
// A [Tariff] or [Factors] is what people write; [New] and [NewFactors] check it as
// a whole and make a [Plan] of it; a [Pricer] takes windows in the order of time
// and gives what each costs, and a [Bill] with its lines at any time.
//
// # Numbers
//
// Everything is integers: amounts in millionths of the coherent unit, prices in
// 10^-9 currency units for a unit, money in 10^-6 currency units. Products and
// their sums have 128 bits. What does not fit is an error and never wraps.
//
// Money is rounded half away from zero, as in commerce, to 10^-6, in these places
// and in no other:
//
//   - Each line of a bill, once: the sum of its amounts × its price. A tax is a
//     percentage of the rounded lines it is on.
//   - Each component of the [Cost] of a window, once. So the costs of n windows may
//     differ from the lines by 0.5·10^-6 n; bills are made of the lines.
//
// A price of a series (value × factor + markup) is rounded to 10^-9 before it is
// used, and an amount in another unit than it is priced in (gas) to a millionth,
// for each window.
//
// # Time
//
// Windows are half-open spans of UTC; days, months and clock times are those of the
// zone. The end of a band within a window divides its amounts evenly in time,
// so that the parts are the whole. On the day the clock is put back, an hour
// passes twice in the band of its clock time; the hour that is left out is
// in none. Dates are half-open too: the day of the end is the first that is out.
//
// # Parts of a period
//
// Add knows nothing of how windows are grouped. The bills of the parts of a period
// add up to that of the whole, but for the rounding of each line (0.5·10^-6 a
// line and part), in energy, feed-in and standing charges: a day is charged
// where it begins. A demand charge goes by what is known up to the end of the
// period: a peak in March raises what the whole quarter costs, and not the bill
// that January had. Steps and peaks need what was before the period;
// [Plan.Since] says from when on.
//
// # Null
//
// Time in no version has no price: its cost is null, and it counts towards no step
// and no peak. An amount without a price of a series is null too, and is told as
// unpriced. What was not measured is missing, and never zero.
//
// Guarantees: pure values; no I/O beyond reading zones, no goroutines, no clock.
// Plans are safe for concurrent use, a Pricer is not. Decoders take bytes from
// anywhere and are fuzzed. It imports record, window and energy of this project;
// services import it.
package tariff
