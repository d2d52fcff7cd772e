// Package telemetry says how an execution is seen from outside: the names of
// spans, attributes and metrics, the carriers by which one trace follows an
// execution through every suspension, and the middlewares that log, count and
// trace. It knows the API of OpenTelemetry only; whoever wires the program
// chooses an SDK, and without one all of this costs next to nothing.
package telemetry
