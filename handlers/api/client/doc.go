// Package client speaks to a Prana server over HTTP: it starts executions and
// waits for them, follows them, publishes events, ends waits, and lists what
// there is. No part of the engine or of the queue comes with it.
//
// Requests and answers are the nouns of package flow. [For] gives a workflow
// types of its own for input and output:
//
//	orders := client.For[Order, Receipt](c, "order_approval")
//	receipt, err := orders.Run(ctx, Order{ID: 42})
//
// # Following
//
// [Client.Follow] goes through the changes of one execution, each run of a node
// whole, until its end. [Client.Stream] goes through the events of all of them, or
// of a workflow, for as long as the context lives: each once, over as many
// connections as it takes. Both outlive a server that is replaced; where something
// in between holds the stream back, Follow asks again and again instead.
//
// # Errors
//
// [ErrUnreachable] means that no answer came. An answer that is not the one
// hoped for is an [*Error]: errors.Is finds what kind it is ([ErrNotFound],
// [ErrConflict] and so on), errors.As its code, message and details. An
// execution that did not complete is an [*ExecutionError], which matches
// [ErrFailed], [ErrTimedOut] or [ErrCancelled].
//
// # Trying again
//
// While the server cannot be reached, or says that it is unavailable, a request
// is made again for as long as [Client.Patience] says, with growing pauses that
// obey Retry-After, and never beyond the deadline of the context. That happens
// only where it is safe: to requests that change nothing, and to those that
// count once. Whoever gives no ID to a request that may have one is given a
// random one, made once per call, so that its repetitions count once too.
package client
