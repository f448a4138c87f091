// Command wattwerk is the whole of Wattwerk in one program; 'wattwerk --help'
// explains it. Everything it does is in package app.
package main

import (
	"os"

	"github.com/wattwerk/wattwerk/app"
)

func main() {
	os.Exit(app.Main(os.Args[1:], app.IO{In: os.Stdin, Out: os.Stdout, Err: os.Stderr, Environ: os.Environ()}))
}
