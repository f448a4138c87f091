// Package consent knows the life of a consent and proves it: not granted, granted,
// revoked, one way, each change with a [Receipt] that is signed.
//
// Guarantees: a state never goes back ([State.Next]). A receipt says whose consent
// it is, what it changed to, when, and to which text, by version and SHA-256; who
// has the public key can check it without the program, by the bytes of
// [Receipt.Signed]. Signing is Ed25519 (RFC 8032), so the same receipt is signed
// the same.
//
// Pure values, safe for concurrent use; it imports nothing of this project.
package consent
