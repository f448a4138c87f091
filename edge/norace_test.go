//go:build !race

package edge_test

// fieldDays is how long the field test is: three weeks, as the one of the thesis.
const fieldDays = 21
