// Package courier is a node that waits.
package courier

import (
	"context"
	"time"

	"prana/engine/flow"
	"prana/engine/node"
)

// Node is acme.courier. It leaves by the port of the member that is set.
var Node = node.Typed(node.Type{Name: "acme.courier", Summary: "Waits until a parcel is collected, at most a day.", Waits: true}, collect)

type params struct {
	Parcel string `json:"parcel" doc:"Which parcel."`
}

type result struct {
	Collected *signature    `port:"main" doc:"It was collected."`
	Late      *struct{}     `port:"late" doc:"Nobody came for a day."`
	Wait      *node.Outcome // no port: it stays
}

type signature struct {
	By string `json:"by" doc:"Who signed."`
}

func collect(_ context.Context, c *node.Call, in params) (result, error) {
	switch {
	case c.Resume == nil: // the first turn: ask to wait
		return result{Wait: &node.Outcome{Suspend: &node.Suspend{
			Type: flow.CustomWait, Data: in, In: 24 * time.Hour,
			Event: &flow.Subscription{Type: "collected", Filter: map[string]any{"parcel": in.Parcel}},
		}}}, nil
	case c.Resume.By == flow.ByTimeout:
		return result{Late: &struct{}{}}, nil
	}
	s, err := node.Decode[signature](c.Resume.Data)
	return result{Collected: &s}, err
}
