package nodes

import (
	"net/http"
	"net/textproto"
	"slices"
	"strings"

	"prana/engine/node"
)

// What every request that may change something carries, so that the receiver
// can count it once.
const (
	headerKey     = "Idempotency-Key"
	headerAttempt = "X-Prana-Attempt"
)

// maxHeaders bounds the headers of a request, in values and in bytes.
const (
	maxHeaders     = 64
	maxHeaderBytes = 64 << 10
)

// reserved are headers that belong to the connection, not to its user.
var reserved = []string{
	"Connection", "Content-Length", "Expect", "Host", "Keep-Alive", "Proxy-Authorization",
	"Proxy-Connection", "Te", "Trailer", "Transfer-Encoding", "Upgrade",
}

// parseHeaders reads name -> value, or name -> list of values.
func parseHeaders(m map[string]any) (http.Header, error) {
	h := make(http.Header, len(m)+4)
	count, size := 0, 0
	for name, v := range m {
		canonical := textproto.CanonicalMIMEHeaderKey(name)
		if !isToken(name) || slices.Contains(reserved, canonical) {
			return nil, invalid("headers", "has the name %q, which cannot be set", name)
		}
		for _, one := range listOf(v) {
			value := text(one)
			if !isHeaderValue(value) {
				return nil, invalid("headers."+name, "has a line break or another control character in its value")
			}
			h.Add(canonical, value)
			count, size = count+1, size+len(name)+len(value)
		}
	}
	if count > maxHeaders || size > maxHeaderBytes {
		return nil, invalid("headers", "has more than %d values or %d bytes", maxHeaders, maxHeaderBytes)
	}
	return h, nil
}

func isToken(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool {
		return r <= ' ' || r >= 0x7f || strings.ContainsRune(`"(),/:;<=>?@[\]{}`, r)
	})
}

func isHeaderValue(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f })
}

var authFields = []node.Field{
	{Name: "type", Kind: node.String, Required: true, Enum: []string{"basic", "bearer", "api_key"}, Summary: "How to prove who asks."},
	{Name: "username", Kind: node.String, Summary: "Of basic."},
	{Name: "password", Kind: node.String, Secret: true, Summary: "Of basic."},
	{Name: "token", Kind: node.String, Secret: true, Summary: "Of bearer."},
	{Name: "key", Kind: node.String, Secret: true, Summary: "Of api_key."},
	{Name: "header", Kind: node.String, Default: "X-API-Key", Summary: "Of api_key: the header that carries it."},
}

// authorize adds a credential to the headers. It wins over a header of the same name.
func authorize(h http.Header, auth values) error {
	switch auth.text("type") {
	case "basic":
		r := http.Request{Header: h}
		r.SetBasicAuth(auth.text("username"), auth.text("password"))
		return nil
	case "bearer":
		return setCredential(h, "auth.token", "Authorization", "Bearer ", auth.text("token"))
	case "api_key":
		return setCredential(h, "auth.key", auth.text("header"), "", auth.text("key"))
	}
	return nil
}

// setCredential never repeats the value: what is wrong with it may still be a secret.
func setCredential(h http.Header, path, header, prefix, value string) error {
	if value == "" {
		return invalid(path, "is missing; a $secrets.NAME that the worker was not given (PRANA_SECRET_NAME) is null")
	}
	if !isHeaderValue(value) {
		return invalid(path, "has a control character in it")
	}
	if !isToken(header) || slices.Contains(reserved, textproto.CanonicalMIMEHeaderKey(header)) {
		return invalid("auth.header", "is %q, which cannot be set", header)
	}
	h.Set(header, prefix+value)
	return nil
}

// dropped are response headers that are never stored: they are credentials.
var dropped = []string{"Set-Cookie", "Set-Cookie2", "Authorization", "Proxy-Authorization"}

// plainHeaders gives the headers as expressions see them: lower-case name ->
// value, repeated ones joined.
func plainHeaders(h http.Header) map[string]any {
	out := make(map[string]any, len(h))
	for name, list := range h {
		if !slices.Contains(dropped, name) {
			out[strings.ToLower(name)] = strings.ToValidUTF8(strings.Join(list, ", "), "\uFFFD")
		}
	}
	return out
}
