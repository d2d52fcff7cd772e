//go:build !unix

package cli

import "os"

// window knows no terminals here: output is as for a pipe.
func window(*os.File) (columns, rows int) { return 0, 0 }
