// Package kafka has the sources and sinks at brokers of Apache Kafka.
//
// A source reads all partitions of a topic without joining a group; how far it
// is it commits under a name of its own when that is stored, and a record is
// known by its topic, partition and offset. A sink is an idempotent producer: a
// result is written when all replicas that must have it do, and results of one key
// are in one partition, in order. What is written again after a crash of this
// program is a second record with the same header id.
package kafka
