// Package hooks receives webhooks. Signed ones come to configured names, each
// of which publishes an event or starts a workflow; what a delivery is signed
// with is its only credential, so nothing of it is read before the signature
// holds. Triggers are the webhooks that workflows declare themselves.
package hooks

import (
	"cmp"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"regexp"
	"strings"
	"time"

	"prana/engine/flow"
)

const (
	// MaxBody bounds the body of a delivery.
	MaxBody = 256 << 10
	// Tolerance is how far the time of a delivery may be from ours.
	Tolerance = 5 * time.Minute
	// MinSecret is the least number of bytes of a secret.
	MinSecret = 24
)

// Schemes of signatures.
const (
	// Standard is Standard Webhooks: id, time and body are signed, so a delivery cannot be replayed later.
	Standard = "standard"
	// HMAC is the SHA-256 HMAC of the body alone, in hexadecimal digits, with or without "sha256=" before it.
	HMAC = "hmac"
)

// Publisher offers events to what waits for them.
type Publisher interface {
	Publish(ctx context.Context, e flow.Event) (flow.PublishResult, error)
}

// Starter starts executions.
type Starter interface {
	Start(ctx context.Context, r flow.StartRequest) (flow.StartResult, error)
}

// Config is what the handler is made of.
type Config struct {
	Hooks     map[string]Hook // by name
	Publisher Publisher
	Starter   Starter
	Now       func() time.Time // nil = time.Now
	Logger    *slog.Logger     // told of deliveries that were refused; nil = none
}

// Hook is one address to deliver to. Exactly one of Event and Workflow is set.
type Hook struct {
	Event    string // publish an event of this type; its data is the body
	Workflow string // start this workflow; its input is the body
	Secret   []byte // at least 24 bytes; ParseSecret reads the usual forms
	Scheme   string // Standard when empty
	// SignatureHeader is where HMAC deliveries are signed; default X-Signature-256.
	SignatureHeader string
	// IDHeader names what makes a HMAC delivery count once; default webhook-id. Deliveries without it count
	// once by their body, so a sender whose bodies repeat must send it.
	IDHeader string
}

// ParseSecret reads a secret: "whsec_" and base64, or the bytes as they stand.
func ParseSecret(s string) ([]byte, error) {
	secret := []byte(s)
	if encoded, ok := strings.CutPrefix(s, "whsec_"); ok {
		var err error
		if secret, err = base64.StdEncoding.DecodeString(encoded); err != nil {
			return nil, errors.New("the secret is not base64 after whsec_")
		}
	}
	if len(secret) < MinSecret {
		return nil, fmt.Errorf("the secret has %d bytes; at least %d are needed", len(secret), MinSecret)
	}
	return secret, nil
}

var hookName = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]{0,63}$`)

// New makes the handler of POST /v1/hooks/{name}. It refuses hooks that would
// let anybody in, or do nothing.
func New(c Config) (http.Handler, error) {
	h := &handler{Config: c, hooks: map[string]Hook{}}
	if h.Now == nil {
		h.Now = time.Now
	}
	if h.Logger == nil {
		h.Logger = slog.New(slog.DiscardHandler)
	}
	for name, hook := range c.Hooks {
		ready, err := hook.ready(name)
		if err != nil {
			return nil, fmt.Errorf("hook %q: %w", name, err)
		}
		h.hooks[name] = ready
	}
	return h, nil
}

// ready checks a hook and fills in its defaults.
func (h Hook) ready(name string) (Hook, error) {
	h.Scheme = cmp.Or(h.Scheme, Standard)
	h.SignatureHeader = cmp.Or(h.SignatureHeader, "X-Signature-256")
	h.IDHeader = cmp.Or(h.IDHeader, "webhook-id")
	switch {
	case !hookName.MatchString(name):
		return h, errors.New("the name must be lower-case letters, digits, - and _")
	case (h.Event == "") == (h.Workflow == ""):
		return h, errors.New("exactly one of event and workflow must be set")
	case h.Scheme != Standard && h.Scheme != HMAC:
		return h, fmt.Errorf("the scheme is %q; it must be standard or hmac", h.Scheme)
	case len(h.Secret) < MinSecret:
		return h, fmt.Errorf("the secret has %d bytes; at least %d are needed", len(h.Secret), MinSecret)
	}
	return h, nil
}
