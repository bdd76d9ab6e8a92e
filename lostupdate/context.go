package lostupdate

import (
	"context"
	"net/http"
	"strings"

	"github.com/tripper-go/tripper/internal/roundtrip"
)

// Mode says which precondition a write gets, for [WithMode].
type Mode int

// The modes. A precondition that the caller has set in the header goes before
// all of them.
const (
	// Auto goes by what is remembered.
	Auto Mode = iota
	// Override sends no precondition: the write goes through whatever was saved
	// in the meantime.
	Override
	// IfExists sends If-Match: *.
	IfExists
	// IfNew sends If-None-Match: *.
	IfNew
)

// Unsure says what becomes of a write that cannot be protected.
type Unsure int

// What can be done about a write to a resource that was seen, but whose state
// is unknown, or whose only validators are a weak entity tag or a time that is
// not old enough.
const (
	// Wait asks by HEAD about a weak tag, and by GET where the server does not tell
	// by HEAD, or not within five seconds. If the resource has changed, the write
	// is answered with 412. If the server gives the same tag as a strong one, the
	// write is protected by that: nginx does so for the uncoded form, Apache once
	// the second of a change is over, for which Wait waits. If the tag is the same
	// and weak, the write is sent without a precondition: only a change between
	// HEAD and write goes unnoticed. A tag that is another one each time says
	// nothing.
	//
	// A time that is not old enough is sent in If-Unmodified-Since all the same:
	// only a change within the second of that time goes unnoticed. A write to a
	// resource whose state is unknown is sent without a precondition.
	Wait Unsure = iota
	// Skip sends the write without a precondition.
	Skip
	// Refuse fails with [ErrUnsure] and sends nothing.
	Refuse
	// Fetch asks by HEAD for every kind of validator. If the resource is still the
	// version that the caller saw, the write is sent, with a precondition if there
	// is one by now. After a PUT whose answer did not tell
	// the new version, the content is got and compared with what was written. If
	// nothing can be compared, the write is refused.
	Fetch
)

type (
	modeKey    struct{}
	versionKey struct{}
	editorKey  struct{}
)

// WithMode returns a context for a single write with another precondition.
func WithMode(ctx context.Context, mode Mode) context.Context {
	return context.WithValue(ctx, modeKey{}, mode)
}

// WithVersion returns a context for a write that is based on version v, in place
// of what is remembered for its URL; see [VersionOf].
func WithVersion(ctx context.Context, v Version) context.Context {
	return context.WithValue(ctx, versionKey{}, v)
}

// WithEditor returns a context for the requests of one of several editors that
// share a [Transport]: what one has seen does not count for the others.
func WithEditor(ctx context.Context, name string) context.Context {
	return context.WithValue(ctx, editorKey{}, name)
}

// resourceKey returns the key under which the version of the resource of req is
// remembered: its URL in a normal form, without user information and fragment,
// and the name of the editor if there is one.
func resourceKey(req *http.Request) string {
	u := req.URL
	o := roundtrip.OriginOf(u)
	var b strings.Builder
	path := u.EscapedPath()
	b.Grow(len(o.Scheme) + len(o.Host) + len(o.Port) + len(path) + len(u.RawQuery) + 16)
	b.WriteString(o.Scheme)
	b.WriteString("://")
	colon := strings.IndexByte(o.Host, ':') >= 0 // IPv6
	if colon {
		b.WriteByte('[')
	}
	b.WriteString(o.Host)
	if colon {
		b.WriteByte(']')
	}
	b.WriteByte(':')
	b.WriteString(o.Port)
	switch {
	case u.Opaque != "":
		b.WriteString(u.Opaque)
	case path == "":
		b.WriteByte('/')
	default:
		b.WriteString(path)
	}
	if u.RawQuery != "" || u.ForceQuery {
		b.WriteByte('?')
		b.WriteString(u.RawQuery)
	}
	if req.Host != "" && req.Host != u.Host {
		b.WriteString(" host=")
		b.WriteString(req.Host)
	}
	if name, ok := req.Context().Value(editorKey{}).(string); ok {
		b.WriteString(" editor=")
		b.WriteString(name)
	}
	return b.String()
}
