package caching

import (
	"fmt"
	"net/http"
	"time"

	"github.com/dunglas/httpsfv"

	"github.com/tripper-go/tripper/internal/httpfield"
)

// directives is the content of a Cache-Control field, of a request or of a
// response, or of a targeted field (RFC 9213). Durations are in seconds, -1
// where the directive is absent. Of a directive that is given twice the more
// restrictive one holds (RFC 9111 §4.2.1), and an argument that is not valid
// is the most restrictive of all.
//
// Of what is malformed, every directive that restricts counts that can be read in
// it, and none that allows (see suspectText): a typing error never makes a response
// more public or fresher than its strictest reading.
type directives struct {
	// present is true if there was a field to parse.
	present bool
	// malformed is true if a part of it does not parse.
	malformed bool

	noStore, noCache, noTransform    bool
	public, private                  bool
	mustRevalidate, proxyRevalidate  bool
	mustUnderstand, immutable        bool
	onlyIfCached, maxStaleAny        bool
	maxAge, sMaxAge                  int64
	minFresh, maxStale               int64
	staleWhileRevalidate, staleIfErr int64
	// limit is the longest lifetime that a malformed part allows, wherever the
	// lifetime comes from.
	limit int64

	// noCacheFields and privateFields are the arguments of the qualified forms
	// (RFC 9111 §5.2.2.4, §5.2.2.7): names of fields that may not be reused or
	// stored, while the rest of the response may.
	noCacheFields, privateFields []string
}

func noDirectives() directives {
	return directives{maxAge: -1, sMaxAge: -1, minFresh: -1, maxStale: -1, staleWhileRevalidate: -1, staleIfErr: -1, limit: -1}
}

// parseDirectives reads every line of a Cache-Control field.
func parseDirectives(values []string) directives {
	d := noDirectives()
	for e := range httpfield.List(values) {
		if p, ok := httpfield.ParseParam(e); ok {
			d.present = true
			d.add(p)
		} else {
			d.suspectText(e)
		}
	}
	d.tighten()
	return d
}

// requestDirectives reads Cache-Control of a request, or Pragma where there is
// none (RFC 9111 §5.4).
func requestDirectives(h http.Header) directives {
	if cc := h["Cache-Control"]; len(cc) > 0 {
		d := parseDirectives(cc)
		if d.limit >= 0 && (d.maxAge < 0 || d.limit < d.maxAge) {
			d.maxAge = d.limit
		}
		return d
	}
	d := noDirectives()
	if pragma := h["Pragma"]; len(pragma) > 0 {
		d.noCache = httpfield.HasToken(pragma, "no-cache")
	}
	return d
}

// responseDirectives returns what steers the reuse of a response: the first
// targeted field that is valid and not empty (RFC 9213 §2.2), else
// Cache-Control. A targeted field that is not valid counts for nothing but what it
// seems to forbid.
func responseDirectives(h http.Header, targets []string) (d directives, targeted bool) {
	bans := noDirectives()
	for _, name := range targets {
		if values := h.Values(name); len(values) > 0 {
			if d, targeted = parseTargeted(values); targeted {
				break
			}
			for _, v := range values {
				bans.suspectText(v)
			}
		}
	}
	if !targeted {
		d = parseDirectives(h["Cache-Control"])
	}
	d.noStore, d.noCache, d.private = d.noStore || bans.noStore, d.noCache || bans.noCache, d.private || bans.private
	return d, targeted
}

