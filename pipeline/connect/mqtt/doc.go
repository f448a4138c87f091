// Package mqtt has the sources and sinks at MQTT brokers of others. They must
// speak MQTT 5.
//
// A source subscribes with QoS 1 in a session that the broker keeps for a week,
// and acknowledges a message when it is stored. One that the broker delivers
// again has the identifier that it had, made of its number, topic and body; only
// those that the broker marks as delivered before are looked up by it, because
// numbers are used again. A broker that gives each message the lowest free number
// may have a second message that says exactly the same taken for the first one
// when this program dies before it has stored it. A sink publishes with QoS 1,
// results of one key in order, and takes them as written when the broker has
// acknowledged them.
package mqtt
