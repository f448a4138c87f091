// Package edge is a measurement device of a survey: it reads the meters of a household,
// makes measurements of what they say (edge/slot), keeps them (edge/buffer) and sends them
// (edge/sender), and shows the household what it does (edge/page).
//
// Guarantees: nothing is read from a meter and nothing is kept while there is no consent, its lease has
// ended, or the device is not enrolled. A slot is measured once, whatever is
// restarted or cut, and is forgotten when the data service has confirmed it. The key of the device is made
// here, readable by its owner alone, and never leaves it. All meters of a slot are written to the disk
// at once: one fsync a slot, two where a meter is late.
//
// A service is used by one process; its methods may be called at the same time while Run
// works. It imports what is below it, the words of meters, and survey/client.
package edge
