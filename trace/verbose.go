package trace

import (
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"
)

// verbose writes what curl -v would about an event of [Wire]: each event in one Write, so
// that exchanges at the same time can be read.
func (l *Log) verbose(w io.Writer, e Event) {
	x := e.Exchange
	var b strings.Builder
	prefix := fmt.Sprintf("* call %d", e.Call)
	if e.Hop > 0 {
		prefix += fmt.Sprintf(", hop %d", e.Hop)
	}
	if e.Attempt > 0 {
		prefix += fmt.Sprintf(", attempt %d", e.Attempt)
	}
	if e.Background {
		prefix += ", background"
	}
	if !x.Ended || x.Status == 0 {
		fmt.Fprintf(&b, "%s: %s\n", prefix, x.connection())
		l.requestHead(&b, x)
	}
	switch {
	case !x.Ended:
		l.responseHead(&b, x)
	case x.Err != nil:
		fmt.Fprintf(&b, "%s: %s after %v: %s\n", prefix, e.Action, x.Duration.Round(time.Microsecond), RedactError(x.Err))
	default:
		fmt.Fprintf(&b, "%s: body of %d bytes %s, after %v\n", prefix, x.Received, e.Reason, x.Duration.Round(time.Microsecond))
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	_, _ = io.WriteString(w, b.String())
}

// connection describes the connection.
func (x *Exchange) connection() string {
	if x.RemoteAddr == nil {
		return "no connection"
	}
	s := "new connection to " + x.RemoteAddr.String()
	if x.Reused {
		s = "connection to " + x.RemoteAddr.String() + ", there since before"
	}
	if x.TLSVersion != "" {
		s += ", " + x.TLSVersion
	}
	if x.ALPN != "" {
		s += ", ALPN " + x.ALPN
	}
	return s
}

func (l *Log) requestHead(b *strings.Builder, x *Exchange) {
	target := "/"
	if u := x.heads.request.URL; u != nil && u.EscapedPath() != "" {
		target = u.EscapedPath()
	}
	if u := x.heads.request.URL; u != nil && u.RawQuery != "" {
		target += "?" + hidden
	}
	proto := x.Proto
	if proto == "" {
		proto = "HTTP/1.1"
	}
	fmt.Fprintf(b, "> %s %s %s\n", x.Method, target, proto)
	header := x.heads.request.Header
	if len(x.heads.sent) > 0 {
		header = x.heads.sent // with what the transport has added
	}
	l.head(b, "> ", header)
}

func (l *Log) responseHead(b *strings.Builder, x *Exchange) {
	fmt.Fprintf(b, "< %s %s\n", x.Proto, x.heads.response.Status)
	l.head(b, "< ", x.heads.response.Header)
}

// head writes the fields of h, Host first and the others by name.
func (l *Log) head(b *strings.Builder, prefix string, h http.Header) {
	all := pairs(h, l.Reveal)
	slices.SortStableFunc(all, func(a, b harPair) int {
		if a.Name == "Host" && b.Name != "Host" {
			return -1
		}
		return 0
	})
	for _, p := range all {
		b.WriteString(prefix + p.Name + ": " + p.Value + "\n")
	}
	b.WriteString(prefix + "\n")
}
