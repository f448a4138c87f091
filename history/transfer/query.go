package transfer

import "net/url"

// ParseImportOptions reads options as the HTTP interface names them, for
// commands that import without it. Errors wrap [ErrImport].
func ParseImportOptions(q url.Values) (ImportOptions, error) { return importQuery(q) }
