package engine_test

import (
	"testing"

	"prana/engine/scripttest"
)

// TestScenarios runs the files of testdata: one behaviour each.
func TestScenarios(t *testing.T) {
	t.Parallel()
	scripttest.Run(t, "testdata/*.txtar", types()...)
}
