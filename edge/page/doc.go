// Package page is what a measurement device shows the household it is in: how it stands, the
// text of the consent, by which it is granted and revoked, what the survey knows of the
// household, what was measured, and all of it as a file. It is HTML that the device makes, with
// charts, in English and German; there is no script, and nothing is fetched from elsewhere.
//
// Guarantees: it is meant for the people of the household, on the device itself or with a
// password in their network. A request whose Host is a name that is not the device's is refused,
// so that no page elsewhere reaches it by DNS rebinding; what changes anything is taken
// from the page's own forms alone, with a token. To revoke, two forms have to be sent, the second of
// which is good once and for ten minutes. Bodies and headers are bounded. What the data service cannot be asked is
// said, and what is on the device is shown all the same.
//
// A server is safe for concurrent use. It imports edge, and the words of the survey.
package page
