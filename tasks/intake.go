package tasks

import (
	"encoding/json"
	"unicode/utf8"

	"prana/engine/flow"
)

// IntakeQueue is the only queue that other services enqueue on.
const IntakeQueue = "prana"

// Task types of the intake queue. They and their payloads are frozen: version 1.
const (
	TypeStart  = "prana:start"
	TypeEvent  = "prana:event"
	TypeResume = "prana:resume"
	TypeCancel = "prana:cancel"
)

// MaxPayload is the size in bytes beyond which an intake task is refused.
const MaxPayload = 1 << 20

// Bounds of single fields, in bytes unless said otherwise.
const (
	maxID        = 256
	maxEventType = 128 // characters
	maxReason    = 4096
)

// Intake is one of Start, Event, Resume and Cancel.
type Intake interface {
	// TaskType is the asynq task type that carries it.
	TaskType() string
	names() []string
	check() error
}

// Start asks for a new execution.
type Start struct {
	Workflow string          `json:"workflow"`
	Input    json.RawMessage `json:"input,omitempty"` // empty = null
	ID       string          `json:"id,omitempty"`    // the same id never starts twice; empty = the TaskID
}

// Event tells of something that happened.
type Event struct {
	Type string          `json:"type"`
	Data json.RawMessage `json:"data,omitempty"` // empty = null
	ID   string          `json:"id,omitempty"`   // the same id counts once; empty = the TaskID
}

// Resume ends one wait: of ExecutionID (and Node, when there are several), or
// the one that Token stands for.
type Resume struct {
	ExecutionID string          `json:"execution_id,omitempty"`
	Node        string          `json:"node,omitempty"`  // key; only with ExecutionID
	Token       string          `json:"token,omitempty"` // what a resume URL ends with, or the id of a suspension
	Data        json.RawMessage `json:"data,omitempty"`  // empty = null
}

// Cancel ends an execution before its time.
type Cancel struct {
	ExecutionID string `json:"execution_id"`
	Reason      string `json:"reason"`
}

// TaskType gives TypeStart.
func (Start) TaskType() string { return TypeStart }

// TaskType gives TypeEvent.
func (Event) TaskType() string { return TypeEvent }

// TaskType gives TypeResume.
func (Resume) TaskType() string { return TypeResume }

// TaskType gives TypeCancel.
func (Cancel) TaskType() string { return TypeCancel }

func (Start) names() []string  { return []string{"v", "workflow", "input", "id"} }
func (Event) names() []string  { return []string{"v", "type", "data", "id"} }
func (Resume) names() []string { return []string{"v", "execution_id", "node", "token", "data"} }
func (Cancel) names() []string { return []string{"v", "execution_id", "reason"} }

// EncodeIntake gives the payload of version 1. It refuses what DecodeIntake
// would refuse, with the same errors.
func EncodeIntake(m Intake) ([]byte, error) {
	if err := m.check(); err != nil {
		return nil, err
	}
	raw, err := flow.Encode(m)
	if err != nil {
		return nil, invalid(m.TaskType(), err.Error())
	}
	payload := append([]byte(`{"v":1,`), raw[1:]...)
	return payload, checkSize(m.TaskType(), payload)
}

// DecodeIntake reads the payload of an intake task. Errors match flow.ErrInvalid
// (with what is wrong), or flow.ErrTooLarge beyond MaxPayload.
func DecodeIntake(taskType string, payload []byte) (Intake, error) {
	switch taskType {
	case TypeStart:
		return decode[Start](payload)
	case TypeEvent:
		return decode[Event](payload)
	case TypeResume:
		return decode[Resume](payload)
	case TypeCancel:
		return decode[Cancel](payload)
	}
	return nil, flow.Problemf(flow.ErrInvalid.Code, "there is no task type %q on the queue %q", flow.Cut(taskType, 64), IntakeQueue)
}

func decode[M Intake](payload []byte) (Intake, error) {
	var m M
	if err := checkSize(m.TaskType(), payload); err != nil {
		return nil, err
	}
	found, err := fields(payload, m.names()...)
	if err != nil {
		return nil, invalid(m.TaskType(), err.Error())
	}
	if string(found["v"]) != "1" {
		return nil, invalid(m.TaskType(), `"v" must be 1`)
	}
	if err := json.Unmarshal(payload, &m); err != nil {
		return nil, invalid(m.TaskType(), err.Error())
	}
	if err := m.check(); err != nil {
		return nil, err
	}
	return m, nil
}

func (m Start) check() error {
	if !flow.ValidWorkflowID(m.Workflow) {
		return invalid(TypeStart, `"workflow" must be the id of a workflow`)
	}
	return checkID(TypeStart, m.ID)
}

func (m Event) check() error {
	if n := utf8.RuneCountInString(m.Type); n < 1 || n > maxEventType {
		return invalid(TypeEvent, `"type" must have 1 to 128 characters`)
	}
	return checkID(TypeEvent, m.ID)
}

func (m Resume) check() error {
	if (m.ExecutionID == "") == (m.Token == "") {
		return invalid(TypeResume, `either "execution_id" or "token" must be given`)
	}
	if m.Token != "" && m.Node != "" {
		return invalid(TypeResume, `"node" goes with "execution_id" only; a token names its node itself`)
	}
	if len(m.Token) > maxID || len(m.Node) > maxID {
		return invalid(TypeResume, `"token" and "node" have at most 256 bytes`)
	}
	if m.Token != "" {
		return nil
	}
	return checkExecution(TypeResume, m.ExecutionID)
}

func (m Cancel) check() error {
	if len(m.Reason) > maxReason {
		return invalid(TypeCancel, `"reason" has at most 4096 bytes`)
	}
	return checkExecution(TypeCancel, m.ExecutionID)
}

func checkExecution(taskType, id string) error {
	if _, ok := flow.PartitionOf(id); !ok {
		return invalid(taskType, `"execution_id" must be the id of an execution`)
	}
	return nil
}

func checkID(taskType, id string) error {
	if len(id) > maxID {
		return invalid(taskType, `"id" has at most 256 bytes`)
	}
	return nil
}

func checkSize(taskType string, payload []byte) error {
	if len(payload) <= MaxPayload {
		return nil
	}
	return flow.Problemf(flow.ErrTooLarge.Code, "%s: the payload has %d bytes; at most %d are taken", taskType, len(payload), MaxPayload)
}

func invalid(taskType, what string) error {
	return flow.Problemf(flow.ErrInvalid.Code, "%s: %s", taskType, what)
}
