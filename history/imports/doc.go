// Package imports takes in files of strangers: a file is brought, looked at,
// tried, imported, and taken back when it was the wrong one.
//
// Guarantees: nothing is stored before it is asked for. A preview and a trial
// change nothing. What an import is going to bring is noted before the first
// reading is stored, so that one which is killed goes on where it was, and can be
// taken back whole. To import a file again changes nothing. Readings are
// never removed: to take an import back excludes exactly the readings that it
// alone brought, by interventions that can be undone (decision 0036). The
// list of imports says who did what and when, for ever.
//
// Files, and how many values one may have, are bounded. One file is
// imported at a time by a process. Several processes may share the database and the
// history: whichever is asked tells of all imports, starts, cancels, takes back
// and does again; each reads the files that were brought to it, and looks at those
// alone (a preview is refused by the others). Times are UTC milliseconds.
//
// It imports history, history/transfer, record, model and catalog; app alone
// imports it.
package imports
