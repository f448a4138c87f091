package model

import "github.com/wattwerk/wattwerk/internal/strict"

// MaxFaults is how many sentences a [Faults] holds.
const MaxFaults = strict.MaxFaults

// Faults is everything that is wrong with a document or a patch, one sentence
// each, in the order in which things were given.
type Faults = strict.Faults
