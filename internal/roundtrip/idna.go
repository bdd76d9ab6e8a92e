package roundtrip

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/url"
	"sync/atomic"
)

// toASCII returns host as net/http converts it by IDNA before it dials, or host itself if that is
// not possible. It asks net/http, by a Transport that gets as far as dialing: package idna with its
// tables would make a small program larger by 200 KiB, and net/http has them already. The latest
// answers are remembered.
func toASCII(host string) string {
	var hash uint
	for i := range len(host) {
		hash = 31*hash + uint(host[i])
	}
	at := &asciiHosts[hash%uint(len(asciiHosts))]
	if h := at.Load(); h != nil && h.host == host {
		return h.ascii
	}
	ascii := host
	t := &http.Transport{DialContext: func(_ context.Context, _, addr string) (net.Conn, error) {
		if h, _, err := net.SplitHostPort(addr); err == nil {
			ascii = h
		}
		return nil, errNotDialed
	}}
	u := &url.URL{Scheme: "http", Host: net.JoinHostPort(host, "80"), Path: "/"}
	_, _ = t.RoundTrip(&http.Request{Method: http.MethodGet, URL: u, Host: "host", Header: make(http.Header)}) //nolint:bodyclose // there is no response
	if len(host) < maxHost {
		at.Store(&asciiHost{host, ascii})
	}
	return ascii
}

var (
	asciiHosts   [32]atomic.Pointer[asciiHost]
	errNotDialed = errors.New("roundtrip: only the address is wanted")
)

type asciiHost struct{ host, ascii string }

// maxHost is how long a host may be, in bytes, to be remembered.
const maxHost = 256
