// Package connect has the two ends of what sources and sinks of manifests are
// reached by; each protocol is a package below it and is named in app only.
//
// A reader hands on what it read, and takes it as delivered only when that was
// stored; a writer returns only when what it was given is stored by the other
// side. So nothing accepted is lost, and what is told twice is told with the
// same identifiers.
//
// Ends go only where [House] allows it: they dial by [House.DialContext], read
// secrets by [House.Secret], and write files below [House.Files]. Statuses and
// errors are sentences and hold no secrets.
package connect
