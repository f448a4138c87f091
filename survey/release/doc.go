// Package release says what a release of the program is for the measurement devices of a
// survey: which version, for which platform, and how many of the devices it reaches.
//
// Guarantees: whom a release reaches follows from its ring and the identifier of the device
// alone, so the survey and the device say the same; whom a ring reaches, all that follow reach
// too. Another version begins with other devices. What is read is checked and bounded.
//
// All of it are values and rules, safe for concurrent use. It imports nothing of the project.
package release
