package config

import "embed"

// Pages is the reference of all keys.
//
//go:embed CONFIGURATION.md
var Pages embed.FS
