// Package sink delivers messages of alerts: to programs by a signed webhook, to
// people by e-mail and ntfy, to whoever listens by MQTT. It holds the drivers of
// alert.Sink; only app names them.
//
// Guarantees: nothing goes to an address of this machine or of a private network
// unless the options say so, whatever a name resolves to and wherever a server
// redirects. An error never holds a secret. A message that cannot be delivered
// whenever it is tried again wraps alert.ErrRefused.
//
// All sinks are safe for concurrent use.
package sink
