// Package postgresql has the sinks that are tables of PostgreSQL databases of
// others.
//
// A result is a row, known by its manifest, processor, key and time; written
// again it replaces itself. Write returns when the server has committed. The table
// is made when it is not there. Names are quoted, values are parameters; nothing
// of the process's environment is used to connect.
package postgresql
