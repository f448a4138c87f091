// Package identity makes and checks the certificates of a survey: an offline root,
// an online issuer below it, certificates of devices for 30 days, and that of the
// listener which devices speak to.
//
// Guarantees: the key of a device is made on the device and never leaves it; what
// comes here is a request signed by it (PKCS #10). A certificate names the device
// by a URI, urn:wattwerk:device:UUID, and nothing else: no name, no e-mail address,
// whatever the request asked for. It is good for a client alone. The issuer can make
// no further issuer, and neither can make a certificate for a name that it was not
// asked for. Keys are ECDSA P-256.
//
// [Authority.Check] checks chain, time and purpose. Whether a certificate was
// revoked is for who keeps them: a certificate is known by its serial number.
//
// It imports nothing of this project, and everything is safe for concurrent use.
package identity
