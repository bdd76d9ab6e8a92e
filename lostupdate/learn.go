package lostupdate

import (
	"net/http"
	"time"

	"github.com/tripper-go/tripper/internal/httpfield"
)

// lesson is what a response changes in the memory.
type lesson int

const (
	keep   lesson = iota // what is remembered stays
	set                  // the version replaces it
	forget               // nothing is known any more
	add                  // the version is remembered if nothing is yet
	doubt                // what is remembered stays, but a write may have been done
)

// lessonOf decides what the response to a request changes in the memory of its resource.
func lessonOf(method string, reqHeader http.Header, resp *http.Response, now time.Time) (lesson, Version) {
	switch method {
	case http.MethodGet, http.MethodHead:
		return lessonOfRead(method, reqHeader, resp, now)
	case http.MethodDelete:
		switch code := resp.StatusCode; {
		case code/100 == 2, code == http.StatusNotFound, code == http.StatusGone:
			return forget, Version{}
		}
	case "MOVE":
		if resp.StatusCode/100 == 2 {
			return forget, Version{}
		}
	case "COPY":
		return keep, Version{}
	}
	return lessonOfWrite(method, resp, now)
}

func lessonOfRead(method string, reqHeader http.Header, resp *http.Response, now time.Time) (lesson, Version) {
	v := versionOf(resp, now)
	switch resp.StatusCode {
	case http.StatusOK, http.StatusNonAuthoritativeInfo:
		if v.Unknown && method == http.MethodHead {
			// RFC 9110 §9.3.2: a response to HEAD may leave out fields.
			return keep, Version{}
		}
		return set, v
	case http.StatusPartialContent:
		// A part of a version is not the version, so it replaces none.
		if !v.Unknown {
			return add, v
		}
	case http.StatusNotModified:
		// The caller has this version already, from elsewhere.
		if v.ETag == "" {
			tags, star, ok := httpfield.ETags(reqHeader["If-None-Match"])
			if !ok || star || len(tags) != 1 {
				return keep, Version{}
			}
			v.ETag, v.Unknown = tags[0].String(), false
		}
		return set, v
	case http.StatusNotFound, http.StatusGone:
		return forget, Version{}
	}
	return keep, Version{}
}

func lessonOfWrite(method string, resp *http.Response, now time.Time) (lesson, Version) {
	switch code := resp.StatusCode; {
	case code == http.StatusAccepted, code == http.StatusMultiStatus,
		code == http.StatusMovedPermanently, code == http.StatusFound, code == http.StatusSeeOther:
		// Not done yet, or done in parts, or done and the answer is elsewhere
		// (RFC 9110 §15.4.4; frameworks send 302 for it).
		return set, Version{Unknown: true, Date: now}
	case code == http.StatusNotImplemented:
		return keep, Version{}
	case code/100 == 2:
		v := versionOf(resp, now)
		if method == http.MethodPost && v.Unknown {
			// POST need not have changed the resource that it was sent to.
			return keep, Version{}
		}
		return set, v
	case code >= 500:
		return doubt, Version{}
	}
	// After a 412 the caller still has the version it had, so that the same write
	// fails again.
	return keep, Version{}
}
