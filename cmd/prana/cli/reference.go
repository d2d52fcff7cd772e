package cli

import (
	"embed"

	"github.com/spf13/cobra"

	"prana/handlers/docs"
)

//go:embed *.md
var references embed.FS

// pages are those of the command line.
func pages() []docs.Folder { return []docs.Folder{{Dir: "cmd/prana/cli", Files: references}} }

// Tree is every command there is, for the reference.
func Tree() *cobra.Command { return (&shell{}).root() }

// ExitCode is what a command ends with after an error.
func ExitCode(err error) int { return exitCode(err) }

// ExitMeanings says what each code means.
func ExitMeanings() map[int]string {
	meanings := map[int]string{}
	for _, row := range exits {
		meanings[row.code] = row.meaning
	}
	return meanings
}
