// Package charge is a node that takes money.
package charge

import (
	"context"
	"time"

	"prana/engine/flow"
	"prana/engine/node"
)

// Node is acme.charge. Its parameters and output come from the types below.
var Node = node.Typed(node.Type{Name: "acme.charge", Summary: "Charges a customer, once for each order.", Timeout: 10 * time.Second}, charge)

type params struct {
	Customer string        `json:"customer" doc:"Who pays."`
	Cents    int           `json:"cents" doc:"How much." min:"1"`
	Method   string        `json:"method" doc:"How it is paid." enum:"card,invoice" default:"card"`
	Due      time.Duration `json:"due,omitempty" doc:"How long an invoice may wait."`
}

type receipt struct {
	ID    string        `json:"id" doc:"The payment."`
	Cents int           `json:"cents" doc:"What was paid."`
	Due   time.Duration `json:"due" doc:"How long it may wait."`
}

// charge asks the bank. It may run again after a crash: the key, the same each time, keeps the customer from paying twice.
func charge(_ context.Context, c *node.Call, in params) (receipt, error) {
	if in.Method == "card" && in.Cents > 100_000 {
		return receipt{}, &flow.Problem{Code: "card_limit", Message: "the card does not cover it; send an invoice", Permanent: true}
	}
	return receipt{ID: "pay-" + c.Key, Cents: in.Cents, Due: in.Due}, nil // here the call to the bank
}
