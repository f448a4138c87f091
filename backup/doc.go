// Package backup copies a whole deployment into one file, and makes a data
// directory of such a file.
//
// A backup is a tar file compressed with zstd. Its entries, in this order:
//
//	backup.json              what it is
//	wattwerk.db              what people wrote: users and tokens, alert rules, corrections
//	model.yaml               the model, for people
//	bus/STREAM/snapshot.json settings and state of a stream, then
//	bus/STREAM/000001 …      its content as NATS makes it
//	history/BLOCK/…          blocks of the history
//	end.json                 how much there was; a file without it was cut off
//
// The streams are copied before the blocks, and nothing is removed from the
// bus meanwhile: so every record that was accepted before the backup began is
// in a stream or in a block, or in both, which is harmless.
//
// Guarantees: the copy is consistent, though everything goes on while it is
// made. A file that was cut off or changed is recognised, and restoring it
// leaves nothing behind. Nothing is ever overwritten.
package backup
