package sqldb

import "fmt"

// NewerError says that a newer program has brought tables to a version that
// this one does not know.
type NewerError struct {
	Where   string // the database, as [DB.Name] says it
	Table   string // keeps the version
	Version int64  // of the tables
	Knows   int64  // the newest version of the program
}

func (e *NewerError) Error() string {
	return fmt.Sprintf("the tables in %s are of version %d by %s, and this program knows them up to version %d; nothing was changed; "+
		"run the newer wattwerk that wrote them, or restore a backup that was made before the upgrade",
		e.Where, e.Version, e.Table, e.Knows)
}
