package nodes

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
)

// forbidden are addresses that nobody may reach by default, in many spellings.
var forbidden = []string{
	// loopback and this network
	"127.0.0.1", "127.0.0.1:22", "127.1.2.3", "localhost", "0.0.0.0", "[::1]", "[::]", "[0:0:0:0:0:0:0:1]",
	// IPv4 written as IPv6
	"[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::ffff:10.0.0.1]", "[::ffff:169.254.169.254]", "[::127.0.0.1]",
	"[64:ff9b::7f00:1]", "[64:ff9b::a9fe:a9fe]", "[64:ff9b:1::1]", "[2002:7f00:1::]", "[2002:a9fe:a9fe::1]", "[2001:0:1::1]",
	"[::ffff:0:127.0.0.1]",
	// decimal, octal, hexadecimal and short forms
	"2130706433", "017700000001", "0x7f000001", "0x7f.0x0.0x0.0x1", "0177.0.0.1", "127.1", "127.0.1", "0", "3232235521", "2852039166",
	// private networks
	"10.0.0.1", "10.255.255.255", "172.16.0.1", "172.31.255.254", "192.168.1.1", "100.64.0.1", "[fc00::1]", "[fd12:3456::1]",
	// metadata and link-local
	"169.254.169.254", "169.254.170.2", "[fe80::1]", "[fe80::1%25lo]", "[fd00:ec2::254]", "100.100.100.200", "192.0.0.192", "168.63.129.16", "[fd20:ce::254]",
	// neither public nor private
	"192.0.2.1", "198.18.0.1", "198.51.100.7", "203.0.113.9", "224.0.0.1", "255.255.255.255", "240.0.0.1", "[ff02::1]", "[2001:db8::1]", "[3fff::1]", "[fec0::1]",
}

func TestForbiddenAddressesAreRefused(t *testing.T) {
	t.Parallel()
	typ := typeOf(t, Options{}, "http.request")
	for _, host := range forbidden {
		for _, prefix := range []string{"http://", "https://", "http://user:pw@"} {
			refusedHost(t, typ, callFor(typ, obj{"url": prefix + host + "/", "timeout": 2000}))
		}
	}
}

func TestForbiddenRedirectsAreRefused(t *testing.T) {
	t.Parallel()
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, r.URL.Query().Get("to"), http.StatusFound)
	})
	first := netip.MustParseAddrPort(strings.TrimPrefix(s.URL, "http://")).Addr()
	typ := typeOf(t, Options{Egress: Egress{AllowCIDRs: []netip.Prefix{netip.PrefixFrom(first, 32)}}}, "http.request")
	for _, host := range forbidden {
		if strings.Contains(host, "127.0.0.1") || host == "localhost" || strings.Contains(host, ":7f00:1") || host == "0.0.0.0" || host == "[::]" {
			continue // the address that this test has to open
		}
		refusedHost(t, typ, callFor(typ, obj{"url": s.URL + "/?to=" + url.QueryEscape("http://"+host+"/"), "timeout": 2000}))
	}
	refusedHost(t, typ, callFor(typ, obj{"url": s.URL + "/?to=" + url.QueryEscape("file:///etc/passwd")}))
}

func TestForbiddenSchemes(t *testing.T) {
	t.Parallel()
	typ := typeOf(t, inside, "http.request")
	for _, u := range []string{"", "ftp://x", "file:///etc/passwd", "gopher://127.0.0.1", "//example.com", "example.com", "http://", "http:///x", "http://a b/", "5", "http://[::1", "javascript:alert(1)"} {
		runFails(t, typ, callFor(typ, obj{"url": u}), codeParams)
	}
}

func TestWhatIsMissingIsNamed(t *testing.T) {
	t.Parallel()
	typ := typeOf(t, inside, "http.request")
	for message, params := range map[string]obj{
		"parameter auth.token is missing; a $secrets.NAME that the worker was not given (PRANA_SECRET_NAME) is null":    {"url": "http://x", "auth": obj{"type": "bearer"}},
		"parameter url must begin with http:// or https://; where it begins with an expression, see what that comes to": {"url": "/orders/7"},
	} {
		if p := problemOf(t, typ, callFor(typ, params), codeParams); p.Message != message {
			t.Errorf("got %q, want %q", p.Message, message)
		}
	}
}

func TestLoopbackServerIsNotReachedByDefault(t *testing.T) {
	t.Parallel()
	var hits atomic.Int32
	s := serve(t, func(http.ResponseWriter, *http.Request) { hits.Add(1) })
	for _, name := range []string{"http.request", "poll.poll_until"} {
		typ := typeOf(t, Options{}, name)
		p := problemOf(t, typ, callFor(typ, obj{"url": s.URL, "endpoint": s.URL}), codeEgress)
		if !p.Permanent || strings.Contains(p.Message, "127.") || !strings.Contains(p.Message, "PRANA_EGRESS_ALLOW") {
			t.Errorf("%s: the problem is %+v", name, p)
		}
	}
	if hits.Load() != 0 {
		t.Error("the server was reached")
	}
}

func TestProxyFromTheEnvironmentIsNotUsed(t *testing.T) {
	var hits atomic.Int32
	proxy := serve(t, func(http.ResponseWriter, *http.Request) { hits.Add(1) })
	t.Setenv("HTTP_PROXY", proxy.URL)
	typ := typeOf(t, inside, "http.request")
	_, err := runOnce(t.Context(), typ, callFor(typ, obj{"url": "http://192.0.2.1/", "timeout": 100}))
	if err == nil || hits.Load() != 0 {
		t.Errorf("got %v, the proxy was asked %d times", err, hits.Load())
	}
}

