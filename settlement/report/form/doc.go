// Package form writes reports down: as HTML for people, as CSV and XLSX for
// other programs and spreadsheets, and as JSON.
//
// Guarantees: the same report gives the same bytes, except of XLSX, where it
// gives the same cells. HTML is one file without scripts and without anything
// from elsewhere, for screens wide and small, light and dark, and for paper; in
// English or German. It rounds figures; CSV has every digit, XLSX as many as a
// float64. In CSV and XLSX no text of people becomes a formula. What is not
// known is an empty cell, in HTML a dash.
//
// Everything is a pure function and safe for concurrent use. It imports record,
// energy, window, settlement/report and settlement/report/indicator.
package form
