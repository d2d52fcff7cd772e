package worker

import (
	"fmt"
	"log/slog"
	"strings"
)

// logger gives asynq's log lines to slog. Its chatter about starting and stopping
// becomes debug; so does what the handlers have said better already.
type logger struct{ to *slog.Logger }

func (l logger) Debug(args ...any) { l.to.Debug(line(args)) }
func (l logger) Info(args ...any)  { l.to.Debug(line(args)) }
func (l logger) Error(args ...any) { l.to.Error(line(args)) }

// Fatal only logs: asynq's servers never call it after they started, and a
// library does not end its process.
func (l logger) Fatal(args ...any) { l.to.Error(line(args)) }

func (l logger) Warn(args ...any) {
	text := line(args)
	if strings.Contains(text, "Retry exhausted for task") {
		l.to.Debug(text)
		return
	}
	l.to.Warn(text)
}

func line(args []any) string { return "asynq: " + fmt.Sprint(args...) }
