// Package dsmr reads the P1 port of Dutch, Belgian and Luxembourgish meters: a telegram
// of data sets every one to ten seconds, with a CRC-16 since version 4 (Dutch Smart Meter
// Requirements, P1 Companion Standard 5.0.2).
//
// Guarantees: memory is bounded (a telegram has at most [MaxTelegram] bytes), the
// work per byte is bounded whatever comes; never a panic, never an endless loop;
// fuzzed. A reading has passed the CRC; telegrams of versions before 4 have none, and
// theirs are marked as unchecked. They must say the identification of the meter, as all of this kind do. A decoder is for one meter and one goroutine.
package dsmr
