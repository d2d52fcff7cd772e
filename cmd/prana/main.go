// Command prana is the durable workflow engine: server, worker and command line in one binary.
package main

import "prana/cmd/prana/cli"

func main() { cli.Program{}.Main() }
