// Package doctor says in sentences what is wrong with an installation.
//
// It is given facts that somebody else collected, and gives findings: what is
// wrong, since when, why it matters and what to do. It asks nobody, reads no
// clock and keeps no state, so every rule can be tried in a test. What is not
// known is left out of the facts, and no rule guesses.
package doctor
