// Package datadir is the one directory in which a process keeps everything:
//
//	DIR/lock            held while a process uses the directory; its number is inside
//	DIR/instance.json   address and secret of the running process, for commands on the same machine
//	DIR/nats/           the bus, when it is embedded
//	DIR/history/        raw history
//	DIR/wattwerk.db     users, tokens, settings
//	DIR/unfinished      there while a backup is restored into the directory
//
// Guarantees: at most one process holds a directory at a time, also after a
// crash (the lock belongs to the process, not to the file); directories are
// readable by their owner alone, and so is instance.json, which appears whole
// or not at all.
package datadir
