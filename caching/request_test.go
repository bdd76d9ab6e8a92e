package caching

import "testing"

func TestReadRequest(t *testing.T) {
	t.Parallel()
	for _, r := range []struct {
		why  string
		line string
		want requestFields
	}{
		{"nothing for a cache", "Accept: */*", requestFields{}},
		{"without Cache-Control Pragma counts (RFC 9111 §5.4)", "Pragma: no-cache", requestFields{dir: directives{flags: only(noCache)}}},
		{"a condition", "If-None-Match: *", requestFields{cond: ifNoneMatch}},
		{"a condition", "If-Modified-Since: x", requestFields{cond: ifModifiedSince}},
		{"one for the origin", "If-Match: *", requestFields{cond: ifMatch}},
		{"one for the origin", "If-Unmodified-Since: x", requestFields{cond: ifUnmodifiedSince}},
		{"a range", "Range: bytes=0-1", requestFields{cond: withRange}},
		{"of a version", `If-Range: "a"`, requestFields{cond: ifRange}},
		{"a range in another unit", "Range: lines=0-1", requestFields{cond: withRange | unknownRange}},
		{"a range in a field of its own", "X-Ms-Range: bytes=0-1", requestFields{cond: unknownRange}},
		{"RFC 3229", "A-IM: vcdiff", requestFields{cond: unknownRange}},
		{"credentials", "Authorization: Basic x", requestFields{authorized: true}},
		{"credentials of another kind", "Cookie: a=b", requestFields{credentials: true}},
		{"another protocol", "Upgrade: websocket", requestFields{upgrade: true}},
	} {
		got, ok := readRequest(headerOf(r.line), false)
		got.dir.present = false
		if !ok || readingOf(&got.dir).flags != readingOf(&r.want.dir).flags || got.cond != r.want.cond || got.authorized != r.want.authorized ||
			got.credentials != r.want.credentials || got.upgrade != r.want.upgrade {
			t.Errorf("%s: %+v, %v, want %+v: %s", r.line, got, ok, r.want, r.why)
		}
	}
	h := map[string][]string{"cookie": {"a=b"}}
	if _, ok := readRequest(h, false); ok {
		t.Error("a name that is not canonical is taken for one that is")
	}
	if _, ok := readRequest(h, true); !ok {
		t.Error("a name in another form is not read")
	}
	if c := ifMatch | withRange; !c.forOrigin() || c.own() {
		t.Error("If-Match is for the origin, and about nothing that the caller has")
	}
}
