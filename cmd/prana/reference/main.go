// Command reference writes the generated pages of the documentation, each beside its source. It runs from the root of the
// repository; .ci/fresh/reference.sh runs it.
package main

import (
	"fmt"
	"os"

	"prana/engine/definition"
	"prana/engine/node"
	"prana/handlers/nodes"
)

func main() {
	for _, p := range pages {
		text, err := p.make(".")
		if err == nil {
			err = os.WriteFile(p.file, []byte(text), 0o644)
		}
		if err != nil {
			fmt.Fprintf(os.Stderr, "reference: writing %s: %v\n", p.file, err)
			os.Exit(1)
		}
	}
}

// page is one generated file.
type page struct {
	file string // from the root of the repository
	// make gives its text; root is where sources are read from.
	make func(root string) (string, error)
}

var pages = []page{
	{"handlers/nodes/REFERENCE.md", nodeTypes},
	{"cmd/prana/cli/COMMANDS.md", commands},
	{"cmd/prana/cli/DIAGNOSTICS.md", diagnostics},
	{"config/CONFIGURATION.md", configuration},
	{"handlers/api/API.md", api},
	{"handlers/api/PROBLEMS.md", problems},
	{"handlers/api/ERRORS.md", failures},
	{"deploy/METRICS.md", metrics},
}

func nodeTypes(string) (string, error) {
	return definition.Reference(node.NewRegistry(nodes.Builtin(nodes.Options{})...))
}
