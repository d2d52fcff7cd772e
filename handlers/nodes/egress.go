package nodes

import (
	"context"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"syscall"
	"time"

	"prana/engine/flow"
)

// codeEgress is the code of a request to an address that nodes may not reach.
const codeEgress = "egress_denied"

// Egress says which addresses nodes may reach. The zero value allows public
// addresses only. Addresses of cloud metadata services are never allowed.
type Egress struct {
	// AllowPrivate also allows loopback and private networks.
	AllowPrivate bool
	// AllowCIDRs also allows these networks.
	AllowCIDRs []netip.Prefix
}

// NewClient makes a client that reaches only what the egress allows. The check
// is made on the address that is dialled, so that neither a redirect nor a name
// that resolves differently the second time gets around it. For the same reason
// it uses no proxy: behind one, the address dialled would be the proxy's.
func NewClient(e Egress) *http.Client {
	dialer := &net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second, Control: e.control}
	dial := func(ctx context.Context, network, address string) (net.Conn, error) {
		if _, err := netip.ParseAddrPort(address); err == nil { // no name: no need to ask the system first
			if err := e.control(network, address, nil); err != nil {
				return nil, err
			}
		}
		return dialer.DialContext(ctx, network, address)
	}
	return &http.Client{Transport: &http.Transport{
		DialContext:            dial,
		ForceAttemptHTTP2:      true,
		TLSHandshakeTimeout:    10 * time.Second,
		IdleConnTimeout:        30 * time.Second,
		MaxIdleConns:           100,
		MaxIdleConnsPerHost:    10,
		MaxResponseHeaderBytes: 64 << 10,
	}}
}

// control refuses an address before anything is sent to it. It names no
// address: what a name resolves to inside is nobody's business outside.
func (e Egress) control(_, address string, _ syscall.RawConn) error {
	ap, err := netip.ParseAddrPort(address)
	if err == nil && e.allows(ap.Addr()) {
		return nil
	}
	p := flow.Problemf(codeEgress, "the address is not public; if it may be reached, allow its network in egress.allow (PRANA_EGRESS_ALLOW) of the workers")
	p.Permanent = true
	return p
}

func (e Egress) allows(a netip.Addr) bool {
	a = a.Unmap().WithZone("")
	if nat64.Contains(a) {
		return within(e.AllowCIDRs, a) && e.allows(translated(a))
	}
	if within(never, a) {
		return false
	}
	if within(e.AllowCIDRs, a) || e.AllowPrivate && within(private, a) {
		return true
	}
	// Of IPv6 only 2000::/3 is handed out at all.
	return (a.Is4() || within(globalIPv6, a)) && !within(private, a) && !within(special, a)
}

func within(list []netip.Prefix, a netip.Addr) bool {
	return slices.ContainsFunc(list, func(p netip.Prefix) bool { return p.Contains(a) })
}

// translated gives the IPv4 address that a NAT64 gateway makes of a.
func translated(a netip.Addr) netip.Addr {
	b := a.As16()
	return netip.AddrFrom4([4]byte(b[12:]))
}

// nat64 holds IPv4 addresses for networks that have only IPv6. It has to be
// allowed there, and opens no address that is not allowed by itself.
var nat64 = netip.MustParsePrefix("64:ff9b::/96")

var globalIPv6 = prefixes("2000::/3")

// never lists what no setting opens: addresses of metadata services, which give
// credentials to whoever asks, and transition formats that could hide them.
var never = prefixes(
	"169.254.0.0/16",     // link-local, with 169.254.169.254 of nearly every cloud
	"fe80::/10",          // link-local
	"fd00:ec2::/32",      // AWS
	"fd20:ce::254/128",   // Google Cloud
	"100.100.100.200/32", // Alibaba Cloud
	"192.0.0.192/32",     // Oracle Cloud
	"168.63.129.16/32",   // Azure, a public address
	"::ffff:0:0:0/96",    // IPv4 in the forms of SIIT,
	"64:ff9b:1::/48",     // of local NAT64,
	"2002::/16",          // of 6to4,
	"2001::/32",          // of Teredo
)

// private lists what AllowPrivate opens.
var private = prefixes(
	"127.0.0.0/8", "::1/128", // loopback
	"10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7", // private networks
	"100.64.0.0/10", // shared between a provider and its customers
)

// special lists what else is not a public host, from the registries of IANA.
var special = prefixes(
	"0.0.0.0/8",       // this network
	"192.0.0.0/24",    // protocol assignments
	"192.0.2.0/24",    // documentation
	"192.88.99.0/24",  // 6to4 relays
	"198.18.0.0/15",   // benchmarks
	"198.51.100.0/24", // documentation
	"203.0.113.0/24",  // documentation
	"224.0.0.0/4",     // multicast
	"240.0.0.0/4",     // reserved, and broadcast
	"2001::/23",       // protocol assignments
	"2001:db8::/32",   // documentation
	"3fff::/20",       // documentation
)

func prefixes(list ...string) []netip.Prefix {
	out := make([]netip.Prefix, len(list))
	for i, s := range list {
		out[i] = netip.MustParsePrefix(s)
	}
	return out
}
