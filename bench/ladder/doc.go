// Package ladder asks a server over HTTP as many clients at once would, and tells
// how long the answers took: in a closed loop, where each client asks again when
// it was answered, and in an open one, where requests come at a fixed rate,
// whoever is answered.
//
// Times of an open loop count from when a request was due, not from when it could
// be sent, so that a server that stalls is not asked less for it (coordinated
// omission: Gil Tene, "How NOT to Measure Latency").
//
// [Run] is to run in a process of its own: a client that works on the cores of
// the server measures itself.
package ladder
