// Package roster knows which processes run which microservices, and has what is
// be what is to be: a reconcile loop over [registry.Reconcile].
//
// Every process that lives is to have one instance of each version that is part of the
// program and in use. What is missing is started: the instance is registered at a
// process that has none, and checked from then on. One whose process is away fails its
// checks, and is stopped, which is forgotten, when that was away for long. One that
// does not come up though its process lives is started again. A version that nobody
// has asked for in a long time, and that is not the newest, is retired: its instances
// are stopped, and started again within a second when somebody asks for it.
//
// No process is started or ended here: that is for whoever runs the installation.
//
// Guarantees: the same in every process that sees the same processes. What is
// known is bounded by processes times versions. Everything is safe for concurrent use.
package roster
