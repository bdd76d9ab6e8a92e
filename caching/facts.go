package caching

import (
	"net/http"
	"reflect"
	"slices"
	"sync"
	"sync/atomic"
	"time"
	"weak"

	"github.com/tripper-go/tripper/internal/httpfield"
)

// config is what of a Transport's settings the decisions depend on.
type config struct {
	shared, sharePublic       bool
	noHeuristics              bool
	ignoreETag, showKey       bool
	staleOnlyIfCached         bool
	heuristicFraction         float64
	heuristicMax              time.Duration
	staleWhileRevalidate      time.Duration
	staleIfError, unreachable time.Duration
	targeted                  []string
	statusTTL                 map[int]time.Duration
	maxBody                   int64
	name                      string
}

// configs are the settings in use in this process. Transports with equal settings have
// one config, so that what is worked out for a stored response is right for all of them.
var configs struct {
	mu  sync.Mutex
	all []weak.Pointer[config]
}

// interned returns the config that is equal to c for every Transport that has it.
func (c *config) interned() *config {
	configs.mu.Lock()
	defer configs.mu.Unlock()
	configs.all = slices.DeleteFunc(configs.all, func(p weak.Pointer[config]) bool { return p.Value() == nil })
	for _, p := range configs.all {
		if known := p.Value(); known != nil && reflect.DeepEqual(known, c) {
			return known
		}
	}
	configs.all = append(configs.all, weak.Make(c))
	return c
}

// facts is what a Transport works out once for each stored response, so that
// using it again decodes nothing.
type facts struct {
	cfg *config
	record
	dir directives
	freshness
	// strict is true if the response may never be served stale.
	strict bool
	// public is true if the response is for everybody, whatever their credentials.
	public bool

	// tag and lastModified are ETag and Last-Modified as the origin wrote them, for
	// validation. They are empty if there is none that may be sent.
	tag, lastModified string
	// etag and modified are what they mean, where they are valid.
	etag     httpfield.ETag
	modified time.Time
	// part is what a stored 206 holds of its representation.
	part httpfield.ContentRange
	// hasModified is true if there is modified, and isPartial if there is part.
	hasModified, isPartial bool

	// groups are the keys of the groups that the response is in.
	groups []string

	// fields is the header in the order of a slice, which is faster to copy than
	// a map; lines counts the values.
	fields []field
	lines  int
	stamp  atomic.Pointer[stamp]
}

type field struct {
	name   string
	values []string
}

// stamp holds the fields of a hit that change from second to second.
type stamp struct {
	age         int64
	text        string
	cacheStatus string
}

// factsOf returns the facts of m, or nil if m is not of this package's making.
func factsOf(cfg *config, m *Meta) *facts {
	if f := m.facts.Load(); f != nil && f.cfg == cfg {
		return f
	}
	f := newFacts(cfg, m)
	if f != nil {
		m.facts.Store(f)
	}
	return f
}

func newFacts(cfg *config, m *Meta) *facts {
	r, ok := parseRecord(m.Extra)
	if !ok {
		return nil
	}
	return prepare(cfg, m, r)
}

// prepare works out the facts of m, whose record is r.
func prepare(cfg *config, m *Meta, r record) *facts {
	if r.index {
		return &facts{cfg: cfg, record: r}
	}
	d, targeted := responseDirectives(m.Header, cfg.targeted)
	return prepareWith(cfg, m, r, &d, targeted)
}

// prepareWith is prepare for a response whose directives are known.
func prepareWith(cfg *config, m *Meta, r record, d *directives, targeted bool) *facts {
	f := &facts{cfg: cfg, record: r, dir: *d}
	f.freshness = freshnessOf(cfg, m, d, targeted, r.ttl)
	if r.ttl != 0 {
		// The application knows better than the response.
		f.dir.noCache, f.dir.mustRevalidate, f.dir.proxyRevalidate = false, false, false
	}
	f.public = cfg.sharePublic && !r.requested && isPublic(m.Status, m.Header, d)
	f.strict = f.dir.noCache || f.dir.mustRevalidate || cfg.shared && (f.dir.proxyRevalidate || f.dir.sMaxAge >= 0)
	f.etag, _ = httpfield.ParseETag(single(m.Header["Etag"]))
	f.modified, f.hasModified = httpDate(m.Header["Last-Modified"], m.ResponseTime)
	if m.Status < 500 {
		// RFC 9110 §15.4.5: a 304 stands for a 200. No error is confirmed by it.
		f.tag, f.lastModified = tagToSend(m.Header), dateToSend(m.Header)
	}
	if m.Status == http.StatusPartialContent {
		f.part, f.isPartial = httpfield.ParseContentRange(m.Header.Get("Content-Range"))
		f.isPartial = f.isPartial && f.part.First >= 0 && f.part.Total >= 0
	}
	f.groups = groupKeys(m.URL, m.Header)
	f.flatten(m.Header)
	return f
}

// flatten lists the fields of a reply. Age is left out, it is set anew.
func (f *facts) flatten(h http.Header) {
	f.fields = make([]field, 0, len(h))
	for name, values := range h {
		if name != "Age" && len(values) > 0 {
			f.fields = append(f.fields, field{name, values})
			f.lines += len(values)
		}
	}
}

// validators reports whether the response can be validated.
func (f *facts) validators() bool {
	return f.lastModified != "" || f.tag != "" && !f.cfg.ignoreETag
}
