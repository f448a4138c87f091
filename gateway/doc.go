// Package gateway is the one port everything goes through: it signs people
// and machines in, checks what they may do, and hands requests to the
// handlers it was given. It cannot tell a module of the same process from one
// behind a reverse proxy.
//
// Guarantees: every HTTP error is application/problem+json. Requests that
// change something are refused when another web site's page makes them. A
// sender that stalls is cut off, a stream that is being read is not. When a
// session or token ends, or may less than before, what is still being answered
// to it breaks off within seconds, streams and downloads too, also those of
// modules in other processes. Without sign-in it listens on loopback only.
//
// Order: New, then Register on [Service.API] and [Service.Handle], then Run.
// Handlers are called concurrently. gateway imports access and no service.
package gateway
