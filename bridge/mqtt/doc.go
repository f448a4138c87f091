// Package mqtt takes what sensors publish by MQTT: at the listener of the
// embedded bus, and at brokers of others, where it subscribes.
//
// Guarantees: a message published with QoS 1 or 2 at our listener and
// acknowledged is on the disk of the bus, and its records are stored, exactly
// once, however often the process dies. At a broker of others a message is
// acknowledged when its records are stored; the session is persistent, so what
// is published while we are away comes later (as long as the broker keeps it),
// and may come twice. Messages with QoS 0 are taken as they come and are lost
// when nobody is there, which is what QoS 0 means.
//
// A topic that no pattern matches is counted as filtered. What matches and
// cannot be read is a dead letter. When the bus is busy or full, messages wait
// at the listener or the broker; none is dropped.
//
// It is a driver below bridge; only app names it.
package mqtt
