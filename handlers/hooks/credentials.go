package hooks

import (
	"net/http"
	"slices"
	"strings"

	"prana/handlers/api/wire"
)

// withheld are headers that executions never see: they are credentials.
var withheld = []string{"Authorization", "Cookie"}

// Names under which credentials and signatures come, whole or as a part. Hooks keep what they receive, so they would
// rather leave out too much.
var (
	tellingNames = []string{"auth", "x-auth", "key", "sig", "jwt"}
	tellingParts = []string{"authorization", "authentication", "cookie", "token", "secret", "signature", "password", "apikey", "credential", "hmac"}
)

func credential(name string) bool {
	name = strings.ReplaceAll(strings.ToLower(name), "_", "-")
	aKey := strings.HasSuffix(name, "-key") && name != "idempotency-key"
	return aKey || strings.HasPrefix(name, "proxy-") || slices.Contains(tellingNames, name) ||
		slices.ContainsFunc(tellingParts, func(part string) bool { return strings.Contains(name, part) })
}

// headersOf are the headers of a delivery by lower-case name, without those that prove something.
func (h *hook) headersOf(all http.Header) map[string]string {
	out := make(map[string]string, len(all))
	for name, list := range all {
		if !credential(name) && !strings.EqualFold(name, h.Header) {
			out[strings.ToLower(name)] = strings.ToValidUTF8(strings.Join(list, ", "), "\uFFFD")
		}
	}
	return out
}

// queryOf are the parameters of the address, with the same left out.
func queryOf(encoded string) (map[string]any, error) {
	all, err := wire.Form(encoded)
	for name := range all {
		if credential(name) {
			delete(all, name)
		}
	}
	return all, err
}
