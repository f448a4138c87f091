// Package webhook has the sinks that are told results by HTTP.
//
// Results are posted many at once and in order; they are written when the
// receiver answers 2xx. The same results have the same Idempotency-Key when they
// are posted again. Requests are signed as those of alerts are, go where the
// settings allow, are not led elsewhere by redirects, and end within half a
// minute.
package webhook
