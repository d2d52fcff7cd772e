package nodes

import (
	"context"
	"log/slog"
	"strings"

	"prana/engine/flow"
	"prana/engine/node"
)

// maxLogged bounds what one line of the log holds of a message, and of data.
const maxLogged = 4096

var logFields = []node.Field{
	{Name: "message", Kind: node.Any, Default: "Log Action", Summary: "What to write; objects and lists as JSON."},
	{Name: "level", Kind: node.String, Default: "info", Enum: []string{"debug", "info", "warn", "error"}, Summary: "How grave it is."},
	{Name: "data", Kind: node.Any, Summary: "Written beside the message, as JSON; nothing by default, because inputs may hold what logs must not."},
}

func coreLog(fallback *slog.Logger) node.Type {
	return node.Type{
		Name:    "core.log",
		Summary: "Writes a line to the worker's log and leaves with the input as it came.",
		Fields:  logFields,
		Output:  []node.Output{{Pass: true}},
		Examples: []node.Example{
			{
				Title:  "Note what happened",
				Params: map[string]any{"message": "order {{ $input.order_id }} has no answer", "level": "warn", "data": map[string]any{"total": "$input.total"}},
				Input:  map[string]any{"order_id": 7, "total": 12.5}, Output: map[string]any{"order_id": 7, "total": 12.5},
			},
		},
		Run: func(ctx context.Context, c *node.Call) (node.Outcome, error) { return runLog(ctx, c, fallback) },
	}
}

func runLog(ctx context.Context, c *node.Call, fallback *slog.Logger) (node.Outcome, error) {
	v := values(c.Params)
	var attrs []slog.Attr
	if data := v["data"]; data != nil {
		attrs = append(attrs, slog.String("data", flow.Cut(text(data), maxLogged)))
	}
	logger(c, fallback).LogAttrs(ctx, logLevel(v.text("level")), flow.Cut(text(v["message"]), maxLogged), attrs...)
	return node.Outcome{PassInput: true}, nil
}

func logLevel(name string) slog.Level {
	var l slog.Level
	if err := l.UnmarshalText([]byte(strings.ToUpper(name))); err != nil {
		return slog.LevelInfo
	}
	return l
}