// parseTargeted reads a targeted field, which is a Dictionary of Structured
// Fields (RFC 9213 §2.1). One that does not parse or is empty is no field at all.
func parseTargeted(values []string) (directives, bool) {
	dict, err := httpsfv.UnmarshalDictionary(values)
	if err != nil || len(dict.Names()) == 0 {
		return directives{}, false
	}
	d := noDirectives()
	d.present = true
	for _, name := range dict.Names() {
		member, _ := dict.Get(name)
		item, ok := member.(httpsfv.Item)
		if !ok {
			continue
		}
		if item.Params != nil {
			// No directive has parameters: somebody has put a semicolon for a comma.
			for _, param := range item.Params.Names() {
				value, _ := item.Params.Get(param)
				d.restrict(param, fmt.Sprint(value))
			}
		}
		p := httpfield.Param{Name: name}
		switch v := item.Value.(type) {
		case bool:
			if !v {
				continue // "no-store=?0" is absent
			}
		case int64:
			p.HasValue, p.Value = true, formatInt(v)
		case string:
			p.HasValue, p.Quoted, p.Value = true, true, v
			if isDelta(name) {
				p.Bad = true // a number written as a string
			}
		default:
			p.HasValue, p.Bad = true, true
		}
		d.add(p)
	}
	d.tighten()
	return d, true
}

func isDelta(name string) bool {
	switch name {
	case "max-age", "s-maxage", "stale-while-revalidate", "stale-if-error":
		return true
	}
	return false
}

func (d *directives) add(p httpfield.Param) {
	switch p.Name {
	case "no-store":
		d.noStore = true
	case "no-cache":
		if fields := fieldNames(p); fields != nil {
			d.noCacheFields = append(d.noCacheFields, fields...)
		} else {
			d.noCache = true
		}
	case "private":
		if fields := fieldNames(p); fields != nil {
			d.privateFields = append(d.privateFields, fields...)
		} else {
			d.private = true
		}
	case "no-transform":
		d.noTransform = true
	case "public":
		d.public = true
	case "must-revalidate":
		d.mustRevalidate = true
	case "proxy-revalidate":
		d.proxyRevalidate = true
	case "must-understand":
		d.mustUnderstand = true
	case "immutable":
		d.immutable = true
	case "only-if-cached":
		d.onlyIfCached = true
	case "max-stale":
		if !p.HasValue {
			d.maxStaleAny = true
		} else {
			shortest(&d.maxStale, p)
		}
	default:
		if !d.addTime(p) {
			d.unknown(p)
			return
		}
	}
	switch {
	case p.Bad:
		d.suspectText(p.Value)
	case p.HasValue && !p.Quoted && !digits(p.Value):
		d.read(p.Value) // "max-age=60|private", "max-age= no-store"
	}
}

// addTime adds a directive whose argument is a number of seconds.
func (d *directives) addTime(p httpfield.Param) bool {
	switch p.Name {
	case "max-age":
		shortest(&d.maxAge, p)
	case "s-maxage":
		shortest(&d.sMaxAge, p)
	case "stale-while-revalidate":
		shortest(&d.staleWhileRevalidate, p)
	case "stale-if-error":
		shortest(&d.staleIfErr, p)
	case "min-fresh":
		longest(&d.minFresh, p)
	default:
		return false
	}
	return true
}

// shortest sets *v to the argument of p if that is less. Without a valid
// argument it is zero.
func shortest(v *int64, p httpfield.Param) {
	n, ok := httpfield.DeltaSeconds(p.Value)
	if !ok || p.Bad {
		n = 0
	}
	if *v < 0 || n < *v {
		*v = n
	}
}

// longest sets *v to the argument of p if that is more. Without a valid
// argument it is so long that nothing meets it.
func longest(v *int64, p httpfield.Param) {
	n, ok := httpfield.DeltaSeconds(p.Value)
	if !ok {
		n = httpfield.MaxDeltaSeconds
	}
	*v = max(*v, n)
}

// fieldNames returns the argument of a qualified no-cache or private in
// canonical form, and nil if there is none or it is not a list of names: then
// the directive holds for the whole response.
func fieldNames(p httpfield.Param) []string {
	if !p.HasValue || p.Bad {
		return nil
	}
	var names []string
	for e := range httpfield.List([]string{p.Value}) {
		if !httpfield.IsToken(e) {
			return nil
		}
		names = append(names, http.CanonicalHeaderKey(e))
	}
	return names
}

func seconds(n int64) time.Duration { return time.Duration(n) * time.Second }
