package hooks

import (
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"prana/engine/flow"
	"prana/handlers/api/wire"
)

// Kinds of proof that a trigger asks for.
const (
	authNone   = "none"
	authBasic  = "basic"
	authHeader = "header"
	authJWT    = "jwt"
)

const (
	// minKey is the least number of bytes of a key of HS256 (RFC 7518, 3.2).
	minKey = 32
	// leeway is how far the clocks of who issues a token and ours may be apart.
	leeway = 30 * time.Second
)

// auth is what a caller must prove.
type auth struct {
	kind               string
	username, password string
	header, value      string
	key                []byte
	issuer, audience   string
}

// authOf reads what the trigger asks for: nothing, if it does not mention it. Mentioned and null, as when a
// variable is missing, is broken.
func authOf(params map[string]any) auth {
	given, mentioned := params["auth"]
	if !mentioned {
		return auth{kind: authNone}
	}
	members, _ := given.(map[string]any)
	text := func(name string) string {
		s, _ := members[name].(string)
		return s
	}
	return auth{
		kind: text("type"), username: text("username"), password: text("password"), header: text("header_name"), value: text("header_value"),
		key: []byte(text("jwt_secret")), issuer: text("jwt_issuer"), audience: text("jwt_audience"),
	}
}

// broken says why nobody could be told from anybody: a secret that is empty lets everybody in.
func (a auth) broken() string {
	switch {
	case a.kind == authNone:
	case a.kind == authBasic && (a.username == "" || a.password == ""):
		return "auth.username or auth.password is empty"
	case a.kind == authHeader && (a.header == "" || a.value == ""):
		return "auth.header_name or auth.header_value is empty"
	case a.kind == authJWT && len(a.key) < minKey:
		return fmt.Sprintf("auth.jwt_secret has %d bytes; HS256 needs at least %d", len(a.key), minKey)
	case a.kind != authBasic && a.kind != authHeader && a.kind != authJWT:
		return fmt.Sprintf("auth.type is %q", a.kind)
	}
	return ""
}

// origin refuses pages of others: a browser repeats Basic credentials by itself.
var origin = http.NewCrossOriginProtection()

// admit lets a caller in who proves what the trigger asks for. Nothing of the body is read before.
func (h *Triggers) admit(w http.ResponseWriter, r *http.Request, t *trigger) error {
	switch t.auth.kind {
	case authNone:
		h.warn(r, t.workflow)
		if h.Anonymous != nil {
			return h.Anonymous(acting(r))
		}
		return nil
	case authBasic:
		if origin.Check(acting(r)) != nil {
			return flow.Problemf(wire.ErrForbidden.Code, "a page of another origin may not do this")
		}
	}
	if t.auth.proven(r, h.Now) {
		return nil
	}
	w.Header().Set("WWW-Authenticate", t.auth.challenge())
	return flow.Problemf(wire.ErrUnauthorized.Code, "the request does not prove who sends it, as this webhook asks")
}

// acting is the request as one that changes something: a page may send a GET to anywhere, and here it starts a workflow.
func acting(r *http.Request) *http.Request {
	acts := *r
	acts.Method = http.MethodPost
	return &acts
}

// warn tells once of a workflow that anybody may start.
func (h *Triggers) warn(r *http.Request, workflow string) {
	if !h.Public {
		return
	}
	if _, told := h.warned.LoadOrStore(workflow, true); !told {
		h.Logger.WarnContext(r.Context(), "anybody who reaches this server can start this workflow: its webhook asks for no proof; set auth in its trigger", "workflow", workflow)
	}
}

func (a auth) proven(r *http.Request, now func() time.Time) bool {
	switch a.kind {
	case authBasic:
		username, password, _ := r.BasicAuth()
		return alike(username, a.username)&alike(password, a.password) == 1
	case authHeader:
		return alike(r.Header.Get(a.header), a.value) == 1
	case authJWT:
		return a.signed(r, now)
	}
	return false
}

// alike compares digests, so that neither content nor length shows in the time it takes.
func alike(got, want string) int {
	a, b := sha256.Sum256([]byte(got)), sha256.Sum256([]byte(want))
	return subtle.ConstantTimeCompare(a[:], b[:])
}

// signed checks a token: HS256 and nothing else, and exp, nbf and iat where it has them.
func (a auth) signed(r *http.Request, now func() time.Time) bool {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return false
	}
	options := []jwt.ParserOption{jwt.WithValidMethods([]string{"HS256"}), jwt.WithLeeway(leeway), jwt.WithIssuedAt(), jwt.WithTimeFunc(now)}
	if a.issuer != "" {
		options = append(options, jwt.WithIssuer(a.issuer))
	}
	if a.audience != "" {
		options = append(options, jwt.WithAudience(a.audience))
	}
	_, err := jwt.Parse(strings.TrimSpace(token), func(*jwt.Token) (any, error) { return a.key, nil }, options...)
	return err == nil
}

func (a auth) challenge() string {
	scheme := map[string]string{authBasic: "Basic", authHeader: "Header", authJWT: "Bearer"}[a.kind]
	return scheme + ` realm="prana webhook"`
}
