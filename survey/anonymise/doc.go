// Package anonymise replaces where a household is by a place drawn at random in a
// ring around it, so wide that many people live there.
//
// The width follows equation 3.1: with ρ, the inhabitants per km² of the district
// (NUTS-3),
//
//	inner = max(min(-1.321·ρ + 4264, 8000), 300)    metres
//	outer = max(min(-3.107·ρ + 10621, 20000), 1300) metres
//
// As ρ is not negative, the upper bounds never bind: the greatest ring there is
// lies between 4264 m and 10621 m. The place is even in the area of the ring, and
// never outside of the districts known, which are those of Germany. A ring in
// which fewer people live than asked for, as on a coast, is widened, and the
// [Ring] says so.
//
// Guarantees: [Draw] draws from the system's secure random numbers. What was drawn
// must be kept and never be drawn again for the same household: the mean of many
// draws is the household. Distances are on a sphere, which is wrong by less than
// 0.3 %.
//
// The districts are of the Federal Agency for Cartography and Geodesy; whoever
// shows or passes on what follows from them shows [Notice].
//
// Pure values, safe for concurrent use; it imports nothing of this project.
package anonymise
