package policy

import "testing"

func TestReadRequest(t *testing.T) {
	t.Parallel()
	for _, r := range []struct {
		why  string
		line string
		want RequestFields
	}{
		{"nothing for a cache", "Accept: */*", RequestFields{}},
		{"without Cache-Control Pragma counts (RFC 9111 §5.4)", "Pragma: no-cache", RequestFields{Dir: Directives{flags: only(noCache)}}},
		{"a condition", "If-None-Match: *", RequestFields{Cond: IfNoneMatch}},
		{"a condition", "If-Modified-Since: x", RequestFields{Cond: IfModifiedSince}},
		{"one for the origin", "If-Match: *", RequestFields{Cond: ifMatch}},
		{"one for the origin", "If-Unmodified-Since: x", RequestFields{Cond: ifUnmodifiedSince}},
		{"a range", "Range: bytes=0-1", RequestFields{Cond: WithRange}},
		{"of a version", `If-Range: "a"`, RequestFields{Cond: IfRange}},
		{"a range in another unit", "Range: lines=0-1", RequestFields{Cond: WithRange | UnknownRange}},
		{"a range in a field of its own", "X-Ms-Range: bytes=0-1", RequestFields{Cond: UnknownRange}},
		{"RFC 3229", "A-IM: vcdiff", RequestFields{Cond: UnknownRange}},
		{"credentials", "Authorization: Basic x", RequestFields{Authorized: true}},
		{"credentials of another kind", "Cookie: a=b", RequestFields{Credentials: true}},
		{"another protocol", "Upgrade: websocket", RequestFields{Upgrade: true}},
	} {
		got, ok := ReadRequest(headerOf(r.line), false)
		got.Dir.present = false
		if !ok || readingOf(&got.Dir).flags != readingOf(&r.want.Dir).flags || got.Cond != r.want.Cond || got.Authorized != r.want.Authorized ||
			got.Credentials != r.want.Credentials || got.Upgrade != r.want.Upgrade {
			t.Errorf("%s: %+v, %v, want %+v: %s", r.line, got, ok, r.want, r.why)
		}
	}
	h := map[string][]string{"cookie": {"a=b"}}
	if _, ok := ReadRequest(h, false); ok {
		t.Error("a name that is not canonical is taken for one that is")
	}
	if _, ok := ReadRequest(h, true); !ok {
		t.Error("a name in another form is not read")
	}
	if c := ifMatch | WithRange; !c.ForOrigin() || c.Own() {
		t.Error("If-Match is for the origin, and about nothing that the caller has")
	}
}
