package wire

import (
	"crypto/sha256"
	"encoding/base64"
	"net/http"
)

// PagePolicy is the Content-Security-Policy of an HTML page that loads nothing and runs nothing. Its only style is css, which
// stands inside the page and is allowed by its digest; forms go to formAction, such as 'self' or 'none', with the quotes.
func PagePolicy(css, formAction string) string {
	sum := sha256.Sum256([]byte(css))
	return "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) +
		"'; form-action " + formAction + "; base-uri 'none'; frame-ancestors 'none'"
}

// SecurePage sets what an HTML page is sent with, besides the policy: nobody shows it inside another, and it tells nobody
// where a reader came from.
func SecurePage(h http.Header, policy string) {
	h.Set("Content-Security-Policy", policy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Referrer-Policy", "no-referrer")
}
