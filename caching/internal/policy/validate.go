package policy

import (
	"net/http"
	"slices"
	"strings"

	"github.com/tripper-go/tripper/internal/httpfield"
)

// maxTags is the most entity tags that one If-None-Match offers.
const maxTags = 32

// Offer holds the validators of stored responses that a request is sent with.
type Offer struct {
	tags []string
	// modified is the value of If-Modified-Since, of one line or none.
	modified []string
}

// OfferOf returns the validators of the selected response, whose facts are given if there is one,
// and the entity tags of the other variants of the URL: the origin may
// select one of them (RFC 9111 §4.3.1). A tag that does not parse is sent alone, since it
// might read as several in a list.
func OfferOf(ignoreETag bool, f *Facts, variants []Variant) Offer {
	var o Offer
	if f != nil {
		lines := []string{f.etag, f.lastModified}
		if f.sendsTag && !ignoreETag {
			o.tags = lines[:1:1]
		}
		if f.sendsDate {
			o.modified = lines[1:]
		}
	}
	if ignoreETag || len(o.modified) > 0 && len(o.tags) == 0 || len(o.tags) > 0 && len(variants) > 0 && f.ETag().IsZero() {
		// RFC 9110 §13.1.3: beside tags of others its own date would be ignored.
		return o
	}
	var alone []string
	for i := range variants {
		tag := variants[i].Etag
		if tag == "" || len(o.tags) >= maxTags || slices.Contains(o.tags, tag) {
			continue
		}
		if _, ok := httpfield.ParseETag(tag); !ok {
			alone = []string{tag}
			continue
		}
		o.tags = append(o.tags, tag)
	}
	if len(o.tags) == 0 {
		o.tags = alone
	}
	return o
}

// Empty reports whether there is nothing to offer.
func (o *Offer) Empty() bool { return len(o.tags) == 0 && len(o.modified) == 0 }

// Set puts the offer into the header of a request.
func (o *Offer) Set(h http.Header) {
	switch len(o.tags) {
	case 0:
	case 1:
		h["If-None-Match"] = o.tags
	default:
		h["If-None-Match"] = []string{strings.Join(o.tags, ", ")}
	}
	if len(o.modified) > 0 {
		h["If-Modified-Since"] = o.modified
	}
}

// Confirms returns which of the offered responses a 304 with the header h freshens (RFC 9111
// §4.3.4): the selected one, another variant by its entity tag, or none.
func Confirms(selected *Facts, variants []Variant, offered *Offer, h http.Header) (self bool, other *Variant) {
	if tag := single(h["Etag"]); tag != "" {
		if selected != nil && sameTag(tag, selected.Tag()) {
			return true, nil
		}
		for i := range variants {
			if sameTag(tag, variants[i].Etag) {
				return false, &variants[i]
			}
		}
		// A new tag on a 304: only where no tag was offered can it belong to
		// the response whose date was.
		return selected != nil && len(offered.tags) == 0, nil
	}
	if selected == nil || len(offered.tags) > 1 {
		return false, nil
	}
	return len(h["Last-Modified"]) == 0 || !selected.sendsDate || selected.sameDate(h), nil
}

// IsAbout reports whether a 304 with the header h has a validator of the stored response.
func (f *Facts) IsAbout(h http.Header) bool {
	if tag := single(h["Etag"]); tag != "" {
		return sameTag(tag, f.Tag())
	}
	return f.sameDate(h)
}

// Evidence is what a header tells about whether a stored response is up to date.
type Evidence uint8

// Evidence: none, that it is, or that it is not.
const (
	NoEvidence Evidence = iota
	Same
	Different
)

// Compare returns what the response to a HEAD, with the header h, tells about the stored
// response, whose body has size bytes (RFC 9111 §4.3.5): it is the same if h has a
// validator, and neither that nor the length differs. Other content may be as long: an equal
// length alone is no evidence.
func (f *Facts) Compare(size int64, h http.Header) Evidence {
	e := NoEvidence
	if len(h["Etag"]) > 0 {
		tag := single(h["Etag"])
		if t, ok := httpfield.ParseETag(tag); ok && t != f.ETag() || !ok && (tag == "" || tag != f.Tag()) {
			return Different
		}
		e = Same
	}
	if len(h["Last-Modified"]) > 0 {
		if !f.sameDate(h) {
			return Different
		}
		e = Same
	}
	if n, ok := httpfield.ContentLength(h["Content-Length"]); ok && n != size {
		return Different
	}
	return e
}
