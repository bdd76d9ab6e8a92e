package lostupdate

import (
	"net/http"
	"strings"
	"time"

	"github.com/tripper-go/tripper/internal/httpfield"
)

// youngTag is the age, as told by Last-Modified and Date, up to which a weak tag
// may be about to become strong.
const youngTag = 2 * time.Second

// young reports whether v was modified so shortly before it was sent that its
// validators may soon be good for more.
func (v Version) young() bool {
	return !v.LastModified.IsZero() && v.Date.Sub(v.LastModified) < youngTag
}

// precondition is a field to add to a write. Its zero value is none.
type precondition struct {
	field, value string
}

// precondition returns the one that holds exactly as long as the resource is the
// version v. It is zero if no validator of v is safe for that.
func (v Version) precondition() precondition {
	if tags := v.strong(); tags != "" {
		return precondition{"If-Match", tags}
	}
	// RFC 9110 §8.8.2.2: a time is a strong validator only if the resource
	// could not have changed again within the same second.
	settled := time.Second
	if v.ETag != "" {
		// A weak tag that young may be Apache's, whose tags are strong after a
		// second, and which fails every PUT with an If-Unmodified-Since: mod_dav
		// compares it with the present time.
		settled = youngTag
	}
	if !v.LastModified.IsZero() && v.Date.Sub(v.LastModified) >= settled {
		return precondition{"If-Unmodified-Since", httpfield.FormatDate(v.LastModified)}
	}
	return precondition{}
}

// strong returns the list of tags to send in If-Match, empty if v has none that
// can match.
func (v Version) strong() string {
	weak := strings.HasPrefix(v.ETag, "W/")
	bare, suffixed := uncoded(strings.TrimPrefix(v.ETag, "W/"), v.Coding)
	switch {
	case v.ETag == "" || v.Unknown:
		return ""
	case !weak && suffixed:
		// Apache and lighttpd name the coding in the tag, and compare If-Match
		// with the tag without it.
		return v.ETag + ", " + bare
	case !weak:
		return v.ETag
	case v.Coding != "" && !suffixed:
		// nginx weakens the tag of what it compresses on the fly, and gives
		// the resource itself the same one, strong.
		return bare
	}
	// Weak in itself, or, with a suffix, in Apache's first second.
	return ""
}

// plan is what becomes of a write.
type plan struct {
	precondition
	// why is the reason, for trace.
	why string
	// own says that the precondition, or the lack of one, is the caller's.
	own bool
	// unsure says that there should be a precondition, and is none.
	unsure bool
}

// conditions are the fields of a caller's own precondition. If is WebDAV's
// (RFC 4918 §10.4), If-Schedule-Tag-Match CalDAV's (RFC 6638 §8.3).
var conditions = [...]string{"If-Match", "If-None-Match", "If-Unmodified-Since", "If", "If-Schedule-Tag-Match"}

// planFor decides about a write. v is what is remembered, with had false if
// nothing is.
func planFor(method string, h http.Header, mode Mode, v Version, had, createOnly bool) plan {
	for _, field := range conditions {
		if len(h[field]) > 0 {
			return plan{why: "precondition of the caller's", own: true}
		}
	}
	switch mode {
	case Override:
		return plan{why: "override", own: true}
	case IfExists:
		return plan{precondition: precondition{"If-Match", "*"}, why: "must exist"}
	case IfNew:
		return plan{precondition: precondition{"If-None-Match", "*"}, why: "must be new"}
	}
	if !had {
		if createOnly && method == http.MethodPut {
			return plan{precondition: precondition{"If-None-Match", "*"}, why: "nothing seen of it: create only"}
		}
		return plan{why: "nothing seen of it"}
	}
	if p := v.precondition(); p != (precondition{}) {
		return plan{precondition: p, why: "as it was seen"}
	}
	switch {
	case v.Unknown:
		return plan{why: "its state is unknown", unsure: true}
	case v.ETag != "":
		return plan{why: "its entity tag is weak", unsure: true}
	}
	return plan{why: "it was modified in the second it was sent", unsure: true}
}
