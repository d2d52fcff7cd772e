// Package wire is what the HTTP API, its clients and the webhooks speak: the
// JSON of requests and answers, problem documents, and the strict reading of
// JSON. What is read from the store is sent as package flow has it.
package wire
