package charge_test

import (
	"os"
	"testing"

	"prana/engine/enginetest"
	"prana/engine/flow"
	"prana/handlers/nodes"

	"example.com/acme/charge"
)

// pay runs the workflow, in memory and with a clock that jumps.
func pay(t *testing.T, cents int) (*enginetest.Env, string) {
	t.Helper()
	source, err := os.ReadFile("../workflows/payment.yaml")
	if err != nil {
		t.Fatal(err)
	}
	env := enginetest.New(t, append(nodes.Builtin(nodes.Options{}), charge.Node)...)
	env.Deploy(string(source))
	id := env.Start("payment", map[string]any{"customer": "ada", "cents": cents})
	env.Run()
	return env, id
}

func TestSmallSumsAreChargedToTheCard(t *testing.T) {
	env, id := pay(t, 4200)
	env.WantPath(id, "start", "card")
	env.WantStatus(id, flow.Completed)
}

func TestLargeSumsAreInvoiced(t *testing.T) {
	env, id := pay(t, 4_200_000)
	env.WantPath(id, "start", "card.error", "invoice")
	env.WantOutput(id, map[string]any{"paid": 4_200_000, "due": "720h0m0s"})
}
