// Package views lets people read settled windows with SQL: views with names,
// units, times of the site's clock and words, over the tables that package
// ledger keeps as numbers. docs/sql.md is their page.
//
// Guarantees: nothing is stored twice. The views show what is settled at the
// moment they are read. What they need and the tables do not have, names,
// quantities and zones, is written by [Service] when the model changes; a point
// that has left the model keeps its last description.
//
// Times are UTC milliseconds in tables, ISO 8601 with the offset of the site in
// views. Several processes may describe the same database. It imports model,
// catalog, window and ledger; app alone imports it.
package views
