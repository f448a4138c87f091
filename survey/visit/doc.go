// Package visit is how those who look after a survey may look at a measurement device from afar: by a grant that is signed, names
// one device, one SSH key, who and why, and expires; and by a tunnel that the device opens to the service because of it.
//
// Guarantees: a grant is what was signed, to the byte, by the issuer of the survey that the device's root vouches for. A [Hall] holds
// the tunnels: each is bounded in streams and ends when its grant expires, when the books say that it is over, or with Serve. What is said
// inside is SSH between the two ends; the service passes it on and cannot read it. What a device reports of commands is in the books before it
// is told to go on.
//
// All of it may be used at the same time. It imports nothing of this project.
package visit
