package caching

import (
	"net/http"
	"time"

	"github.com/tripper-go/tripper/internal/httpfield"
)

// response is a stored response, or one that is about to be stored.
type response struct {
	// url is the target, without user information and fragment.
	url    string
	status int
	header http.Header
	// requestTime and responseTime are when the request was sent and the response
	// received, by the clock of this cache (RFC 9111 §4.2.3).
	requestTime, responseTime time.Time
}

// imposed is what holds for a response beside what its header says. The zero value
// imposes nothing.
type imposed struct {
	// ttl is a freshness lifetime set by the application, counted from the reception.
	// Zero leaves it to the header; negative means that the response is not stored.
	ttl time.Duration
	// requested is true if ttl was set for one request and not for all.
	requested bool
	// mustRevalidate is true if the response must be revalidated before it is used again: a
	// request that may have changed the resource failed.
	mustRevalidate bool
}

// facts is what the decisions need to know of a stored response: it is worked out once,
// so that reusing the response decodes nothing. It is not changed afterwards.
type facts struct {
	cfg     *settings
	imposed imposed
	dir     directives
	freshness
	// strict is true if the response may never be served stale.
	strict bool
	// public is true if the response is for everybody, whatever their credentials.
	public bool
	// hasModified is true if there is modified, and isPartial if there is part.
	hasModified, isPartial bool

	// tag and lastModified are ETag and Last-Modified as the origin wrote them, for
	// validation. They are empty if there is none that may be sent.
	tag, lastModified string
	// etag and modified are what they mean, where they are valid.
	etag     httpfield.ETag
	modified time.Time
	// part is what a stored 206 holds of its representation.
	part httpfield.ContentRange
}

// set works out the facts of r for a cache with the settings cfg. f is zero before. d are
// the directives of r, which come from a targeted field if targeted is true; nil stands for
// those in its header. was is what the same response was before an update, or nil.
func (f *facts) set(cfg *settings, r *response, by imposed, d *directives, targeted bool, was *facts) {
	if d == nil {
		read, t := responseDirectives(r.header, cfg.targeted)
		d, targeted = &read, t
	}
	f.cfg, f.imposed, f.dir = cfg, by, *d
	f.freshness = freshnessOf(cfg, r, d, targeted, by.ttl)
	if by.ttl != 0 {
		// The application knows better than the response.
		f.dir.flags &^= 1<<noCache | 1<<mustRevalidate | 1<<proxyRevalidate
	}
	f.public = cfg.sharePublic && !by.requested && isPublic(r.status, r.header, d)
	f.strict = f.dir.has(noCache) || f.dir.has(mustRevalidate) || cfg.shared && (f.dir.has(proxyRevalidate) || f.dir.delta(sMaxAge) >= 0)
	if was != nil && was.sameValidators(r.header) {
		f.etag, f.tag = was.etag, was.tag
		f.modified, f.hasModified, f.lastModified = was.modified, was.hasModified, was.lastModified
	} else {
		f.etag, _ = httpfield.ParseETag(single(r.header["Etag"]))
		f.modified, f.hasModified = httpDate(r.header["Last-Modified"], r.responseTime)
		if r.status < 500 {
			// RFC 9110 §15.4.5: a 304 stands for a 200. No error is confirmed by it.
			f.tag, f.lastModified = tagToSend(r.header), dateToSend(r.header)
		}
	}
	if r.status == http.StatusPartialContent {
		f.part, f.isPartial = httpfield.ParseContentRange(r.header.Get("Content-Range"))
		f.isPartial = f.isPartial && f.part.First >= 0 && f.part.Total >= 0
	}
}

// sameValidators reports whether the validators in h are certainly what f has read already, as
// after most updates.
func (f *facts) sameValidators(h http.Header) bool {
	tag, date := h["Etag"], h["Last-Modified"]
	return f.tag != "" && len(tag) == 1 && tag[0] == f.tag &&
		f.hasModified && len(date) == 1 && date[0] == f.lastModified
}

// validators reports whether the response can be validated.
func (f *facts) validators() bool {
	return f.lastModified != "" || f.tag != "" && !f.cfg.ignoreETag
}
