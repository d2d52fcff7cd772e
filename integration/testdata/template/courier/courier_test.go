package courier_test

import (
	"os"
	"testing"
	"time"

	"prana/engine/enginetest"
	"prana/engine/flow"
	"prana/handlers/nodes"

	"example.com/acme/courier"
)

func deliver(t *testing.T) (*enginetest.Env, string) {
	t.Helper()
	source, err := os.ReadFile("../workflows/delivery.yaml")
	if err != nil {
		t.Fatal(err)
	}
	env := enginetest.New(t, append(nodes.Builtin(nodes.Options{}), courier.Node)...)
	env.Deploy(string(source))
	id := env.Start("delivery", map[string]any{"parcel": "p1"})
	env.Run()
	env.WantStatus(id, flow.Suspended)
	return env, id
}

func TestCollected(t *testing.T) {
	env, id := deliver(t)
	env.Publish("collected", map[string]any{"parcel": "p1", "by": "ada"})
	env.Run()
	env.WantOutput(id, "ada")
}

func TestNobodyComes(t *testing.T) {
	env, id := deliver(t)
	env.Advance(24 * time.Hour)
	env.WantPath(id, "start", "courier.late", "remind")
}
