package cli

import (
	"crypto/sha256"
	"encoding/hex"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"prana/engine/flow"
)

// remember notes the execution that was started last on a server. It is a convenience: what goes wrong with it is no news.
func (sh *shell) remember(server, id string) {
	file := sh.lastFile(server)
	if file == "" || os.MkdirAll(filepath.Dir(file), 0o700) != nil {
		return
	}
	if err := os.WriteFile(file, []byte(id+"\n"), 0o600); err != nil {
		os.Remove(file) //nolint:errcheck // there is nobody to tell
	}
}

// recall gives the execution that was started last on a server; empty when none is known.
func (sh *shell) recall(server string) string {
	text, err := os.ReadFile(sh.lastFile(server))
	id := strings.TrimSpace(string(text))
	if _, ok := flow.PartitionOf(id); err != nil || !ok {
		return ""
	}
	return id
}

func (sh *shell) forget(server string) {
	os.Remove(sh.lastFile(server)) //nolint:errcheck // there is nobody to tell
}

// lastFile has one id. Its name tells nothing of the server, whose URL may hold a password.
func (sh *shell) lastFile(server string) string {
	dir := sh.stateDir()
	u, err := url.Parse(server)
	if dir == "" || err != nil {
		return ""
	}
	u.User = nil
	sum := sha256.Sum256([]byte(u.String()))
	return filepath.Join(dir, "prana", "last", hex.EncodeToString(sum[:8]))
}

// stateDir is where programs of this user keep what they remember; empty when it is not known.
func (sh *shell) stateDir() string {
	for _, dir := range []string{sh.env("XDG_STATE_HOME"), sh.env("LOCALAPPDATA")} {
		if filepath.IsAbs(dir) {
			return dir
		}
	}
	if home := sh.env("HOME"); filepath.IsAbs(home) {
		return filepath.Join(home, ".local", "state")
	}
	return ""
}
