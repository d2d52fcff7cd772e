package engine

import (
	"strings"
	"testing"

	"prana/engine/flow"
	"prana/engine/fuzztest"
)

// FuzzResumeToken: a token leads to the step that it was made for; one that nobody made leads nowhere, however near it comes.
func FuzzResumeToken(f *testing.F) {
	key := signer(strings.Repeat("k", 32))
	made := key.token("07NZ4Qk0Qk0Qk0Qk0Qk0Qk0", flow.StepID{Node: 3, Run: 1})
	f.Add(made)
	f.Add(made + "A")
	f.Add(made[1:])
	f.Add(strings.Replace(made, ".001", ".1", 1))
	f.Add(signer("another").token("07NZ4Qk0Qk0Qk0Qk0Qk0Qk0", flow.StepID{Node: 3, Run: 1}))
	f.Add("-" + key.mac(""))
	f.Add(strings.Repeat("\xff", macChars+1))
	f.Fuzz(func(t *testing.T, token string) {
		fuzztest.Cheap(t, func() {
			execution, id, ok := key.read(token)
			if ok != (token == made) || ok && key.token(execution, id) != token {
				t.Errorf("%q leads to %s of %s: %v", token, id, execution, ok)
			}
		})
	})
}
