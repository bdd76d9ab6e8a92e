package policy

import (
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/dunglas/httpsfv"

	"github.com/tripper-go/tripper/internal/httpfield"
)

// directive is a directive of Cache-Control (RFC 9111 §5.2): its row in directiveTable.
type directive uint8

// The directives: first those with a number of seconds, then all others.
const (
	maxAge directive = iota
	sMaxAge
	minFresh
	maxStale
	staleWhileRevalidate
	staleIfError

	NoStore // the first one without a number
	noCache
	private
	mustRevalidate
	proxyRevalidate
	public
	mustUnderstand
	immutable
	OnlyIfCached
)

// directiveTable says how each directive is read. What a directive means is said where
// the decisions ask for it, with [Directives.Has] or [Directives.delta].
var directiveTable = [...]struct {
	name     string
	argument argument
	// malformed is what the directive does in a field that cannot be parsed.
	malformed effect
}{
	maxAge:               {"max-age", shortest, limits},
	sMaxAge:              {"s-maxage", shortest, limits},
	minFresh:             {"min-fresh", longest, ignored},
	maxStale:             {"max-stale", shortestOrAny, ignored},
	staleWhileRevalidate: {"stale-while-revalidate", shortest, isZero},
	staleIfError:         {"stale-if-error", shortest, isZero},
	NoStore:              {"no-store", none, holds},
	noCache:              {"no-cache", fieldNames, holds},
	private:              {"private", fieldNames, holds},
	mustRevalidate:       {"must-revalidate", none, holds},
	proxyRevalidate:      {"proxy-revalidate", none, holds},
	public:               {"public", none, revoked},
	mustUnderstand:       {"must-understand", none, revoked},
	immutable:            {"immutable", none, revoked},
	OnlyIfCached:         {"only-if-cached", none, ignored},
}

// argument is the argument of a directive. Of a directive that is given twice the more
// restrictive one holds (RFC 9111 §4.2.1), and an argument that is not valid is the most
// restrictive of all.
type argument uint8

const (
	none          argument = iota
	shortest               // seconds, of two the shorter; zero without a valid number
	longest                // seconds, of two the longer; endless without a valid number
	shortestOrAny          // like shortest; without an argument it is no restriction
	fieldNames             // an optional list of fields, for which alone the directive holds then
)

// effect is what a directive does in a malformed field: whatever restricts counts, and
// nothing that allows. So a typing error never makes a response more public or fresher
// than its strictest reading.
type effect uint8

const (
	ignored effect = iota // the malformed part does not count
	holds                 // it counts wherever its name can be read: it restricts
	limits                // its number bounds the lifetime: it states one
	isZero                // its number is zero: it allows a stale response
	revoked               // it does not count, not even in a part that can be parsed: it allows
)

// Directives is the content of a Cache-Control field, of a request or of a response, or
// of a targeted field (RFC 9213). The zero value has no directive.
type Directives struct {
	flags uint32
	// present is true if there is a directive in Cache-Control, whether it is known or not.
	present bool
	// malformed is true if a part of it does not parse.
	malformed bool
	// deltas are the numbers of seconds plus one, zero where the directive is absent.
	deltas [NoStore]uint32
	// limit is the longest lifetime that a malformed part allows, in the same form.
	limit uint32
	// fields are those that the qualified forms of no-cache and private name (RFC 9111
	// §5.2.2.4, §5.2.2.7): they may not be reused or stored, the rest of the response may.
	fields []qualified
}

type qualified struct {
	by   directive
	name string // canonical
}

// Has reports whether a directive without a number was given, and for the whole
// response. Of max-stale it reports whether it was given without one.
func (d *Directives) Has(k directive) bool { return d.flags&(1<<k) != 0 }

// delta returns the argument of a directive with a number of seconds. It is negative if
// the directive is absent.
func (d *Directives) delta(k directive) time.Duration { return duration(d.deltas[k]) }

func duration(n uint32) time.Duration { return time.Duration(int64(n)-1) * time.Second }

func (d *Directives) set(k directive) { d.flags |= 1 << k }

// parseDirectives reads every line of a Cache-Control field.
func parseDirectives(values []string) (d Directives) {
	for e := range httpfield.List(values) {
		if p, ok := httpfield.ParseParam(e); ok {
			d.present = true
			d.add(p)
		} else {
			d.salvage(e)
		}
	}
	d.revoke()
	return d
}

