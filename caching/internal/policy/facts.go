package policy

import (
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
	Cfg     *Settings
	imposed Imposed
	dir     Directives
	Freshness
	// strict is true if the response may never be served stale.
	strict bool
	// Public is true if the response is for everybody, whatever their credentials.
	Public bool
	// hasModified is true if modified is set, IsPartial if Part is.
	hasModified, IsPartial bool

	// Tag and lastModified are ETag and Last-Modified as the origin wrote them, for
	// validation. They are empty if there is none that may be sent.
	Tag, lastModified string
	// Etag and modified are what they mean, where they are valid.
	Etag     httpfield.ETag
	modified time.Time
	// Part is what a stored 206 holds of its representation.
	Part httpfield.ContentRange
}

// Set works out the facts of r for a cache with the settings cfg. f is zero before. d are
// the directives of r, which come from a targeted field if targeted is true; nil stands for
// those in its header. was is what the same response was before an update, or nil.
func (f *Facts) Set(cfg *Settings, r *Response, by Imposed, d *Directives, targeted bool, was *Facts) {
	if d == nil {
		read, t := ResponseDirectives(r.Header, cfg.Targeted)
		d, targeted = &read, t
	}
	f.Cfg, f.imposed, f.dir = cfg, by, *d
	f.Freshness = freshnessOf(cfg, r, d, targeted, by.TTL)
	if by.TTL != 0 {
		// The application knows better than the response.
		f.dir.flags &^= 1<<noCache | 1<<mustRevalidate | 1<<proxyRevalidate
	}
	f.Public = cfg.SharePublic && !by.Requested && IsPublic(r.Status, r.Header, d)
	f.strict = f.dir.Has(noCache) || f.dir.Has(mustRevalidate) || cfg.Shared && (f.dir.Has(proxyRevalidate) || f.dir.delta(sMaxAge) >= 0)
	if was != nil && was.sameValidators(r.Header) {
		f.Etag, f.Tag = was.Etag, was.Tag
		f.modified, f.hasModified, f.lastModified = was.modified, was.hasModified, was.lastModified
	} else {
		f.Etag, _ = httpfield.ParseETag(single(r.Header["Etag"]))
		f.modified, f.hasModified = httpDate(r.Header["Last-Modified"], r.ResponseTime)
		if r.Status < 500 {
			// RFC 9110 §15.4.5: a 304 stands for a 200. No error is confirmed by it.
			f.Tag, f.lastModified = tagToSend(r.Header), dateToSend(r.Header)
		}
	}
	if r.Status == http.StatusPartialContent {
		f.Part, f.IsPartial = httpfield.ParseContentRange(r.Header.Get("Content-Range"))
		f.IsPartial = f.IsPartial && f.Part.First >= 0 && f.Part.Total >= 0
	}
}

// sameValidators reports whether the validators in h are certainly what f has read already, as
// after most updates.
func (f *Facts) sameValidators(h http.Header) bool {
	tag, date := h["Etag"], h["Last-Modified"]
	return len(tag) == 1 && tag[0] == f.Tag && len(date) == 1 && date[0] == f.lastModified
}

// Validators reports whether the response can be validated.
func (f *Facts) Validators() bool { return f.lastModified != "" || f.Tag != "" && !f.Cfg.IgnoreETag }
