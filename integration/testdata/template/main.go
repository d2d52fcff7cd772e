// Command acme is prana with the nodes of a team: worker, server and all verbs of the command line know them.
package main

import (
	"example.com/acme/charge"

	"prana/cmd/prana/cli"
	"prana/engine/node"
)

func main() {
	cli.Program{Name: "acme", Types: []node.Type{charge.Node}}.Main()
}
