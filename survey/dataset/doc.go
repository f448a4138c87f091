// Package dataset writes the data set of a survey for research: households, PV
// systems, meters and measurements as CSV (RFC 4180, UTF-8), with a dictionary of the
// columns.
//
// Guarantees: no contact, address, serial number, name or free text is in it, and no
// place but those of anonymised households; of the others the district alone.
// Households that never consented are not in it. Times are UTC. A value that is not
// known is empty. The directory must not be there; what could not be written whole is
// removed.
//
// It imports survey/register, survey/household, survey/consent and survey/anonymise.
package dataset
