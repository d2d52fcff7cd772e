package telemetry

// Scope is the name under which spans and metrics of the engine are reported.
const Scope = "prana/engine"

// Names of spans. The span of a step carries the key of its node behind the name.
const (
	SpanStart = "prana.start"
	SpanStep  = "prana.step"
)

// Attributes of spans and of their events.
const (
	AttrExecution   = "prana.execution.id"
	AttrParent      = "prana.execution.parent_id"
	AttrWorkflow    = "prana.workflow.id"
	AttrVersion     = "prana.workflow.version"
	AttrNode        = "prana.node.key"
	AttrNodeType    = "prana.node.type"
	AttrRun         = "prana.run"
	AttrAttempt     = "prana.attempt"
	AttrSeq         = "prana.seq"
	AttrKind        = "prana.dispatch.kind"
	AttrPort        = "prana.port"
	AttrSuspendType = "prana.suspend_type"
	AttrResumedBy   = "prana.resumed_by"
	AttrSlept       = "prana.slept_ms"
	AttrTook        = "prana.took_ms"
)

// Attributes that the conventions of OpenTelemetry name. The queue and the id
// of a message are known to the worker alone, which adds them itself.
const (
	AttrErrorType   = "error.type"
	AttrSystem      = "messaging.system"
	AttrOperation   = "messaging.operation.type"
	AttrDestination = "messaging.destination.name"
	AttrMessageID   = "messaging.message.id"

	System           = "asynq"
	OperationSend    = "send"
	OperationProcess = "process"
)

// Names of metrics that the middleware counts. All durations are milliseconds.
const (
	MetricSuspensionCreated  = "prana.suspension.created"
	MetricSuspensionResumed  = "prana.suspension.resumed" // how long it slept
	MetricStepCompleted      = "prana.step.completed"
	MetricStepFailed         = "prana.step.failed"
	MetricStepDuration       = "prana.step.duration"
	MetricRetryScheduled     = "prana.retry.scheduled"
	MetricRetrySucceeded     = "prana.retry.succeeded"
	MetricRetryExhausted     = "prana.retry.exhausted"
	MetricExecutionStarted   = "prana.execution.started"
	MetricExecutionCompleted = "prana.execution.completed"
	MetricExecutionFailed    = "prana.execution.failed"
	MetricExecutionCancelled = "prana.execution.cancelled"
)

// Names of metrics that the engine counts itself.
const (
	MetricFenced       = "prana.commit.fenced"
	MetricSweeps       = "prana.sweep.runs"
	MetricSwept        = "prana.sweep.overdue"
	MetricRedispatched = "prana.step.redispatched"
	MetricQuarantined  = "prana.step.quarantined"
	MetricRefused      = "prana.stream.refused"
)

// Labels of metrics. Each has few values, bounded by what is deployed; the id
// of an execution is never one of them.
const (
	LabelType     = "type"
	LabelNodeType = "node_type"
	LabelWorkflow = "workflow"
	LabelStream   = "stream" // as it is called in the configuration
)
