package nodes

import "embed"

// Pages is the reference of the built-in types.
//
//go:embed REFERENCE.md
var Pages embed.FS
