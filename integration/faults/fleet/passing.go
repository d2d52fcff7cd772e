package fleet

import (
	"context"
	"errors"

	"prana/engine/flow"
	"prana/handlers/api/client"
)

// Passing tells whether an answer asks to try again: nobody answered, or the server could not, for now.
func Passing(err error) bool {
	var answer *client.Error
	return errors.Is(err, client.ErrUnreachable) || errors.Is(err, flow.ErrUnavailable) || errors.Is(err, context.DeadlineExceeded) ||
		errors.As(err, &answer) && answer.Status >= 500
}
