// Package outlook is the objects of a moment as plans look at them: what each is good
// for, what stands in for it, and who has it.
package outlook
