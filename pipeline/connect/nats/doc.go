// Package nats has the sources and sinks at NATS servers of others.
//
// Where a stream of JetStream has the subject, a source reads it by a durable
// consumer and acknowledges a message when it is stored, and a message is known
// by its stream and its number; without a stream what comes while nobody listens
// is lost, as NATS has it. A sink publishes into a stream with an identifier,
// by which the stream stores a result that is written again within its window
// once; without a stream it is told only that the server has it.
package nats
