// Package meters plays meters: telegrams of SML, DSMR P1, IEC 62056-21 and SunSpec, made of what a load curve says,
// at the pace of a serial line, over a pseudo terminal, a TCP connection or anything that reads and writes. Telegrams
// of SML come from templates in the shape of captured ones, with the values, counters and checksums of the moment.
//
// A meter that is locked tells whole kilowatt hours and no power until its PIN is entered by light. The light of an optical
// head is the break condition of a serial line, which no pseudo terminal and no socket carries: so each meter has a second
// channel for it, a TCP connection on which the byte '1' is light on and '0' light off ([Meter.Illuminate]). Programs in one
// process call [Meter.Light].
//
// Guarantees: what a meter says is a function of its options and the time that Options.Now gives, so that all of it can be computed afterwards
// ([Meter.State]) and hours pass as quickly as a test wants; the display knows the real time alone, and a synctest bubble compresses
// that. A [Meter] may be used by several goroutines. Nothing outlives the function it was started by.
//
// Only app and tests import it.
package meters
