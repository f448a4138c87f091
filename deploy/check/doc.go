// Package check holds the deployment files to what they promise. It has tests
// only, and a module of its own, so that the libraries of Kubernetes, Helm,
// Compose and BuildKit stay out of the program's dependencies.
//
// What the tests cannot know, because no container engine and no cluster is
// asked: whether an image of that tag exists, and whether what is written
// runs. Rules are sentences; every rule is shown by a mutation of the files
// that it, and only a rule with that sentence, catches.
package check
