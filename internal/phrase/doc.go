// Package phrase is how the program says a thing to people who read several
// languages: a code that names the sentence, what the sentence has of the case,
// and the sentence in English beside them. Who knows the code says it in another
// language; who does not shows the English sentence. The doctor's findings, with
// rule and params, are of the same shape.
//
// Guarantees: a code that was released keeps its meaning and its params; all codes
// stand in codes.go, and tests hold docs/phrases.md and the pages to them. Params
// are JSON: numbers in the units that their names or the list say, times in RFC
// 3339, names and the words of other programs as they are.
//
// It holds no state, and is safe for concurrent use.
package phrase
