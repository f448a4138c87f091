// Package register keeps a survey in the books: households and who lives there,
// meters, PV systems, devices, consents with their receipts, measurements,
// incidents, and which certificates are good.
//
// Guarantees: what a call has stored is on the disk when it returns. Measurements
// are taken, and a consent is granted or revoked, one after the other, in all
// processes: of a household without a consent none is stored, not even one that was
// on its way when the consent was revoked. A batch is stored once, by device and
// sequence; a measurement once, by meter, slot and OBIS code, and the first stays.
//
// [Store.Revoke] anonymises in one transaction: it is done whole or not at all. Of
// SQLite the rows that were deleted are overwritten with zeros, and its log is emptied. What it leaves has new
// identifiers, and nothing kept leads from the old ones to the new ones. Backups
// that were made before know nothing of it: they are the operator's to delete.
//
// No secret is stored as it is: enrolment tokens are kept as SHA-256. The seed of the
// key that signs receipts is kept, since a database that is lost must not make
// receipts worthless.
//
// Everything is safe for concurrent use. It works on SQLite and PostgreSQL alike.
package register
