package engine

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"strings"

	"prana/engine/flow"
)

// signer makes resume tokens, and tells them from forged ones. It is the key of the store.
type signer []byte

const (
	minResumeKey = 32 // bytes of a configured key

	macChars = 43  // of 256 bits in base64
	maxToken = 120 // characters; the longest execution and step take 50 of them
)

// signer gives the key that was configured, else that of the store, which is asked for once.
func (e *Engine) signer(ctx context.Context) (signer, error) {
	if len(e.cfg.ResumeKey) > 0 {
		return e.cfg.ResumeKey, nil
	}
	if k := e.key.Load(); k != nil {
		return *k, nil
	}
	raw, err := e.store.Key(ctx)
	if err != nil {
		return nil, err
	}
	k := signer(raw)
	e.key.Store(&k)
	return k, nil
}

// token names a step to whoever may end its wait: "<execution>-<node>.<run>-<mac>", in characters that need no escaping
// in a URL. Nothing is stored for it.
func (k signer) token(execution string, id flow.StepID) string {
	name := execution + "-" + id.String()
	return name + "-" + k.mac(name)
}

// mac begins with what it is for: the key may sign other things one day.
func (k signer) mac(name string) string {
	h := hmac.New(sha256.New, k)
	h.Write([]byte("prana:resume:" + name))
	return base64.RawURLEncoding.EncodeToString(h.Sum(nil))
}

// read gives what a token names; ok is false when this key did not make it.
func (k signer) read(token string) (execution string, id flow.StepID, ok bool) {
	cut := len(token) - macChars - 1
	if cut < 0 || len(token) > maxToken {
		return "", id, false
	}
	name, mac := token[:cut], token[cut:]
	if !hmac.Equal([]byte("-"+k.mac(name)), []byte(mac)) {
		return "", id, false
	}
	execution, step, _ := strings.Cut(name, "-")
	id, err := flow.ParseStepID(step)
	return execution, id, err == nil
}
