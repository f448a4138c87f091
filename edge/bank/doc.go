// Package bank keeps the programs of a measurement device, two beside the one that was
// installed, and decides which of them is started: A/B slots, called banks here because a slot
// is a quarter of an hour elsewhere.
//
//	            Begin, Append, Complete           Try
//	idle bank ─────────────────────────▶ whole ────────▶ on trial ──Prove──▶ current
//	     ▲                                                   │
//	     └───────────────────────────────────────────────────┘ Fail, or too many starts
//
// Guarantees: whatever is cut at whatever moment, there is a program to start, whole and
// with the digest it is to have: the one on trial, as often as it may be tried; else the current one, which has
// proven itself; else the one that was installed, which nothing here ever changes. A
// start on trial is on the disk before it happens; where it cannot be counted there is none. A program that failed is
// not tried again. The idle bank is never the one that runs.
//
// A [Store] is safe for concurrent use in one process. The launcher writes only while the program it has
// started does not run. It imports nothing of the project.
package bank
