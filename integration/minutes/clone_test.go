package minutes

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// clone makes of the working tree what a clone would be, were everything committed: nothing that is built or ignored.
func clone(root, dir string) error {
	files, err := cloned(root)
	if err != nil {
		return err
	}
	for _, file := range files {
		err := copyFile(filepath.Join(root, file), filepath.Join(dir, file))
		if err != nil && !errors.Is(err, fs.ErrNotExist) { // deleted, and not committed yet
			return err
		}
	}
	return nil
}

// cloned lists the files that Git knows, or would if they were added; where it knows nothing (an unpacked archive), all of them.
func cloned(root string) ([]string, error) {
	out, err := exec.Command("git", "-C", root, "ls-files", "-z", "--cached", "--others", "--exclude-standard").Output()
	if err != nil {
		return unpacked(root)
	}
	return strings.Split(strings.TrimSuffix(string(out), "\x00"), "\x00"), nil
}

// leftOut are folders that are no part of an archive.
var leftOut = []string{".git", ".bin", ".prana"}

func unpacked(root string) ([]string, error) {
	var files []string
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && slices.Contains(leftOut, d.Name()):
			return filepath.SkipDir
		case d.IsDir():
			return nil
		}
		file, err := filepath.Rel(root, path)
		files = append(files, file)
		return err
	})
	return files, err
}

func copyFile(from, to string) error {
	info, err := os.Stat(from)
	if err != nil {
		return err
	}
	text, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	return os.WriteFile(to, text, info.Mode().Perm())
}
