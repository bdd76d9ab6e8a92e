package caching

import (
	"maps"
	"net/http"
	"slices"

	"github.com/tripper-go/tripper/internal/httpfield"
)

// hopByHop reports whether a field belongs to one connection (RFC 9110 §7.6.1) or
// to a proxy on the way (RFC 9111 §3.1), and is not stored.
func hopByHop(name string) bool {
	switch name {
	case "Connection", "Keep-Alive", "Proxy-Authenticate", "Proxy-Authentication-Info", "Proxy-Authorization",
		"Proxy-Connection", "Te", "Transfer-Encoding", "Upgrade", "Trailer":
		return true
	}
	return false
}

// unstored returns the names of the fields that h itself keeps from being
// stored: those that Connection lists, and the arguments of no-cache and, in a
// shared cache, of private.
func unstored(cfg *settings, h http.Header, d *directives) []string {
	var names []string
	for e := range httpfield.List(h["Connection"]) {
		names = append(names, http.CanonicalHeaderKey(e))
	}
	return append(names, namedFields(cfg, d)...)
}

// namedFields returns the arguments of no-cache and, in a shared cache, of private.
func namedFields(cfg *settings, d *directives) (names []string) {
	for _, q := range d.fields {
		if q.by == noCache || cfg.shared {
			names = append(names, q.name)
		}
	}
	return names
}

// storedHeader returns what of h is stored: all but names and what is hop-by-hop.
// It shares nothing with h, which is the caller's to change.
func storedHeader(h http.Header, names []string) http.Header {
	out := make(http.Header, len(h))
	lines := 0
	for _, values := range h {
		lines += len(values)
	}
	all := make([]string, 0, lines)
	for name, values := range h {
		if len(values) > 0 && !hopByHop(name) && !slices.Contains(names, name) {
			first := len(all)
			all = append(all, values...)
			out[name] = all[first:len(all):len(all)]
		}
	}
	return out
}

// merge returns the stored header updated by that of a 304 or of a HEAD
// (RFC 9111 §3.2): every field of the new one replaces the old, but for those
// that describe the stored body.
func merge(cfg *settings, stored, update http.Header) http.Header {
	d, _ := steering(cfg, stored, update)
	h, _ := mergeWith(cfg, stored, update, &d)
	return h
}

// mergeWith is merge where what steers the result is known. whole is false if
// something was left out because of what the fields themselves say.
func mergeWith(cfg *settings, stored, update http.Header, d *directives) (h http.Header, whole bool) {
	names := unstored(cfg, update, d)
	out := maps.Clone(stored)
	if out == nil {
		out = make(http.Header, len(update))
	}
	delete(out, "Age")
	for _, name := range namedFields(cfg, d) {
		delete(out, name) // they may be stored no longer
	}
	lines := 0
	for _, values := range update {
		lines += len(values)
	}
	all := make([]string, 0, lines) // the update is the caller's to change
	for name, values := range update {
		switch name {
		case "Content-Encoding", "Content-Length", "Content-Range", "Content-Type":
			continue
		}
		if len(values) > 0 && !hopByHop(name) && !slices.Contains(names, name) {
			first := len(all)
			all = append(all, values...)
			out[name] = all[first:len(all):len(all)]
		}
	}
	return out, len(names) == 0
}

// steering returns what steers a stored response after an update: of each field
// that does, the new one, where there is one, or still the old one.
func steering(cfg *settings, stored, update http.Header) (d directives, targeted bool) {
	newer := func(name string) []string {
		if values := update[name]; len(values) > 0 {
			return values
		}
		return stored[name]
	}
	if len(cfg.targeted) == 0 {
		return parseDirectives(newer("Cache-Control")), false
	}
	h := http.Header{"Cache-Control": newer("Cache-Control")}
	for _, name := range cfg.targeted {
		name = http.CanonicalHeaderKey(name)
		h[name] = newer(name)
	}
	return responseDirectives(h, cfg.targeted)
}

// steeringAfter is steering for a stored response with the facts f, which need not
// be worked out again if the update says the same.
func (f *facts) steeringAfter(stored, update http.Header) (d directives, targeted bool) {
	if v := update["Cache-Control"]; len(f.cfg.targeted) == 0 && f.by.ttl == 0 && (len(v) == 0 || slices.Equal(v, stored["Cache-Control"])) {
		return f.dir, false
	}
	return steering(f.cfg, stored, update)
}
