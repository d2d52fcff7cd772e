package suspend

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"strings"

	"prana/engine/flow"
)

// Entries of the due index: "<execution>:<step>", "<execution>:!" for the
// deadline of the whole execution, "<execution>:>" for its outbox.
const (
	deadlineEntry = "!"
	outboxEntry   = ">"
)

func stepEntry(execution string, id flow.StepID) string { return execution + ":" + id.String() }

func splitEntry(s string) (execution, rest string, err error) {
	execution, rest, ok := strings.Cut(s, ":")
	if !ok {
		return "", "", fmt.Errorf("%q is not an entry of the due index", flow.Cut(s, 80))
	}
	return execution, rest, nil
}

// hashed makes a short, safe part of a key from text of users.
func hashed(s string) string {
	sum := sha256.Sum256([]byte(s))
	return base64.RawURLEncoding.EncodeToString(sum[:15])
}
