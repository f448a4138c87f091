// Package reply is how energy services answer by HTTP: which error becomes which
// status, with all that is missing in the problem (RFC 9457), and answers that were
// written as text once and are sent many times.
package reply
