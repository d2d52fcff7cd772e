package documents

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"prana/engine/definition"
	"prana/engine/node"
	"prana/engine/plan"
	"prana/handlers/nodes"
)

var (
	hasID    = regexp.MustCompile(`(?m)^"?id"?\s*:`)
	hasNodes = regexp.MustCompile(`(?m)^"?nodes"?\s*:`)
)

// Every block that is a whole workflow can be published as it stands, unless it is there to show what is wrong.
func TestWorkflows(t *testing.T) {
	t.Parallel()
	reg := node.NewRegistry(nodes.Builtin(nodes.Options{})...)
	for file := range all(t) {
		for _, b := range blocksOf(t, file) {
			if b.language != "yaml" || b.notRun != "" || !b.broken && !(hasID.MatchString(b.text) && hasNodes.MatchString(b.text)) {
				continue
			}
			_, _, found := definition.Check(fmt.Sprintf("%s:%d", file, b.line), []byte(b.text), reg, plan.Options{})
			if b.broken && len(found) == 0 || !b.broken && plan.HasErrors(found) {
				t.Errorf("%s:%d: broken is %v, and what is told of it: %v", file, b.line, b.broken, found)
			}
		}
	}
}

// What is not run has its reason, and there is little of it.
func TestFewBlocksAreNotRun(t *testing.T) {
	t.Parallel()
	run, notRun := 0, 0
	for _, file := range written(t) {
		for _, b := range blocksOf(t, file) {
			switch {
			case b.notRun != "" && len(strings.Fields(b.notRun)) < 3:
				t.Errorf("%s:%d: %q is no reason", file, b.line, b.notRun)
			case b.notRun != "":
				notRun++
			case b.isCommands():
				run++
			}
		}
	}
	if notRun*10 > run {
		t.Errorf("%d blocks are not run, and only %d are", notRun, run)
	}
}
