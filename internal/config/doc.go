// Package config loads program settings from a YAML file, the environment and
// flags, in this order of growing weight, into a struct, and prints what came
// out with its comments.
//
// Settings are struct fields with two tags: `koanf:"name"` is the key, and
// `doc:"…"` the comment. A field's value before loading is its default.
//
// Guarantees: a key in the file that no field has is an error that suggests
// the nearest one; so is an environment variable with the prefix, except
// those that Kubernetes makes for a service of that name. Types are checked.
// Secrets are never settings: they are named by file, so that printing the
// configuration is always safe.
//
// What Print writes is a valid file that loads to the same settings.
package config
