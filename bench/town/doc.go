// Package town is what discovery is measured on: a town of rooms with sensors of
// many classes, one in ten of them dead, and microservices of which the six
// energy services use thirty. The sizes are those of the published experiment as
// far as it says them.
//
// Beside it stands a [Monolith] of the same parts, so that what microservices
// bring is measured against the same code and not against another program: it
// works off one request after the other, and a service is there only when every
// object is. (Jarwar, Ali and Chong, Energies 2019, 12(3), 360, compare themselves
// with a monolith they describe in words.)
package town
