package nodes

import (
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"prana/engine/flow"
)

// maxRedirects bounds how many redirects a request follows.
const maxRedirects = 3

// parseURL reads the URL of a request and adds the query parameters to it.
func parseURL(field, raw string, query map[string]any) (*url.URL, error) {
	u, err := url.Parse(strings.TrimSpace(raw))
	if err != nil {
		return nil, invalid(field, "is not a URL") // the error's text would repeat it, with what is secret in it
	}
	if reason := badURL(u); reason != "" {
		return nil, invalid(field, "%s", reason)
	}
	if len(query) > 0 {
		q := u.Query()
		for name, v := range query {
			for _, one := range listOf(v) {
				q.Add(name, text(one))
			}
		}
		u.RawQuery = q.Encode()
	}
	return u, nil
}

// badURL says what is wrong with where a request, or a redirect, wants to go.
func badURL(u *url.URL) string {
	switch {
	case u.Scheme == "" && u.Host == "":
		return "must begin with http:// or https://; where it begins with an expression, see what that comes to"
	case u.Scheme != "http" && u.Scheme != "https":
		return "must begin with http:// or https://"
	case u.Hostname() == "":
		return "names no host"
	case oddAddress(u.Hostname()):
		return "has a host that looks like an address, but is not in its usual form"
	}
	return ""
}

// oddAddress finds hosts such as 2130706433, 0x7f.1 or 127.1, which some
// resolvers take for addresses: nobody writes them in good faith.
func oddAddress(host string) bool {
	if _, err := netip.ParseAddr(host); err == nil {
		return false
	}
	host = strings.TrimSuffix(host, ".")
	last := host[strings.LastIndexByte(host, '.')+1:]
	if digits, ok := strings.CutPrefix(strings.ToLower(last), "0x"); ok {
		_, err := strconv.ParseUint("0"+digits, 16, 64)
		return err == nil
	}
	return strings.Trim(last, "0123456789") == ""
}

// listOf gives the elements of a list, nothing for null, or the value alone.
func listOf(v any) []any {
	switch t := v.(type) {
	case nil:
		return nil
	case []any:
		return t
	}
	return []any{v}
}

// redirects is the policy of one request: at most maxRedirects, never from
// https to http, and nothing that may be a credential to another host.
func redirects(follow bool) func(*http.Request, []*http.Request) error {
	return func(req *http.Request, via []*http.Request) error {
		if !follow {
			return http.ErrUseLastResponse
		}
		if reason := badRedirect(req, via); reason != "" {
			return &flow.Problem{Code: codeHTTP, Message: "redirect refused: " + reason, Permanent: true}
		}
		if leftHome(req, via) {
			dropCredentials(req.Header)
		}
		return nil
	}
}

func badRedirect(req *http.Request, via []*http.Request) string {
	if len(via) > maxRedirects {
		return fmt.Sprintf("there are more than %d", maxRedirects)
	}
	if reason := badURL(req.URL); reason != "" {
		return "its URL " + reason
	}
	if req.URL.Scheme == "http" && via[len(via)-1].URL.Scheme == "https" {
		return "it leads from https to http"
	}
	return ""
}

// leftHome tells whether the chain ever went to another host than the first:
// the headers stay dropped on the way back, because the other host chose it.
func leftHome(req *http.Request, via []*http.Request) bool {
	home := via[0].URL.Host
	return req.URL.Host != home || slices.ContainsFunc(via, func(r *http.Request) bool { return r.URL.Host != home })
}

// harmless lists what another host may see. Any other header may be a
// credential: authors put keys into headers of every name.
var harmless = []string{"Accept", "Content-Type", "User-Agent", headerKey, headerAttempt}

func dropCredentials(h http.Header) {
	for name := range h {
		if !slices.Contains(harmless, name) {
			delete(h, name)
		}
	}
}
