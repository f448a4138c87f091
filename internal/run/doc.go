// Package run starts services in the order of their needs, watches them, and
// stops them in reverse.
//
// The life of one service:
//
//	          needs are running         Start returned nil
//	waiting ───────────────────▶ starting ───────────────▶ running
//	   │                            │                         │ the context ended, or a service failed,
//	   │ something failed before    │ Start failed            │ and all that need this one have ended
//	   ▼                            ▼                         ▼
//	 ended ◀──────────────────────────────────────────── stopping
//	         Run returned, Stop returned, or its deadline passed
//
// Guarantees: a service starts only after Start of everything it needs has
// returned nil; it is told to stop only after everything that needs it has
// ended or overrun the deadline; Run of the group returns the first error,
// which names its service; no goroutine outlives Run of the group except
// those of a service that ignored the deadline, and that is an error too.
//
// It knows nothing about what the services are.
package run
