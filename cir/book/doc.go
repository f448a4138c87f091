// Package book keeps a Common Interoperability Registry in SQL, does the commands
// of OpenO&M ws-CIR 1.0 and answers its questions.
//
// Guarantees: a command reads what it needs, decides, and writes what differs in
// one transaction, of which there is one at a time in all processes of the
// database: it is done wholly or not at all. What a command of people changed is
// kept beside it for the last 1,000 of them, and can be set back; what things of
// the installation do when they register themselves is noted in sums. A question
// sees one moment, and looks at a bounded number of entries.
//
// Everything exported is safe for concurrent use.
package book
