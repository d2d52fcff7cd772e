package flow

import (
	"cmp"
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"math/big"
	"strconv"
	"strings"
)

const (
	base62     = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	idDigits   = 22 // 128 bits in base 62
	opDigits   = 11 // 64 bits in base 62
	maxPartLen = 4
)

// NewExecutionID makes the id of an execution that lives in the partition: its
// number in base 36, then 128 random bits in base 62 (23 to 26 characters).
func NewExecutionID(partition int) string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails: crypto/rand aborts the process instead
	digits := encode62(new(big.Int).SetBytes(b[:]), idDigits)
	return strconv.FormatInt(int64(partition), 36) + digits
}

// PartitionOf tells the partition of an execution id, and whether s is one.
func PartitionOf(s string) (int, bool) {
	head := len(s) - idDigits
	if head < 1 || head > maxPartLen {
		return 0, false
	}
	for i := head; i < len(s); i++ {
		if !isBase62(s[i]) {
			return 0, false
		}
	}
	if c := s[0]; head == 1 && '0' <= c && c <= '9' { // most are one of few
		return int(c - '0'), true
	}
	n, err := strconv.ParseUint(s[:head], 36, 20)
	if err != nil || strconv.FormatUint(n, 36) != s[:head] {
		return 0, false
	}
	return int(n), true
}

func isBase62(c byte) bool {
	return '0' <= c && c <= '9' || 'A' <= c && c <= 'Z' || 'a' <= c && c <= 'z'
}

// NewToken makes a random name for a dispatch or an operation: 64 bits in base 62.
func NewToken() string {
	var b [8]byte
	_, _ = rand.Read(b[:])
	n := binary.BigEndian.Uint64(b[:])
	var out [opDigits]byte
	for i := opDigits - 1; i >= 0; i-- {
		out[i] = base62[n%62]
		n /= 62
	}
	return string(out[:])
}

func encode62(n *big.Int, width int) string {
	out := make([]byte, width)
	base, digit := big.NewInt(62), new(big.Int)
	for i := width - 1; i >= 0; i-- {
		n.DivMod(n, base, digit)
		out[i] = base62[digit.Int64()]
	}
	return string(out)
}

// StepID names one activation of a node inside an execution: the index of the
// node in its definition, and which run of that node it is (both from 0).
type StepID struct{ Node, Run int }

// String gives "node.run", such as "3.000". The run has three digits at least, so
// that names sort, and a step late in a loop costs no more to store than an early one.
func (id StepID) String() string {
	var short [16]byte
	b := append(strconv.AppendInt(short[:0], int64(id.Node), 10), '.')
	return string(AppendWide(b, int64(id.Run), 3))
}

// AppendWide adds a number that is not negative, with zeros in front up to a width.
func AppendWide(b []byte, n int64, width int) []byte {
	digits := strconv.FormatInt(n, 10)
	for range width - len(digits) {
		b = append(b, '0')
	}
	return append(b, digits...)
}

// Compare orders steps by node, then by run.
func (id StepID) Compare(other StepID) int {
	return cmp.Or(id.Node-other.Node, id.Run-other.Run)
}

// MarshalText writes the id as String does.
func (id StepID) MarshalText() ([]byte, error) { return []byte(id.String()), nil }

// UnmarshalText reads what MarshalText wrote.
func (id *StepID) UnmarshalText(b []byte) (err error) {
	*id, err = ParseStepID(string(b))
	return err
}

// ParseStepID reads what String gives.
func ParseStepID(s string) (StepID, error) {
	node, run, ok := strings.Cut(s, ".")
	n, err1 := strconv.ParseUint(node, 10, 31)
	r, err2 := strconv.ParseUint(run, 10, 31)
	if !ok || err1 != nil || err2 != nil {
		return StepID{}, fmt.Errorf("%q is not a step id (node.run)", Cut(s, 40))
	}
	return StepID{Node: int(n), Run: int(r)}, nil
}

// SuspensionID names one wait of one step: a later wait of the same step has
// another turn, so an old name never resumes a new wait. One that goes on after time interrupted it is the same wait (Step.WaitsAs).
type SuspensionID struct {
	Execution string
	Step      StepID
	Turn      int
}

// String gives "execution:node.run:turn".
func (id SuspensionID) String() string {
	return id.Execution + ":" + id.Step.String() + ":" + strconv.Itoa(id.Turn)
}

// ParseSuspensionID reads what String gives.
func ParseSuspensionID(s string) (SuspensionID, error) {
	parts := strings.Split(s, ":")
	if len(parts) != 3 {
		return SuspensionID{}, fmt.Errorf("%q is not a suspension id (execution:node.run:turn)", Cut(s, 60))
	}
	step, err := ParseStepID(parts[1])
	if err != nil {
		return SuspensionID{}, err
	}
	turn, err := strconv.ParseUint(parts[2], 10, 31)
	if _, ok := PartitionOf(parts[0]); !ok || err != nil {
		return SuspensionID{}, fmt.Errorf("%q is not a suspension id (execution:node.run:turn)", Cut(s, 60))
	}
	return SuspensionID{Execution: parts[0], Step: step, Turn: int(turn)}, nil
}
