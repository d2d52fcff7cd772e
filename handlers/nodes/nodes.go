// Package nodes is the built-in node library: the types that every worker
// knows. One file holds one type; a type is described as data and runs one
// step. Everything a node needs comes with the call, so types have no state.
package nodes

import (
	"log/slog"
	"net/http"

	"prana/engine/flow"
	"prana/engine/node"
)

// Options are the choices of an operator that the nodes depend on. The zero
// value is safe: nodes reach public addresses only.
type Options struct {
	// Egress says which addresses HTTP nodes may reach. It is not used when HTTP is set.
	Egress Egress
	// HTTP replaces the guarded client; its transport is then all that stands between a
	// workflow and the network. nil = NewClient(Egress). Its CheckRedirect is never used.
	HTTP *http.Client
	// MaxResponse bounds the bytes of a response body, decompressed; 0 = DefaultMaxResponse.
	MaxResponse int64
	// Logger is used by calls that bring none; nil = nothing is logged then.
	Logger *slog.Logger
}

// DefaultMaxResponse bounds a response body when the options say nothing: 1 MiB.
const DefaultMaxResponse = 1 << 20

// Builtin gives the built-in node types, sorted by name.
func Builtin(o Options) []node.Type {
	w := newWeb(o)
	return []node.Type{
		codeExpr(),
		coreForEach(),
		coreLog(o.Logger),
		dataMerge(),
		dataSetData(),
		httpRequest(w),
		webhookRespond(),
		webhookTrigger(),
		logicIf(),
		logicSwitch(),
		manualTrigger(),
		pollUntil(w),
		cronTrigger(),
		timeDelay(),
		waitApproval(),
		timedWait(),
		waitFor(),
		waitForEvent(o.Logger),
		executeWorkflow(),
		setState(),
	}
}

// maxWaitMS bounds every wait: 400 days in milliseconds.
const maxWaitMS = 400 * 24 * 3600 * 1000

// codeTimeout is the code of everything that ended because time ran out.
const codeTimeout = "timeout"

// logger gives the logger of the call, with what every line should tell.
func logger(c *node.Call, fallback *slog.Logger) *slog.Logger {
	l := c.Logger
	if l == nil {
		l = fallback
	}
	if l == nil {
		l = slog.New(slog.DiscardHandler)
	}
	return l.With("workflow", c.Workflow, "execution", c.Execution, "node", c.Node)
}

// sampleSize bounds what is kept of a body for people to look at.
const sampleSize = 2048

// sample gives the value itself when it is small, else the beginning of its JSON.
func sample(v any) any {
	if s, ok := v.(string); ok {
		return flow.Cut(s, sampleSize)
	}
	raw, err := flow.Encode(v)
	if err != nil || len(raw) > sampleSize {
		return flow.Cut(string(raw), sampleSize)
	}
	return v
}
