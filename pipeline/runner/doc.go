// Package runner runs manifests: it reads the stream of observations, steps the
// instance of each manifest over it, has its results written, and stores how far
// it has come.
//
// Guarantees: what an instance has taken is in its checkpoint together with the
// position in the stream, and that is stored only when all results up to there
// are written, or together with those that are not. So a process that is killed goes on from the checkpoint, makes the
// same results again, to the bit, and has them written again with the same
// identifiers: nothing is lost, and nothing is double where the sink knows
// identifiers. A change, a pause, a stop and the ordinary end of the process tell
// no sink anything twice, unless a write takes longer than a second to end. What
// a manifest gave is written when it has stopped, too, and what of one that is
// removed cannot be written in ten seconds is a dead letter that counts it.
// Nothing is dropped to keep up: a manifest whose sink does not take
// its results leaves the others, waits, and reads on by itself from where it
// was.
//
// One [Runner] works at a time on one store of checkpoints; another that takes
// over ends it with checkpoint.ErrOutrun.
package runner
