// Package forward is a handler that hands requests to a module in other
// processes, so that the gateway cannot tell it from one in its own.
//
// Guarantees: a request is answered by one instance. It is repeated at another
// only when that does no harm: when nothing of it was sent, or when it changes
// nothing, or may be stored twice ([Forwarder.Repeatable]), and nothing was
// answered yet. An instance that refuses connections is left out for a moment.
// When none is alive the answer is 503 with Retry-After, naming the module,
// after a short wait for one to come. Bodies go through as they come, both
// ways, and a reader that is slow slows the writer down. The other process is
// told who asks by a voucher ([access.Notary]); passwords, tokens and cookies
// stay here.
//
// Everything is safe for concurrent use. It knows nothing of services; only
// app may import it.
package forward
