// Package client speaks to the data service of a survey for a measurement device: it
// enrols, renews, sends batches, asks for the consent and its lease, reports
// incidents.
//
// Guarantees: the key of the device is made here and never sent. A refusal of the
// service is a *[household.Problem]; [ActionOf] says what to do after any error, and
// is [household.Retry] when the service could not be reached or its answer was not
// understood. Nothing is tried again here: the buffer of the device decides when.
// Answers are bounded; redirects are not followed.
//
// A client is safe for concurrent use. It imports survey/household, survey/consent and survey/release.
package client
