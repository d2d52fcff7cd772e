// Package tasks holds the words that Prana speaks to asynq: task types, payloads, ids, queues, and the Redis client that
// asynq's servers work with. Nothing here decides anything about an execution: a task is a hint, and losing one costs
// seconds.
package tasks
