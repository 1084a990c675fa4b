package access

import (
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
)

// arrivedLocally reports whether a request came in on an address of this machine that no
// other reaches.
func arrivedLocally(req *http.Request) bool {
	addr, ok := req.Context().Value(http.LocalAddrContextKey).(net.Addr)
	return ok && IsLoopback(addr)
}

// IsLoopback reports whether only this machine reaches an address.
func IsLoopback(addr net.Addr) bool {
	at, err := netip.ParseAddrPort(addr.String())
	return err == nil && at.Addr().Unmap().IsLoopback()
}

// isLocalHost reports whether a Host header names this machine.
func isLocalHost(host string) bool {
	name, _, err := net.SplitHostPort(host)
	if err != nil {
		name = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	}
	if strings.EqualFold(name, "localhost") {
		return true
	}
	addr, err := netip.ParseAddr(name)
	return err == nil && addr.Zone() == "" && addr.Unmap().IsLoopback()
}

// passedOn reports whether a proxy handed a request on, as far as such say so. Those that
// say nothing mostly speak HTTP/1.0, as nginx did without a word.
func passedOn(req *http.Request) bool {
	if !req.ProtoAtLeast(1, 1) {
		return true
	}
	for name := range req.Header {
		switch name {
		case "Forwarded", "Via", "X-Real-Ip", "X-Client-Ip", "X-Cluster-Client-Ip", "X-Original-Host", "X-Original-Forwarded-For",
			"True-Client-Ip", "Cf-Connecting-Ip", "Fastly-Client-Ip", "X-Envoy-External-Address", "Cdn-Loop":
			return true
		}
		if strings.HasPrefix(name, "X-Forwarded") || strings.HasPrefix(name, "Proxy-") {
			return true
		}
	}
	return false
}

// stayedHere reports whether a browser, where one asks, knows the server by the Host that
// arrived: a proxy that says nothing of itself may have put its own in.
func stayedHere(req *http.Request) bool {
	for _, name := range []string{"Origin", "Referer"} {
		for _, value := range req.Header.Values(name) {
			if from, err := url.Parse(value); err != nil || from.Host != req.Host {
				return false
			}
		}
	}
	return true
}
