// Package web serves the pages: the built React application, embedded, or a
// stub that says how to build it, so that the program compiles without Node.
//
// Guarantees: nothing is loaded from other servers. Files with a hash in their
// name are cached for ever, everything else is asked for again and answered
// with 304 when unchanged. What the page loads at once stands in its Link
// header, too. All addresses are relative, so the pages work under
// any path. Safe for concurrent use; web imports nothing of this project but
// the form of errors.
package web
