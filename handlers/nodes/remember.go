package nodes

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// remember reads what a node noted when it began to wait. Numbers of users in it keep all their digits.
func remember(note json.RawMessage, into any) error {
	dec := json.NewDecoder(bytes.NewReader(note))
	dec.UseNumber()
	if err := dec.Decode(into); err != nil {
		return fmt.Errorf("reading what the wait remembers: %w", err)
	}
	return nil
}
