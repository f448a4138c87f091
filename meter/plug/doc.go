// Package plug knows what smart plugs and the meters in fuse boxes say that speak JSON: devices with Tasmota and those of Shelly, of the first
// generation (/status) and later ones (/rpc). It reads them by HTTP; those that send by MQTT are the affair of bridge/mqtt, which shares
// what keys mean with it.
//
// A value keeps its name, as "ENERGY.Power" or "em:0.total_act_power", and the number its digits.
//
// Guarantees: answers of more than [MaxBody] bytes are refused, redirections are not followed, and nothing waits beyond its
// context. A password is shown as the device wants it: Shelly since the second generation by digest (RFC 7616, SHA-256 and nothing weaker), the
// first by the header of RFC 7617, Tasmota by that or, where it does not know it, in the address; the latter two in plain text, which is
// what such devices can. No password is in an error. What is null is no reading. The decoders are pure, never panic, and are fuzzed. A [Reader] is for one goroutine.
package plug
