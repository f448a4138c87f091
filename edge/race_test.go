//go:build race

package edge_test

// fieldDays is how long the field test is where the race detector makes it slow.
const fieldDays = 3
