package bench

import (
	"errors"
	"os"
)

// WorkDir makes a directory of a benchmark's own below another; "" is that for
// temporary files. remove takes it away again, and adds to an error why it cannot.
func WorkDir(below string) (dir string, remove func(*error), err error) {
	if dir, err = os.MkdirTemp(below, "wattwerk-bench-"); err != nil {
		return "", nil, err
	}
	return dir, func(err *error) { *err = errors.Join(*err, os.RemoveAll(dir)) }, nil
}