func TestEgressAllows(t *testing.T) {
	t.Parallel()
	private := Egress{AllowPrivate: true}
	all := Egress{AllowPrivate: true, AllowCIDRs: prefixes("0.0.0.0/0", "::/0")}
	for _, tc := range []struct {
		egress Egress
		addr   string
		want   bool
	}{
		{Egress{}, "93.184.215.14", true},
		{Egress{}, "2606:4700::1111", true},
		{Egress{}, "::ffff:93.184.215.14", true},
		{Egress{}, "10.2.0.1", false},
		{Egress{AllowCIDRs: prefixes("10.2.0.0/16")}, "10.2.0.1", true},
		{Egress{AllowCIDRs: prefixes("10.2.0.0/16")}, "10.3.0.1", false},
		{private, "127.0.0.1", true},
		{private, "::1", true},
		{private, "fd12::1", true},
		{private, "0.0.0.0", false},
		{private, "224.0.0.1", false},
		{private, "169.254.169.254", false},
		{private, "fd00:ec2::254", false},
		{private, "100.100.100.200", false},
		{all, "203.0.113.1", true},
		{all, "169.254.169.254", false},
		{all, "::ffff:169.254.169.254", false},
		{all, "64:ff9b::a9fe:a9fe", false},
		{all, "2002:a9fe:a9fe::", false},
		{all, "fe80::1%eth0", false},
		{all, "168.63.129.16", false},
		{Egress{AllowCIDRs: prefixes("64:ff9b::/96")}, "64:ff9b::5db8:d70e", true},
		{Egress{AllowCIDRs: prefixes("64:ff9b::/96")}, "64:ff9b::a00:1", false},
	} {
		if got := tc.egress.allows(netip.MustParseAddr(tc.addr)); got != tc.want {
			t.Errorf("%+v allows %s: %v", tc.egress, tc.addr, got)
		}
	}
}

func TestControlRefusesWhatIsNoAddress(t *testing.T) {
	t.Parallel()
	if (Egress{AllowPrivate: true}).control("tcp", "somewhere", nil) == nil {
		t.Error("it is allowed")
	}
}

func TestCredentialsStayAtHome(t *testing.T) {
	t.Parallel()
	seen := make(chan http.Header, 1)
	away := serve(t, func(_ http.ResponseWriter, r *http.Request) { seen <- r.Header.Clone() })
	home := serve(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/near":
			http.Redirect(w, r, "/end", http.StatusTemporaryRedirect)
		case "/far":
			http.Redirect(w, r, away.URL, http.StatusTemporaryRedirect)
		default:
			seen <- r.Header.Clone()
		}
	})
	typ := typeOf(t, inside, "http.request")
	for path, kept := range map[string]bool{"/near": true, "/far": false} {
		run(t, typ, callFor(typ, obj{
			"url": home.URL + path + "?token=t", "method": "POST", "json": obj{"a": 1},
			"headers": obj{"Cookie": "c=1", "X-Secret": "s", "Authorization": "Basic eA=="},
			"auth":    obj{"type": "api_key", "key": "k"},
		}))
		h := <-seen
		for _, name := range []string{"Cookie", "X-Secret", "Authorization", "X-Api-Key", "Referer"} {
			if (h.Get(name) != "") != kept {
				t.Errorf("%s: %s is %q", path, name, h.Get(name))
			}
		}
		if h.Get("Content-Type") != "application/json" || h.Get(headerKey) != "key-1" {
			t.Errorf("%s: the harmless headers are gone: %v", path, h)
		}
	}
}

func TestCredentialsStayDroppedOnTheWayBack(t *testing.T) {
	t.Parallel()
	var home *httptest.Server
	away := serve(t, func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, home.URL+"/end", http.StatusFound) })
	got := make(chan string, 1)
	home = serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/end" {
			got <- r.Header.Get("X-Api-Key")
			return
		}
		http.Redirect(w, r, away.URL, http.StatusFound)
	})
	typ := typeOf(t, inside, "http.request")
	run(t, typ, callFor(typ, obj{"url": home.URL, "auth": obj{"type": "api_key", "key": "k"}}))
	if key := <-got; key != "" {
		t.Errorf("the key came back: %q", key)
	}
}

func TestRedirectsAreBounded(t *testing.T) {
	t.Parallel()
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/xxx" && r.URL.RawQuery == "" {
			return
		}
		to := r.URL.Path + "x"
		if r.URL.RawQuery != "" {
			to += "?" + r.URL.RawQuery
		}
		http.Redirect(w, r, to, http.StatusFound)
	})
	typ := typeOf(t, inside, "http.request")
	run(t, typ, callFor(typ, obj{"url": s.URL + "/"}))
	if p := problemOf(t, typ, callFor(typ, obj{"url": s.URL + "/?on"}), codeHTTP); !p.Permanent {
		t.Error("a redirect loop is tried again")
	}
	out := run(t, typ, callFor(typ, obj{"url": s.URL + "/", "follow_redirects": false})).Output.(obj)
	if out["status"] != 302 || out["headers"].(obj)["location"] != "/x" {
		t.Errorf("not followed, it is %v", out)
	}
}

func TestRedirectFromTLSToPlain(t *testing.T) {
	t.Parallel()
	plain := serve(t, answer(200, "text/plain", "x"))
	s := httptest.NewTLSServer(http.RedirectHandler(plain.URL, http.StatusFound))
	t.Cleanup(s.Close)
	typ := typeOf(t, Options{HTTP: s.Client()}, "http.request")
	p := problemOf(t, typ, callFor(typ, obj{"url": s.URL}), codeHTTP)
	if !strings.Contains(p.Message, "https to http") {
		t.Errorf("the message is %q", p.Message)
	}
}
