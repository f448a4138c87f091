// Package buffer keeps what a measurement device has measured until the data service
// has confirmed it: in files that are only ever appended to, each of which is one
// batch and is named by the number that the batch has.
//
// Guarantees: when [Buffer.Append] returns nil the slots are on the disk, and they are there
// until [Buffer.Done], [Buffer.Wipe] or a limit removes them, whatever power cut or killed
// process comes between. A file that was cut off or damaged loses the records that are
// damaged and no others, and a record that was never written is never read: each has a
// checksum (CRC-32C) over its place, its batch and itself. No process appends to
// a file of one before it, so the content of a batch that was handed out does not change.
// Numbers of batches rise, and are not below the milliseconds of the clock, so that they are not used twice even by a
// device that lost its disk. Which slots were measured is kept with them, twice in each
// file, and survives the batches.
//
// Batches are dropped unconfirmed only when a limit of size or age says so, the oldest first; they are
// counted. One Append is one write and one fsync; a batch that is begun costs two, and
// one that is done another.
//
// A buffer is safe for concurrent use, by one process. It imports edge/slot and
// survey/household.
package buffer
