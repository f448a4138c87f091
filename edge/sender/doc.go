// Package sender sends what a measurement device has measured to the data service of a
// survey, keeps its lease, renews its certificate and reports incidents.
//
// Guarantees: a batch is forgotten only when the service has confirmed it or says that
// it will never be taken; until then the same batch, under the same number, is sent
// again. Every action of a refusal is done: stop ends everything, for ever, and deletes what
// was measured. [Sender.May] is true only while the consent was granted when the service was asked
// last, its lease lasts by the clock and by the time that has passed, and the clock of
// the device is right as far as is known. A service that cannot be reached is tried
// again after 30 seconds, then after longer, an hour at the most, at random times in between, so that
// devices do not come all at once.
//
// A sender is safe for concurrent use. It imports survey/client, survey/consent and survey/household.
package sender
