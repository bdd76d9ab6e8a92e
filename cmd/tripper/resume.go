package main

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"strconv"
	"time"

	"github.com/tripper-go/tripper/internal/httpfield"
)

// A record says what a file is the beginning of. It stands beside the file until that is complete.
type record struct {
	Version int `json:"version"`
	// URL is the hash of the URL that was asked for.
	URL string `json:"url"`
	// ETag is the strong entity tag of the content. If it is empty, Modified is its Last-Modified, which is
	// strong too (RFC 9110 §8.8.2.2).
	ETag     string `json:"etag,omitempty"`
	Modified string `json:"last_modified,omitempty"`
	// Length is that of the whole content, -1 if it is not known.
	Length int64 `json:"length"`
}

const recordVersion = 1

// hashOf returns the hash of a URL, since a query may be a secret.
func hashOf(url string) string {
	sum := sha256.Sum256([]byte(url))
	return hex.EncodeToString(sum[:])
}

// newRecord returns the record of a 200 response, nil if nothing could go on with its content: that takes a
// validator that is strong (RFC 9110 §13.1.5).
func newRecord(url string, resp *http.Response) *record {
	if resp.StatusCode != http.StatusOK || resp.Uncompressed || httpfield.HasToken(resp.Header["Accept-Ranges"], "none") {
		return nil
	}
	r := &record{Version: recordVersion, URL: hashOf(url), Length: resp.ContentLength}
	h := resp.Header
	switch tags := h["Etag"]; {
	case len(tags) > 0:
		r.ETag = tags[0]
		if len(tags) > 1 {
			return nil
		}
	case len(h["Last-Modified"]) == 1:
		r.Modified = h.Get("Last-Modified")
		modified, ok1 := httpfield.ParseDate(r.Modified, time.Now())
		date, ok2 := httpfield.ParseDate(h.Get("Date"), time.Now())
		if !ok1 || !ok2 || date.Sub(modified) < time.Second {
			return nil
		}
	}
	if !r.valid() {
		return nil
	}
	return r
}

// maxValidator is the longest validator that is kept.
const maxValidator = 1 << 10

// valid reports whether r can be gone by. It may come from a file that somebody has changed.
func (r *record) valid() bool {
	if r.Version != recordVersion || r.Length < -1 || len(r.ETag)+len(r.Modified) > maxValidator {
		return false
	}
	if r.ETag != "" {
		tag, ok := httpfield.ParseETag(r.ETag)
		return ok && !tag.Weak && httpfield.IsValue(r.ETag)
	}
	_, ok := httpfield.ParseDate(r.Modified, time.Now())
	return ok
}

// validator returns the value for If-Range.
func (r *record) validator() string {
	if r.ETag != "" {
		return r.ETag
	}
	return r.Modified
}

// parseRecord reads a record, nil if it is none, or that of another URL.
func parseRecord(b []byte, url string) *record {
	r := new(record)
	if json.Unmarshal(b, r) != nil || !r.valid() || r.URL != hashOf(url) {
		return nil
	}
	return r
}

// A plan is how a download begins.
type plan struct {
	// size is that of the file, zero if there is none.
	size int64
	// rec is what the file is the beginning of, nil if that is not known.
	rec *record
}

// complete reports whether the file is known to be complete.
func (p plan) complete() bool { return p.rec != nil && p.size > 0 && p.size == p.rec.Length }

// fields sets those of a request.
//
// A file without a record may be complete: it was downloaded before. That is asked for by a range after its
// end, and never gone on with.
func (p plan) fields(h http.Header) {
	if p.size == 0 {
		return
	}
	h.Set("Range", "bytes="+strconv.FormatInt(p.size, 10)+"-")
	if p.rec != nil {
		h.Set("If-Range", p.rec.validator())
	}
}

// A verdict is what is done with a response.
type verdict int

const (
	takeWhole verdict = iota // its content is the whole
	takeRest                 // its content is what the file lacks
	takeNone                 // the file is complete
	askWhole                 // the whole is to be asked for
	refuse                   // it has no content for the file
)

// judge decides what is done with a response, and says why if the file is not gone on with.
func (p plan) judge(status int, h http.Header) (v verdict, why string) {
	r, ok := httpfield.ParseContentRange(h.Get("Content-Range"))
	ok = ok && len(h["Content-Range"]) == 1
	switch {
	case status == http.StatusOK && p.size == 0:
		return takeWhole, ""
	case status == http.StatusOK && p.rec == nil:
		return takeWhole, "nothing is known of what it is a part of"
	case status == http.StatusOK:
		return takeWhole, "the content has changed, or the server sends no part of it"
	case p.size == 0 || status != http.StatusPartialContent && status != http.StatusRequestedRangeNotSatisfiable:
		return refuse, ""
	case status == http.StatusRequestedRangeNotSatisfiable:
		if ok && r.Total == p.size && (p.rec == nil || p.rec.Length < 0) {
			return takeNone, ""
		}
		return askWhole, "it is not a part of the content"
	case p.rec == nil:
		return askWhole, "nothing is known of what it is a part of"
	case !ok || r.First != p.size || r.Total >= 0 && p.rec.Length >= 0 && r.Total != p.rec.Length:
		return askWhole, "the server sent another part than was asked for"
	case r.Total < 0 && p.rec.Length < 0:
		return askWhole, "the server does not say how long the content is"
	case p.rec.ETag != "" && len(h["Etag"]) > 0 && h.Get("Etag") != p.rec.ETag:
		// RFC 9110 §15.3.7: a 206 has the entity tag that the 200 would have.
		return askWhole, "the server sent a part of other content"
	case p.rec.ETag == "" && len(h["Last-Modified"]) > 0 && h.Get("Last-Modified") != p.rec.Modified:
		return askWhole, "the server sent a part of other content"
	}
	return takeRest, ""
}
