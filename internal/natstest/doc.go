// Package natstest runs real nats-servers for tests: one, or a cluster of
// them, with JetStream and every write synced. Nodes can be killed, frozen and
// started again; each keeps its address and its files meanwhile. It is for
// tests only.
//
// Every node of a test has a loopback address of its own, so that no port has
// to be found and none can be taken while a node is down; or it has the
// address that the test gives, as in a network namespace.
//
// Waiting is for conditions. What the servers said is printed when the test
// fails. The program is the one that scripts/needs.sh installs.
package natstest
