// Package nettest gives a test a network of its own: machines, each in a Linux
// network namespace with one address, joined by a switch that the test is at
// too. Links can be unplugged, muted (packets vanish and nobody is told), and
// the switch parted in two. It is for tests only.
//
// [Alone] runs the test once more in a process whose network nothing else is
// in, so addresses and names are free, and the kernel takes everything away
// when that process ends, however it ends. Root may do that, and where users
// may make namespaces everybody may.
//
// It needs ip, bridge and nsenter, of the Debian packages iproute2 and
// util-linux.
package nettest
