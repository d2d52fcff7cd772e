package api

import (
	"cmp"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"

	"prana/engine/flow"
	"prana/handlers/api/wire"
)

// maxDrain is how much of a body that is refused is taken in all the same; beyond it the connection is cut.
const maxDrain = 8 << 20

// guard decides who may come in, before anything of the body is read.
type guard struct {
	token  [sha256.Size]byte
	closed bool  // a token is asked for
	most   int64 // bytes of a body
	hosts  []string
	origin *http.CrossOriginProtection
}

func newGuard(c Config) guard {
	return guard{
		token: sha256.Sum256([]byte(c.Token)), closed: c.Token != "", hosts: c.Hosts,
		most: cmp.Or(c.MaxBody, MaxBody), origin: http.NewCrossOriginProtection(),
	}
}

// admit bounds the body, then asks for the token, or else for an allowed host.
func (g guard) admit(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ContentLength > g.most {
			// Who is cut off while sending may never read why.
			_, _ = io.CopyN(io.Discard, r.Body, maxDrain)
			respondError(w, tooLarge(g.most))
			return
		}
		r.Body = http.MaxBytesReader(w, r.Body, g.most)
		if err := g.check(r); err != nil {
			refuse(w, err)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// Anonymous judges requests that need bring no token: a server that asks for none serves them
// only by an allowed host, and not to pages of others.
func Anonymous(c Config) func(r *http.Request) error {
	g := newGuard(c)
	return func(r *http.Request) error {
		if g.closed {
			return nil
		}
		return g.check(r)
	}
}

func (g guard) check(r *http.Request) error {
	if g.closed && !g.hasToken(r) {
		return wire.ErrUnauthorized
	}
	if !g.closed && !g.allows(r.Host) {
		return forbidden("the Host %q is not served without a token; use a loopback name, or allow this one", flow.Cut(r.Host, 100))
	}
	// Also with a token: a browser repeats Basic credentials by itself.
	return g.ownPage(r)
}

// sameOrigin judges who has a credential in the URL: a server that asks for no token serves no pages of others. It may
// be reached by any host, since a page that was led here by another name does not know the URL.
func (g guard) sameOrigin(r *http.Request) error {
	if g.closed {
		return nil
	}
	return g.ownPage(r)
}

func (g guard) ownPage(r *http.Request) error {
	if err := g.origin.Check(r); err != nil {
		return forbidden("a page of another origin may not do this")
	}
	return nil
}

func refuse(w http.ResponseWriter, err error) {
	if errors.Is(err, wire.ErrUnauthorized) {
		w.Header().Add("WWW-Authenticate", `Bearer realm="prana"`)
		w.Header().Add("WWW-Authenticate", `Basic realm="prana"`)
	}
	respondError(w, err)
}

// hasToken compares digests, so that neither content nor length shows in the time it takes.
func (g guard) hasToken(r *http.Request) bool {
	sum := sha256.Sum256([]byte(tokenOf(r)))
	return subtle.ConstantTimeCompare(sum[:], g.token[:]) == 1
}

// tokenOf is the Bearer token, or the password of Basic: browsers that open the
// console can send nothing else.
func tokenOf(r *http.Request) string {
	if _, password, ok := r.BasicAuth(); ok {
		return password
	}
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	return strings.TrimSpace(token)
}

// allows guards a server without token against DNS rebinding: a page of
// somebody else's can reach it under its own name only.
func (g guard) allows(hostport string) bool {
	host := hostport
	if h, _, err := net.SplitHostPort(hostport); err == nil {
		host = h
	}
	host = strings.ToLower(strings.Trim(host, "[]"))
	if ip := net.ParseIP(host); ip != nil && ip.IsLoopback() {
		return true
	}
	return host == "localhost" || strings.HasSuffix(host, ".localhost") ||
		slices.ContainsFunc(g.hosts, func(h string) bool { return h == "*" || strings.EqualFold(h, host) })
}

func forbidden(format string, args ...any) error {
	return flow.Problemf(wire.ErrForbidden.Code, format, args...)
}
