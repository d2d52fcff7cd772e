// Command freeze writes what a commit stores into suspend/testdata/commits; see package snapshots.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"prana/integration/snapshots"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: go run ./integration/snapshots/freeze COMMIT, in the root of the repository")
		os.Exit(2)
	}
	if err := freeze(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func freeze(commit string) error {
	s, err := snapshots.Freeze(context.Background(), ".", commit)
	if err != nil {
		return err
	}
	raw, err := json.MarshalIndent(s, "", " ")
	if err != nil {
		return err
	}
	file := filepath.Join(snapshots.Dir, s.Commit+".json")
	if _, err := os.Stat(file); !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s is there, and is never written anew", file)
	}
	if err := os.MkdirAll(snapshots.Dir, 0o755); err != nil {
		return err
	}
	fmt.Println(file, len(s.Executions), "scenarios")
	return os.WriteFile(file, append(raw, '\n'), 0o644)
}
