package lostupdate

import (
	"net/http"
	"time"

	"github.com/tripper-go/tripper/internal/httpfield"
)

// youngTag is the age, by Last-Modified and Date, up to which a weak tag
// may be about to become strong.
const youngTag = 2 * time.Second

// young reports whether v was modified so shortly before it was sent that its
// validators may soon become strong.
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

// anyPrecondition returns the precondition for a server that demands one: the best that
// v has, even if it is weak and may fail, or pass, wrongly.
func (v Version) anyPrecondition() precondition {
	switch p := v.precondition(); {
	case p.field != "":
		return p
	case v.weak() && !v.Unknown:
		return precondition{"If-Match", v.ETag}
	case !v.LastModified.IsZero():
		return precondition{"If-Unmodified-Since", httpfield.FormatDate(v.LastModified)}
	}
	return precondition{}
}

// strong returns the list of tags to send in If-Match, empty if v has none that
// can match. A weak tag is never made a strong one: whether the server weakened it
// because of a coding (nginx) or has no others (FHIR, OData) cannot be seen in it.
func (v Version) strong() string {
	if v.ETag == "" || v.Unknown || v.weak() {
		return ""
	}
	if bare, suffixed := uncoded(v.ETag, v.Coding); suffixed {
		// Apache and lighttpd name the coding in the tag, and compare If-Match
		// with the tag without it.
		return v.ETag + ", " + bare
	}
	return v.ETag
}

// weak reports whether v has a weak entity tag.
func (v Version) weak() bool { return isWeak(v.ETag) }

func isWeak(tag string) bool {
	t, ok := httpfield.ParseETag(tag)
	return t.Weak || !ok && tag != "" && !httpfield.IsToken(tag)
}

// rules are the settings of the Transport and the habits of the server that decide
// about a plan.
type rules struct {
	createOnly, weakMatch bool
	unsure                Unsure
	habit                 habit
}

// precondition returns the one to send to this server for a resource that is to be
// the version v; zero if there is none.
func (r rules) precondition(v Version) precondition {
	if r.habit&refuses != 0 {
		return precondition{}
	}
	if v.weak() && !v.Unknown && (r.weakMatch || r.habit&matchesWeak != 0) {
		return precondition{"If-Match", v.ETag}
	}
	p := v.precondition()
	if p.field == "If-Unmodified-Since" && r.habit&misjudges != 0 {
		return precondition{}
	}
	return p
}

// plan is the decision about a write.
type plan struct {
	precondition
	// why is the reason, for trace.
	why string
	// own is true if the caller has decided about the precondition, or has signed
	// the request: nothing is added, and the response is returned as it is.
	own bool
	// wished is true if the caller asked for this precondition by a Mode or by
	// CreateOnly: the write is never sent without it.
	wished bool
	// unsure is true if the write should have a precondition, and has none.
	unsure bool
}

// conditions are the fields of a caller's own precondition. If is WebDAV's
// (RFC 4918 §10.4), If-Schedule-Tag-Match CalDAV's (RFC 6638 §8.3).
var conditions = [...]string{"If-Match", "If-None-Match", "If-Unmodified-Since", "If", "If-Schedule-Tag-Match"}

// planFor decides about a write. v is what is remembered, with had false if
// nothing is.
func planFor(method string, h http.Header, mode Mode, v Version, had bool, r rules) plan {
	for _, field := range conditions {
		if len(h[field]) > 0 {
			return plan{why: reasonCallers, own: true}
		}
	}
	if httpfield.Signed(h) {
		// Azure's SharedKey covers the preconditions, and other signatures may.
		return plan{why: reasonSigned, own: true}
	}
	switch mode {
	case Override:
		return plan{why: reasonOverride, own: true}
	case IfExists:
		return plan{precondition: precondition{"If-Match", "*"}, why: reasonMustExist, wished: true}
	case IfNew:
		return plan{precondition: precondition{"If-None-Match", "*"}, why: reasonMustBeNew, wished: true}
	}
	if !had {
		if r.createOnly && method == http.MethodPut {
			return plan{precondition: precondition{"If-None-Match", "*"}, why: reasonCreateOnly, wished: true}
		}
		return plan{why: reasonNotSeen}
	}
	return planForVersion(v, r)
}

// planForVersion decides about a write to a resource that was seen.
func planForVersion(v Version, r rules) plan {
	if p := r.precondition(v); p.field != "" {
		return plan{precondition: p, why: reasonAsSeen}
	}
	switch {
	case v.Unknown:
		return plan{why: reasonUnknown, unsure: true}
	case r.habit&refuses != 0:
		return plan{why: reasonTakesNone, unsure: true}
	case v.ETag != "":
		return plan{why: reasonWeak, unsure: true}
	case r.habit&misjudges != 0:
		return plan{why: reasonMisjudges, unsure: true}
	case r.unsure == Wait:
		// RFC 9110 §13.1.4 allows it.
		return plan{precondition: v.anyPrecondition(), why: reasonSecondGuarded}
	}
	return plan{why: reasonSecond, unsure: true}
}
