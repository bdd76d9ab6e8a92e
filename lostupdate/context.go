package lostupdate

import (
	"cmp"
	"context"
	"net/http"
	"strings"

	"github.com/tripper-go/tripper/internal/roundtrip"
)

// Mode selects the precondition of a write, for [WithMode].
type Mode int

// The modes. None has an effect on a write with a precondition of the caller's own.
const (
	// Auto sends the precondition for the version that is remembered.
	Auto Mode = iota
	// Override sends no precondition: the write overwrites whatever others have
	// saved.
	Override
	// IfExists sends If-Match: *.
	IfExists
	// IfNew sends If-None-Match: *.
	IfNew
)

// Unsure says what is done about a write that no strong validator protects.
type Unsure int

// What can be done about a write to a resource that was seen, but whose version is unknown
// since, or whose only validators are a weak entity tag or a Last-Modified less than a second
// before Date.
const (
	// Wait asks by HEAD about a weak tag, and by GET if the response to HEAD has no
	// tag, or does not come within five seconds. If the resource has changed, the
	// write is answered with 412. If the tag is now a strong one, the write is sent
	// with it: nginx has a strong tag for the uncoded form, Apache a second after a
	// change, for which Wait waits. If the tag is still weak and the same, the write
	// is sent without a precondition: only a change between HEAD and write is not
	// noticed. A tag that differs in each response is ignored.
	//
	// A Last-Modified of the last second is sent in If-Unmodified-Since all the same:
	// only a change within that second is not noticed. A write to a resource whose
	// version is unknown is sent without a precondition.
	Wait Unsure = iota
	// Skip sends the write without a precondition.
	Skip
	// Refuse fails with [ErrUnsure] and sends nothing.
	Refuse
	// Fetch asks by HEAD for every kind of validator. If the resource is still the
	// version that the caller saw, the write is sent, with a precondition if there is
	// a strong validator now. After a PUT whose response had no validator, the content
	// is got and compared with the content that was written; after such a PATCH the
	// present version is taken for the one that it has made. If there is nothing to
	// compare, the write is refused.
	Fetch
)

type (
	modeKey    struct{}
	versionKey struct{}
	editorKey  struct{}
)

// WithMode returns a context for a write with the precondition of a [Mode].
func WithMode(ctx context.Context, mode Mode) context.Context {
	return context.WithValue(ctx, modeKey{}, mode)
}

// WithVersion returns a context for a write that is based on version v, in place
// of what is remembered for its URL; see [VersionOf].
func WithVersion(ctx context.Context, v Version) context.Context {
	return context.WithValue(ctx, versionKey{}, v)
}

// WithEditor returns a context for the requests of one of several editors that
// share a [Transport]: the versions that one has seen are not used for the others.
func WithEditor(ctx context.Context, name string) context.Context {
	return context.WithValue(ctx, editorKey{}, name)
}

// resourceKey returns the key under which the version of the resource of req is
// remembered: its URL in a normal form, without user information and fragment,
// and the name of the editor if there is one.
func resourceKey(req *http.Request) string {
	var room [256]byte
	return string(appendKey(room[:0], req))
}

// appendKey appends what [resourceKey] returns.
func appendKey(b []byte, req *http.Request) []byte {
	u := req.URL
	o := roundtrip.OriginOf(u)
	b = append(b, o.Scheme...)
	b = append(b, "://"...)
	if strings.Contains(o.Host, ":") { // IPv6
		b = append(b, '[')
		b = append(b, o.Host...)
		b = append(b, ']')
	} else {
		b = append(b, o.Host...)
	}
	b = append(b, ':')
	b = append(b, o.Port...)
	b = append(b, cmp.Or(u.Opaque, u.EscapedPath(), "/")...)
	if u.RawQuery != "" || u.ForceQuery {
		b = append(b, '?')
		b = append(b, u.RawQuery...)
	}
	if req.Host != "" && req.Host != u.Host {
		b = append(b, " host="...)
		b = append(b, req.Host...)
	}
	if name, ok := req.Context().Value(editorKey{}).(string); ok {
		b = append(b, " editor="...)
		b = append(b, name...)
	}
	return b
}
