package hooks

import (
	"cmp"
	"encoding/base64"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"prana/engine/eval"
	"prana/engine/flow"
)

// Hook is one address to deliver to. Exactly one of Event and Workflow is set.
type Hook struct {
	Event    string // publish an event of this type, which may hold templates; its data is the body
	Workflow string // start this workflow; its input is the body
	Scheme   string // Standard when empty
	// Secrets sign the deliveries, or are the tokens of Bearer: each of at least 24 bytes, any of them counts, so that one
	// can replace another. None has none. Standard reads "whsec_" and base64 as the bytes that are meant.
	Secrets []string
	// Header is where the signature of HMAC stands (default X-Signature-256), or the token of Bearer (default
	// Authorization, after the word Bearer).
	Header    string
	Prefix    string // of the signature of HMAC; default none
	Algorithm string // of HMAC: sha256 (default) or sha512
	Encoding  string // of HMAC: hex (default) or base64
	// TimestampHeader of HMAC holds the time in seconds; the signature is that of "time.body" then, and old deliveries
	// are refused. Default none: that of the body alone.
	TimestampHeader string
	// IDHeader names what makes a delivery count once, for HMAC, Bearer and None; default webhook-id. Without it,
	// deliveries count once by their body.
	IDHeader string

	// ID, Data and When are expressions over $body, $headers and $query: what makes a delivery count once, the data of the
	// event or input of the workflow, and whether the delivery is of use. Empty = as above, the body, yes.
	ID, Data, When string
}

// hook is a Hook that was checked, with defaults.
type hook struct {
	Hook
	scheme scheme
	keys   []key
	tokens []string

	id, event, data, when *eval.Program // nil = none
}

var (
	hookName   = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]{0,63}$`)
	headerName = regexp.MustCompile(`^[A-Za-z0-9-]{1,64}$`)
)

// prepare checks hooks. All of them, and the one that stands in for those that do not exist, judge a delivery with the
// same effort: each has as many keys of each kind, and those that it lacks are nobody's.
func prepare(all map[string]Hook) (ready map[string]*hook, nobody *hook, err error) {
	ready, nobody = map[string]*hook{}, &hook{Hook: Hook{Scheme: Standard}, scheme: schemes[Standard]}
	for name, h := range all {
		if ready[name], err = h.ready(name); err != nil {
			return nil, nil, fmt.Errorf("hook %q: %w", flow.Cut(name, 64), err)
		}
	}
	for _, a := range []string{sha256Name, sha512Name} {
		most := 0
		for _, h := range ready {
			most = max(most, h.count(a))
		}
		if a == sha256Name {
			most = max(1, most)
		}
		nobody.pad(a, most)
		for _, h := range ready {
			h.pad(a, most)
		}
	}
	return ready, nobody, nil
}

// ready checks a hook and fills in its defaults.
func (h Hook) ready(name string) (*hook, error) {
	h.Scheme = cmp.Or(h.Scheme, Standard)
	if err := h.check(name); err != nil {
		return nil, err
	}
	r := &hook{Hook: h, scheme: schemes[h.Scheme]}
	r.Header = cmp.Or(h.Header, r.scheme.header)
	r.Algorithm = cmp.Or(h.Algorithm, sha256Name)
	r.IDHeader = cmp.Or(h.IDHeader, "webhook-id")
	return r, errors.Join(r.readSecrets(), r.compile())
}

func (h Hook) check(name string) error {
	s, known := schemes[h.Scheme]
	switch {
	case !hookName.MatchString(name):
		return errors.New("the name must be lower-case letters, digits, - and _")
	case (h.Event == "") == (h.Workflow == ""):
		return errors.New("exactly one of event and workflow must be set")
	case !known:
		return fmt.Errorf("the scheme is %q; it must be standard, github, stripe, slack, hmac, bearer or none", h.Scheme)
	case h.Algorithm != "" && h.Algorithm != sha256Name && h.Algorithm != sha512Name:
		return fmt.Errorf("the algorithm is %q; it must be sha256 or sha512", h.Algorithm)
	case h.Encoding != "" && h.Encoding != "hex" && h.Encoding != "base64":
		return fmt.Errorf("the encoding is %q; it must be hex or base64", h.Encoding)
	}
	for option, value := range h.options() {
		if value != "" && !slices.Contains(s.options, option) {
			return fmt.Errorf("%s means nothing to the scheme %s; remove it", option, h.Scheme)
		}
		if value != "" && strings.HasSuffix(option, "header") && !headerName.MatchString(value) {
			return fmt.Errorf("%s is %q; that is no name of a header", option, flow.Cut(value, 64))
		}
	}
	return nil
}

// options are what only some schemes have.
func (h Hook) options() map[string]string {
	return map[string]string{
		"header": h.Header, "prefix": h.Prefix, "algorithm": h.Algorithm, "encoding": h.Encoding,
		"timestamp_header": h.TimestampHeader, "id_header": h.IDHeader,
	}
}

// readSecrets refuses secrets that could be guessed: an empty one lets everybody in.
func (h *hook) readSecrets() error {
	if h.Scheme == None {
		if len(h.Secrets) > 0 {
			return errors.New("the scheme none checks nothing, so that a secret only seems to protect it; remove one of the two")
		}
		return nil
	}
	if len(h.Secrets) == 0 {
		return fmt.Errorf("the scheme %s needs a secret of at least %d bytes", h.Scheme, MinSecret)
	}
	for _, text := range h.Secrets {
		secret, err := []byte(text), longEnough([]byte(text))
		if h.Scheme == Standard {
			secret, err = ParseSecret(text)
		}
		if err != nil {
			return err
		}
		if h.Scheme == Bearer {
			h.tokens = append(h.tokens, text)
		} else {
			h.keys = append(h.keys, key{h.Algorithm, secret})
		}
	}
	return nil
}

// ParseSecret reads a secret of Standard Webhooks: "whsec_" and base64, or the bytes as they stand.
func ParseSecret(s string) ([]byte, error) {
	secret := []byte(s)
	if encoded, ok := strings.CutPrefix(s, "whsec_"); ok {
		var err error
		if secret, err = base64.StdEncoding.DecodeString(encoded); err != nil {
			return nil, errors.New("the secret is not base64 after whsec_")
		}
	}
	return secret, longEnough(secret)
}

func longEnough(secret []byte) error {
	if len(secret) < MinSecret {
		return fmt.Errorf("the secret has %d bytes; at least %d are needed", len(secret), MinSecret)
	}
	return nil
}

func (h *hook) count(algorithm string) int {
	n := 0
	for _, k := range h.keys {
		if k.algorithm == algorithm {
			n++
		}
	}
	return n
}

func (h *hook) pad(algorithm string, n int) {
	for h.count(algorithm) < n {
		h.keys = append(h.keys, key{algorithm, []byte(flow.NewToken() + flow.NewToken() + flow.NewToken())})
	}
}
