package hooks

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"
	"unicode/utf8"
)

// maxID bounds the id of a delivery.
const maxID = 180

// Algorithms of keys.
const (
	sha256Name = "sha256"
	sha512Name = "sha512"
)

// key is a secret and what it signs with.
type key struct {
	algorithm string
	secret    []byte
}

func (k key) sum(content []string, body []byte) []byte {
	h := sha256.New
	if k.algorithm == sha512Name {
		h = sha512.New
	}
	mac := hmac.New(h, k.secret)
	for _, part := range content {
		mac.Write([]byte(part))
	}
	mac.Write(body)
	return mac.Sum(nil)
}

// verify tells under which id the delivery counts, empty when the body has it, if it proves that it is meant for the
// hook. The error says to operators why it does not; whatever it is, all signatures were computed.
func (h *hook) verify(d delivery, now time.Time) (id string, err error) {
	p := h.scheme.read(h, d)
	proven := h.holds(p, d.body) || h.Scheme == None
	switch {
	case p.fault != nil:
		return "", p.fault
	case !proven && len(p.given) == 0 && p.token == "":
		return "", fmt.Errorf("it has no signature or token in the header %s, in the form that the scheme %s has", h.Header, h.Scheme)
	case !proven:
		return "", errors.New("its signature or token fits no secret of the hook")
	case len(p.id) > maxID || !utf8.ValidString(p.id):
		return "", fmt.Errorf("its id is not a text of at most %d bytes", maxID)
	case p.stamped:
		return p.id, recent(p.stamp, now)
	}
	return p.id, nil
}

// holds compares every signature with that of every key, in a time that tells nothing.
func (h *hook) holds(p proof, body []byte) bool {
	found := 0
	for _, k := range h.keys {
		want := k.sum(p.content, body)
		for _, given := range p.given {
			found |= asInt(hmac.Equal(given, want))
		}
	}
	for _, token := range h.tokens {
		found |= alike(p.token, token)
	}
	return found == 1
}

func asInt(b bool) int {
	if b {
		return 1
	}
	return 0
}

func recent(stamp string, now time.Time) error {
	seconds, err := strconv.ParseInt(stamp, 10, 64)
	if err != nil {
		return errors.New("its time is not a number of seconds")
	}
	if off := now.Sub(time.Unix(seconds, 0)); off.Abs() > Tolerance {
		return fmt.Errorf("its time is %s off; at most %s are accepted", off.Abs(), Tolerance)
	}
	return nil
}

// bodyID is what the body says that it is called, in exactly that spelling; else its digest.
func (h *hook) bodyID(body []byte) string {
	var members map[string]json.RawMessage
	var id string
	if h.scheme.member != "" && json.Unmarshal(body, &members) == nil &&
		json.Unmarshal(members[h.scheme.member], &id) == nil && id != "" && len(id) <= maxID {
		return id
	}
	return digest(body)
}

func digest(body []byte) string {
	sum := sha256.Sum256(body)
	return hex.EncodeToString(sum[:])
}
