// Package pricing measures what costs take: days of settled windows of 15 minutes are
// priced for each sensor by a tariff with bands, a standing charge and a tax, again
// when a window changes, and billed. It fails when a bill is not complete, or a
// kilowatt-hour more costs nothing.
//
// Only app imports it.
package pricing
