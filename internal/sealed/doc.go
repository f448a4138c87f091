// Package sealed keeps small secrets in files that are encrypted by a key of the device, which is in a file of its own
// (AES-256-GCM).
//
// It protects what gets out without its key: a copy of the file alone, in a backup, a support bundle or a repository, and a look at it. It does
// not protect against who is root on the device or holds its memory card with both files on it; for that the key has to lie on something that can
// be taken away, as a stick that is there only while the device starts.
//
// Guarantees: files are readable by their owner alone, and one that others can read is refused. A file that was changed, or belongs to another
// key, is an error and never another secret. Nothing of a secret is in an error.
package sealed
