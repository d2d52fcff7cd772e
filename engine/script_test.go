package engine_test

import (
	"testing"

	"prana/engine/enginetest"
)

// TestScenarios runs the files of testdata: one behaviour each.
func TestScenarios(t *testing.T) {
	t.Parallel()
	enginetest.RunScripts(t, "testdata/*.txtar", types()...)
}
