// Command member is a process of a fleet by itself, so that one can be built against another version of the product.
package main

import (
	"os"

	"prana/integration/faults/fleet"
)

func main() { os.Exit(fleet.Main(os.Getenv(fleet.Variable))) }
