// Package deploy has what operators read, for the documentation at /docs.
package deploy

import "embed"

// Pages are the pages beside this file.
//
//go:embed *.md
var Pages embed.FS
