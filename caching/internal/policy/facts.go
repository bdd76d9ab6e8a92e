package policy

import (
	"cmp"
	"net/http"
	"time"

	"github.com/tripper-go/tripper/internal/httpfield"
)

// Response is a stored response, or one that is about to be stored.
type Response struct {
	// URL is the target, without user information and fragment.
	URL    string
	Status int
	Header http.Header
	// RequestTime and ResponseTime are when the request was sent and the response
	// received, by the clock of this cache (RFC 9111 §4.2.3).
	RequestTime, ResponseTime time.Time
}

// Imposed is what holds for a response beside what its header says. The zero value
// imposes nothing.
type Imposed struct {
	// TTL is a freshness lifetime set by the application, counted from the reception.
	// Zero leaves it to the header; negative means that the response is not stored.
	TTL time.Duration
	// Requested is true if TTL was set for one request and not for all.
	Requested bool
	// MustRevalidate is true if the response must be revalidated before it is used again: a
	// request that may have changed the resource failed.
	MustRevalidate bool
}

// Facts is what the decisions need to know of a stored response: it is worked out once,
// so that reusing the response decodes nothing. It is not changed afterwards.
type Facts struct {
	Cfg *Settings
	dir Directives
	Freshness
	// ttl is 1 if the application has set the lifetime, and -1 if it keeps the response from being
	// stored.
	ttl int8
	// mustRevalidate is that of Imposed.
	mustRevalidate bool
	// strict is true if the response may never be served stale.
	strict bool
	// Public is true if the response is for everybody, whatever their credentials.
	Public bool
	// sendsTag and sendsDate are true if etag and lastModified may be sent for validation.
	sendsTag, sendsDate bool
	// IsPartial is true for a stored 206 that says what it holds of its representation.
	IsPartial bool

	// etag and lastModified are ETag and Last-Modified as the origin wrote them. What they mean
	// is seldom asked, and read then.
	etag, lastModified string
	// Part is what it holds, nil if IsPartial is false.
	Part *httpfield.ContentRange
}

// Set works out the facts of r for a cache with the settings cfg. f is zero before. d are
// the directives of r, which come from a targeted field if targeted is true; nil stands for
// those in its header. was is what the same response was before an update, or nil.
func (f *Facts) Set(cfg *Settings, r *Response, by Imposed, d *Directives, targeted bool, was *Facts) {
	if d == nil {
		read, t := ResponseDirectives(r.Header, cfg.Targeted)
		d, targeted = &read, t
	}
	f.Cfg, f.dir, f.ttl, f.mustRevalidate = cfg, *d, int8(cmp.Compare(by.TTL, 0)), by.MustRevalidate //nolint:gosec // -1, 0 or 1
	f.Freshness = freshnessOf(cfg, r, d, targeted, by.TTL)
	if by.TTL != 0 {
		// The application knows better than the response.
		f.dir.flags &^= 1<<noCache | 1<<mustRevalidate | 1<<proxyRevalidate
	}
	f.Public = cfg.SharePublic && !by.Requested && IsPublic(r.Status, r.Header, d)
	f.strict = f.dir.Has(noCache) || f.dir.Has(mustRevalidate) || cfg.Shared && (f.dir.Has(proxyRevalidate) || f.dir.delta(sMaxAge) >= 0)
	if was != nil && was.sameValidators(r.Header) {
		f.etag, f.sendsTag, f.lastModified, f.sendsDate = was.etag, was.sendsTag, was.lastModified, was.sendsDate
	} else {
		f.etag = single(r.Header["Etag"])
		if dates := r.Header["Last-Modified"]; len(dates) > 0 {
			f.lastModified = dates[0]
		}
		// RFC 9110 §15.4.5: a 304 stands for a 200. No error is confirmed by it.
		f.sendsTag = r.Status < 500 && tagToSend(r.Header) != ""
		f.sendsDate = r.Status < 500 && dateToSend(r.Header) != ""
	}
	if r.Status == http.StatusPartialContent {
		if part, ok := httpfield.ParseContentRange(r.Header.Get("Content-Range")); ok && part.First >= 0 && part.Total >= 0 {
			f.Part, f.IsPartial = &part, true
		}
	}
}

// sameValidators reports whether the validators in h are certainly what f has read already, as
// after most updates.
func (f *Facts) sameValidators(h http.Header) bool {
	tag, date := h["Etag"], h["Last-Modified"]
	return len(tag) == 1 && tag[0] == f.etag && len(date) == 1 && date[0] == f.lastModified
}

// Own takes a validator from a field that a Store keeps of the response, so that f keeps nothing else
// alive: the strings of f may be parts of all that came with the response.
func (f *Facts) Own(name, value string) {
	switch {
	case name == "Etag" && value == f.etag:
		f.etag = value
	case name == "Last-Modified" && value == f.lastModified:
		f.lastModified = value
	}
}

// Tag returns the ETag of the response for validation, as the origin wrote it. It is empty if
// there is none that may be sent.
func (f *Facts) Tag() string {
	if f.sendsTag {
		return f.etag
	}
	return ""
}

// date returns the Last-Modified of the response for validation, as Tag does.
func (f *Facts) date() string {
	if f.sendsDate {
		return f.lastModified
	}
	return ""
}

// ETag returns what the ETag of the response means, zero if it is not valid.
func (f *Facts) ETag() httpfield.ETag {
	tag, _ := httpfield.ParseETag(f.etag)
	return tag
}

// modified returns what the Last-Modified of the response means, if it is valid.
func (f *Facts) modified() (time.Time, bool) {
	if f.lastModified == "" {
		return time.Time{}, false
	}
	return httpDate([]string{f.lastModified}, time.UnixMicro(f.receivedWall))
}

// Validators reports whether the response can be validated.
func (f *Facts) Validators() bool { return f.sendsDate || f.sendsTag && !f.Cfg.IgnoreETag }
