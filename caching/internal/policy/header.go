package policy

import (
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

// Unstored returns the names of the fields that h itself keeps from being
// stored: those that Connection lists, and the arguments of no-cache and, in a
// shared cache, of private.
func Unstored(cfg *Settings, h http.Header, d *Directives) []string {
	var names []string
	for e := range httpfield.List(h["Connection"]) {
		names = append(names, http.CanonicalHeaderKey(e))
	}
	return append(names, namedFields(cfg, d)...)
}

// namedFields returns the arguments of no-cache and, in a shared cache, of private.
func namedFields(cfg *Settings, d *Directives) (names []string) {
	for _, q := range d.fields {
		if q.by == noCache || cfg.Shared {
			names = append(names, q.name)
		}
	}
	return names
}

// StoredHeader returns what of h is stored: all but hop-by-hop fields and those in names. It shares
// the values with h, and is h itself if all of it is stored.
func StoredHeader(h http.Header, names []string) http.Header {
	for name, values := range h {
		if len(values) == 0 || hopByHop(name) || slices.Contains(names, name) {
			out := make(http.Header, len(h))
			copyStored(out, h, names, false)
			return out
		}
	}
	return h
}

// copyStored sets the fields of src that are stored in dst. If update is true src is
// the header of a 304, a HEAD or a part, and the fields in it that describe its own
// content are left out, and those that have not changed. It reports whether it has set one.
func copyStored(dst, src http.Header, names []string, update bool) (changed bool) {
	for name, values := range src {
		if len(values) == 0 || hopByHop(name) || slices.Contains(names, name) || update && (describesContent(name) || slices.Equal(values, dst[name])) {
			continue
		}
		dst[name], changed = slices.Clip(values), true
	}
	return changed
}

func describesContent(name string) bool {
	return name == "Content-Encoding" || name == "Content-Length" || name == "Content-Range" || name == "Content-Type"
}

// Merge updates the stored header by that of a 304, a HEAD or a part (RFC 9111 §3.2), and returns
// it: every field of the new one replaces the old, but for those that describe the content. It
// shares the values with both: an Add makes a copy.
func Merge(cfg *Settings, stored, update http.Header) http.Header {
	d, _ := updatedDirectives(cfg, stored, update)
	h, _, _ := MergeWith(cfg, stored, update, &d)
	return h
}

// MergeWith is Merge where the directives d of the result are known. changed is false if the header
// is as it was, and whole is false if a field was left out because of what the header itself says.
func MergeWith(cfg *Settings, stored, update http.Header, d *Directives) (h http.Header, changed, whole bool) {
	names := Unstored(cfg, update, d)
	if h = stored; h == nil {
		h = make(http.Header, len(update))
	}
	before := len(h)
	delete(h, "Age")
	for _, name := range namedFields(cfg, d) {
		delete(h, name) // stored before the header said that it may not be
	}
	changed = len(h) != before
	changed = copyStored(h, update, names, true) || changed
	return h, changed, len(names) == 0
}

// updatedDirectives returns the directives of a stored response after an update: those of the new
// field, where there is one, or else of the stored one.
func updatedDirectives(cfg *Settings, stored, update http.Header) (d Directives, targeted bool) {
	newer := func(name string) []string {
		if values := update[name]; len(values) > 0 {
			return values
		}
		return stored[name]
	}
	if len(cfg.Targeted) == 0 {
		return parseDirectives(newer("Cache-Control")), false
	}
	h := http.Header{"Cache-Control": newer("Cache-Control")}
	for _, name := range cfg.Targeted {
		name = http.CanonicalHeaderKey(name)
		h[name] = newer(name)
	}
	return ResponseDirectives(h, cfg.Targeted)
}

// DirectivesAfter is updatedDirectives for a stored response with the facts f, which need not
// be worked out again if the update says the same.
func (f *Facts) DirectivesAfter(stored, update http.Header) (d Directives, targeted bool) {
	if v := update["Cache-Control"]; len(f.Cfg.Targeted) == 0 && f.ttl == 0 && (len(v) == 0 || slices.Equal(v, stored["Cache-Control"])) {
		return f.dir, false
	}
	return updatedDirectives(f.Cfg, stored, update)
}
