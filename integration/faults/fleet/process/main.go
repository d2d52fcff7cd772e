// Command process is a process of a fleet, as a program of its own: for those that the test binary cannot play.
package main

import (
	"os"

	"prana/integration/faults/fleet"
)

func main() { os.Exit(fleet.Main(os.Getenv(fleet.Variable))) }