// requestDirectives reads Cache-Control of a request, or Pragma where there is
// none (RFC 9111 §5.4).
func requestDirectives(h http.Header) (d Directives) {
	if cc := h["Cache-Control"]; len(cc) > 0 {
		d = parseDirectives(cc)
		if d.limit > 0 {
			atMost(&d.deltas[maxAge], d.limit)
		}
	} else if httpfield.HasToken(h["Pragma"], "no-cache") {
		d.set(noCache)
	}
	return d
}

// ResponseDirectives returns what controls the reuse of a response: the first targeted
// field that is valid and not empty (RFC 9213 §2.2), else Cache-Control. Of a targeted
// field that is not valid only what it seems to forbid counts.
func ResponseDirectives(h http.Header, targets []string) (d Directives, targeted bool) {
	var invalid Directives
	for _, name := range targets {
		if values := h.Values(name); len(values) > 0 {
			if d, targeted = parseTargeted(values); targeted {
				break
			}
			for _, v := range values {
				invalid.salvage(v)
			}
		}
	}
	if !targeted {
		d = parseDirectives(h["Cache-Control"])
	}
	d.flags |= invalid.flags & (1<<NoStore | 1<<noCache | 1<<private)
	return d, targeted
}

// parseTargeted reads a targeted field, which is a Dictionary of Structured
// Fields (RFC 9213 §2.1). One that does not parse or is empty is no field at all.
func parseTargeted(values []string) (d Directives, ok bool) {
	dict, err := httpsfv.UnmarshalDictionary(values)
	if err != nil || len(dict.Names()) == 0 {
		return Directives{}, false
	}
	for _, name := range dict.Names() {
		member, _ := dict.Get(name)
		item, ok := member.(httpsfv.Item)
		if !ok {
			continue
		}
		for _, param := range item.Params.Names() {
			// No directive has parameters: a semicolon stands for a comma.
			value, _ := item.Params.Get(param)
			d.restrict(param, fmt.Sprint(value))
		}
		p := httpfield.Param{Name: name}
		switch v := item.Value.(type) {
		case bool:
			if !v {
				continue // "no-store=?0" is absent
			}
		case int64:
			p.HasValue, p.Value = true, strconv.FormatInt(v, 10)
		case string:
			p.HasValue, p.Quoted, p.Value = true, true, v
			k, known := directiveOf(name)
			p.Bad = known && directiveTable[k].argument == shortest // a number written as a string
		default:
			p.HasValue, p.Bad = true, true
		}
		d.add(p)
	}
	d.revoke()
	return d, true
}

func directiveOf(name string) (directive, bool) {
	for k := range directiveTable {
		if directiveTable[k].name == name {
			return directive(k), true //nolint:gosec // the table is small
		}
	}
	return 0, false
}

// add adds a directive.
func (d *Directives) add(p httpfield.Param) {
	k, ok := directiveOf(p.Name)
	if !ok {
		d.unknown(p)
		return
	}
	switch directiveTable[k].argument {
	case none:
		d.set(k)
	case fieldNames:
		if names := namesIn(p); names == nil {
			d.set(k)
		} else {
			for _, name := range names {
				d.fields = append(d.fields, qualified{k, name})
			}
		}
	case shortest:
		atMost(&d.deltas[k], secondsIn(p, 0))
	case longest:
		d.deltas[k] = max(d.deltas[k], secondsIn(p, httpfield.MaxDeltaSeconds))
	case shortestOrAny:
		if p.HasValue {
			atMost(&d.deltas[k], secondsIn(p, 0))
		} else {
			d.set(k)
		}
	}
	switch {
	case p.Bad:
		d.salvage(p.Value)
	case !p.Quoted:
		if _, ok := httpfield.DeltaSeconds(p.Value); !ok {
			d.read(p.Value) // "max-age=60|private", "max-age= no-store"
		}
	}
}

// atMost sets *v to n if that is less, or if *v is not set.
func atMost(v *uint32, n uint32) {
	if *v == 0 || n < *v {
		*v = n
	}
}

// secondsIn returns the argument of p plus one, as deltas has it, with otherwise in place
// of an argument that is not valid.
func secondsIn(p httpfield.Param, otherwise int64) uint32 {
	n, ok := httpfield.DeltaSeconds(p.Value)
	if !ok || p.Bad {
		n = otherwise
	}
	return uint32(n + 1) //nolint:gosec // at most MaxDeltaSeconds + 1
}

// namesIn returns the argument of a qualified no-cache or private in
// canonical form, and nil if there is none or it is not a list of names: then
// the directive holds for the whole response.
func namesIn(p httpfield.Param) (names []string) {
	for e := range httpfield.List([]string{p.Value}) {
		if !httpfield.IsToken(e) {
			return nil
		}
		names = append(names, http.CanonicalHeaderKey(e))
	}
	return names
}
