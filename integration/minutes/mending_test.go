package minutes

import (
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestMending makes the mistakes that people make in a definition of their own, and mends each by what the message before says.
func TestMending(t *testing.T) {
	t.Parallel()
	partner := newPartner(t)
	repository, err := filepath.Abs(root)
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Files: []string{"testdata/mending.txtar"},
		Cmds:  commands,
		Setup: func(env *testscript.Env) error {
			prepare(env)
			env.Setenv("REPOSITORY", repository)
			return setEnvironment(env, partner.URL)
		},
	})
}
