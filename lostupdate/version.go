package lostupdate

import (
	"net/http"
	"strings"
	"time"

	"github.com/tripper-go/tripper/internal/httpfield"
)

// maxTag bounds an entity tag that is remembered, in bytes. Servers make them of
// some dozen; a longer one is treated as absent.
const maxTag = 1024

// Version is what is remembered of a representation: its validators, and what is needed
// to make a precondition of them. It can be stored in any encoding that keeps its fields.
type Version struct {
	// ETag is the entity tag as it was received, empty if there was none.
	ETag string
	// Coding is the content coding that the representation had on the wire,
	// such as "gzip", empty if it had none.
	Coding string
	// LastModified is zero if the response had no such field.
	LastModified time.Time
	// Date is when the server sent the representation.
	Date time.Time
	// Variant holds the request fields that selected the representation, as its Vary
	// names them: a line for each, as in "Accept: text/html\n". Fields with
	// credentials and Accept-Encoding are not among them.
	Variant string
	// Unknown is true if the caller has changed the resource, or seen it, by a
	// response without a validator.
	Unknown bool
	// Uncertain is true after a write that failed without a response: the server may
	// have executed it.
	Uncertain bool
	// Sent is the SHA-256, in hexadecimal, of the content of the write after which
	// the version became Unknown. It is empty if that was not read to its end.
	Sent string
}

// IsZero reports whether nothing is known.
func (v Version) IsZero() bool { return v == Version{} }

// VersionOf returns the version of the representation in resp, for
// [WithVersion]. If a layer has decoded the body (resp.Uncompressed), the coding is
// guessed from the entity tag.
func VersionOf(resp *http.Response) Version {
	v := versionOf(resp, time.Now())
	v.ETag = strings.Clone(v.ETag)
	if resp.Request != nil {
		v.Variant = variantOf(resp.Header["Vary"], resp.Request.Header)
	}
	return v
}

// versionOf is [VersionOf] without the Variant. The ETag is a part of the header, whose values may
// all be parts of one string: who keeps it makes a copy.
func versionOf(resp *http.Response, now time.Time) Version {
	h := resp.Header
	v := Version{Date: now}
	if tags := h["Etag"]; len(tags) == 1 {
		if tag, ok := parseTag(tags[0]); ok {
			v.ETag = tag
		}
	}
	if dates := h["Date"]; len(dates) > 0 {
		if date, ok := httpfield.ParseDate(dates[0], now); ok {
			v.Date = date
		}
	}
	if dates := h["Last-Modified"]; len(dates) > 0 {
		v.LastModified, _ = httpfield.ParseDate(dates[0], now)
	}
	if v.ETag != "" {
		v.Coding = coding(h["Content-Encoding"])
		if v.Coding == "" && resp.Uncompressed {
			v.Coding = codingOfTag(v.ETag)
		}
	}
	v.Unknown = v.ETag == "" && v.LastModified.IsZero()
	return v
}

// parseTag returns the entity tag in a field value, in the form to send back. Some
// servers leave the quotation marks out, and expect a tag without them. Other spellings,
// such as w/"a", are treated as weak tags, by which two versions are compared.
func parseTag(s string) (tag string, ok bool) {
	s = httpfield.TrimBlanks(s)
	if s == "" || s == "*" || len(s) > maxTag {
		return "", false
	}
	if _, ok := httpfield.ParseETag(s); ok {
		return s, true
	}
	return s, !strings.ContainsFunc(s, func(c rune) bool { return c == ',' || c < ' ' || c == 0x7f })
}

// coding returns the content coding that was applied last to a representation, after
// which servers name its tag. "identity" is none.
func coding(values []string) (last string) {
	for c := range httpfield.List(values) {
		if c = strings.TrimPrefix(httpfield.Lower(c), "x-"); c != "identity" {
			last = c
		}
	}
	return strings.Clone(last)
}

// codings are those that servers name in entity tags.
var codings = []string{"gzip", "br", "zstd", "deflate", "compress"}

// codingOfTag guesses the coding of a representation that has been decoded
// already, by net/http, which decodes gzip only, or by a layer further out.
func codingOfTag(tag string) string {
	for _, c := range codings {
		if _, ok := uncoded(tag, c); ok {
			return c
		}
	}
	return "gzip"
}

// uncoded cuts the name of the coding off a tag in wire form: "x-gzip" is
// Apache's and lighttpd's, "x--gzip" Jetty's, "x;gzip" an older way. It cuts
// nothing else: a tag is opaque, and a wrong guess could match another version.
func uncoded(tag, coding string) (string, bool) {
	base, ok := strings.CutSuffix(tag, coding+`"`)
	if !ok || coding == "" {
		return tag, false
	}
	for _, sep := range [...]string{"--", "-", ";", ":"} {
		if cut, ok := strings.CutSuffix(base, sep); ok && len(cut) > len(`"`) && cut != `W/"` {
			return cut + `"`, true
		}
	}
	return tag, false
}

// opaque returns the tag by which two responses are compared: without W/ and without
// the name of the coding.
func (v Version) opaque() string {
	tag := strings.TrimPrefix(v.ETag, "W/")
	if v.Coding != "" {
		tag, _ = uncoded(tag, v.Coding)
	}
	return tag
}

// same reports whether v and w are the same version, by their tags or, where one
// has none, by their times. known is false if there is nothing to compare.
func (v Version) same(w Version) (same, known bool) {
	switch {
	case v.ETag != "" && w.ETag != "":
		return v.opaque() == w.opaque() || v.ETag == w.ETag, true
	case !v.LastModified.IsZero() && !w.LastModified.IsZero():
		return v.LastModified.Equal(w.LastModified), true
	}
	return false, false
}
