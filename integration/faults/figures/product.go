package figures

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Judged are the folders of the product on which the results depend.
var Judged = []string{"engine", "suspend", "tasks", "handlers/worker"}

// Product is a digest of the sources of the product; root is that of the main module. It tells whether results are those of
// the product as it is, where commits cannot: trees have changes, and clones no history.
func Product(root string) (string, error) {
	sum := sha256.New()
	for _, top := range Judged {
		err := filepath.WalkDir(filepath.Join(root, top), func(path string, d fs.DirEntry, err error) error {
			if err == nil && d.IsDir() && strings.HasSuffix(d.Name(), "test") {
				return fs.SkipDir // a kit for tests
			}
			if err != nil || d.IsDir() || !runs(path) {
				return err
			}
			raw, err := os.ReadFile(path)
			fmt.Fprintf(sum, "%s %d\n%s", filepath.ToSlash(path[len(root):]), len(raw), raw)
			return err
		})
		if err != nil {
			return "", err
		}
	}
	return hex.EncodeToString(sum.Sum(nil)[:8]), nil
}

// runs tells whether a file is a part of what runs.
func runs(path string) bool {
	return strings.HasSuffix(path, ".lua") || strings.HasSuffix(path, ".go") && !strings.HasSuffix(path, "_test.go")
}
