package failpoints

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/redis/go-redis/v9"
)

// TestOverlaidScriptsAreKnown: who is built with another text of a script sends that, and its failures must be found by its name.
func TestOverlaidScriptsAreKnown(t *testing.T) {
	const text = "return 1"
	dir := t.TempDir()
	script, overlay := filepath.Join(dir, "commit.lua"), filepath.Join(dir, "overlay.json")
	disk, err := filepath.Abs("../../../suspend/lua/commit.lua")
	if err != nil {
		t.Fatal(err)
	}
	raw, err := json.Marshal(sources{Replace: map[string]string{disk: script}})
	if err != nil {
		t.Fatal(err)
	}
	for path, content := range map[string][]byte{script: []byte(text), overlay: raw} {
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv(Overlay, overlay)
	names, err := ReadNames("../../../suspend")
	if err != nil {
		t.Fatal(err)
	}
	if got := names[redis.NewScript(text).Hash()]; got != "commit" {
		t.Errorf("the script that was laid over commit.lua is known as %q", got)
	}
}
