// Package parquet has the sinks that are Parquet files in a directory.
//
// There are files for each day (UTC) of the results' times, DAY-NNNN.parquet,
// sorted by manifest, processor, key and time. A result is written when it is on
// the disk in a journal beside them; from there results go into files many at
// once. A file appears whole, by being renamed, and on the disk; the last one of
// a day is replaced, in the same way, by one that has more, until it is full. A
// result that is written again replaces itself where it is in the journal or in
// the last file of its day, also after a crash at any moment. One that is told
// again after the next file of its day was begun stands in two.
//
// Files are written below the directory of the settings only, however links lie.
// One process writes to a directory. A [Protocol]'s writer has a timer; it ends
// with Close.
package parquet
