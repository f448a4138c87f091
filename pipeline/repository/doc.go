// Package repository keeps the digital models of manifests in SQL: data
// interfaces, kinds, definitions and manifests of sources, consumers, channels,
// edge gateways, definitions of processors, and manifests themselves.
//
// Guarantees: a change is stored whole or not at all, and what is stored holds
// together: every reference leads to a model, every parameter is of its type and
// bounds, names are unique among those of a type, and the Check that
// Options names finds nothing wrong with any manifest. So nothing is removed that
// others use, and nothing is changed in a way that they could not go on with.
// References may be given by name or id; ids are stored, so that a name can
// change. Every change of a model makes a version, which can be seen and restored;
// what a manifest shall do (its state) is beside its versions. Who changed what
// and when is kept for the last 100,000 changes, and of each model its last 500
// versions.
//
// Many processes may use one PostgreSQL: each sees what the others have stored
// when it looks. A [Store] is safe for concurrent use; it keeps all models in
// memory, and everything that it hands out must not be changed.
package repository
