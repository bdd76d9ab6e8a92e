package policy

import (
	"net/http"
	"strings"

	"github.com/tripper-go/tripper/internal/httpfield"
)

// maxValidator bounds the validators that are sent, in bytes.
const maxValidator = 1 << 10

// single returns the value of a field that has one: its line, or the line that all
// of its lines repeat. Otherwise it returns "".
func single(values []string) string {
	if len(values) == 0 {
		return ""
	}
	for _, v := range values[1:] {
		if v != values[0] {
			return ""
		}
	}
	return values[0]
}

// tagToSend returns the ETag of a response as it goes back to the origin in
// If-None-Match: as the origin wrote it, whether or not it is one by RFC 9110
// §8.8.3, since many origins compare nothing but strings. It returns "" for a value
// that would mean something else there: "*" or a list.
func tagToSend(h http.Header) string {
	tag := single(h["Etag"])
	if !sendable(tag) {
		return ""
	}
	quoted := false // there are no escapes in an entity tag
	listed := false
	for i := range len(tag) {
		switch tag[i] {
		case '"':
			quoted = !quoted
		case ',':
			listed = listed || !quoted
		}
	}
	if listed || quoted && strings.Contains(tag, ",") {
		return ""
	}
	return tag
}

// dateToSend returns the Last-Modified of a response as it goes back to the origin
// in If-Modified-Since: RFC 9110 §13.1.3 wants the exact value, since origins
// compare it as a string.
func dateToSend(h http.Header) string {
	if date := single(h["Last-Modified"]); sendable(date) {
		return date
	}
	return ""
}

// sendable reports whether net/http sends a value as it is, and whether it can be
// meant as a validator.
func sendable(v string) bool {
	if v == "*" || len(v) > maxValidator {
		return false
	}
	return httpfield.IsValue(v) && httpfield.TrimBlanks(v) == v // else the wire would have it otherwise
}

// sameTag reports whether two ETags match by the weak comparison of RFC 9110
// §8.8.3.2. One that does not parse matches nothing but the same string.
func sameTag(a, b string) bool {
	if a == b {
		return a != ""
	}
	t, okA := httpfield.ParseETag(a)
	u, okB := httpfield.ParseETag(b)
	return okA && okB && t.WeakMatch(u)
}

// sameDate reports whether h has the Last-Modified of the response: the same date,
// or the same string where it does not parse.
func (f *Facts) sameDate(h http.Header) bool {
	value := single(h["Last-Modified"])
	if value != "" && value == f.date() {
		return true
	}
	t, ok := httpDate([]string{value}, f.Date())
	modified, valid := f.modified()
	return ok && valid && t.Equal(modified)
}
