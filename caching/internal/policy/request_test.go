package policy

import (
	"net/http"
	"testing"
)

func TestReadRequest(t *testing.T) {
	t.Parallel()
	for _, r := range []struct {
		why  string
		line string
		want RequestFields
	}{
		{"nothing for a cache", "Accept: */*", RequestFields{}},
		{"Cache-Control", "Cache-Control: no-store", RequestFields{Dir: Directives{flags: only(NoStore)}}},
		{"without Cache-Control Pragma counts (RFC 9111 §5.4)", "Pragma: no-cache", RequestFields{Dir: Directives{flags: only(noCache)}}},
		{"a condition", "If-None-Match: *", RequestFields{Cond: IfNoneMatch}},
		{"a condition", "If-Modified-Since: x", RequestFields{Cond: IfModifiedSince}},
		{"one for the origin", "If-Match: *", RequestFields{Cond: ifMatch}},
		{"one for the origin", "If-Unmodified-Since: x", RequestFields{Cond: ifUnmodifiedSince}},
		{"a range", "Range: bytes=0-1", RequestFields{Cond: WithRange}},
		{"of a version", `If-Range: "a"`, RequestFields{Cond: IfRange}},
		{"the unit in any case", "Range: BYTES =0-1", RequestFields{Cond: WithRange}},
		{"no range", "Range: bytes", RequestFields{Cond: WithRange | UnknownRange}},
		{"a range in another unit", "Range: lines=0-1", RequestFields{Cond: WithRange | UnknownRange}},
		{"a range in a field of its own", "X-Ms-Range: bytes=0-1", RequestFields{Cond: UnknownRange}},
		{"RFC 3229", "A-IM: vcdiff", RequestFields{Cond: UnknownRange}},
		{"credentials", "Authorization: Basic x", RequestFields{Authorized: true}},
		{"credentials of another kind", "Cookie: a=b", RequestFields{Credentials: true}},
		{"what carries no credential", "X-Request-Id: 1", RequestFields{}},
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

func TestCanonical(t *testing.T) {
	t.Parallel()
	for _, r := range []struct {
		name, why string
		want      bool
	}{
		{"X-Abc-1z", "each word begins with a capital", true},
		{"x", "one that does not", false},
		{"X-a", "one that does not", false},
		{"X-z", "one that does not", false},
		{"a", "the first letter", false},
		{"z", "the last", false},
		{"XA", "a capital within a word", false},
		{"XZ", "a capital within a word", false},
		{"-1", "what is no letter", true},
		{"~", "nor that", true},
	} {
		if got := canonical(r.name); got != r.want {
			t.Errorf("%s: %v: %s", r.name, got, r.why)
		}
	}
	for name := range map[string]bool{"Accept": true, "Accept-Encoding": true, "Accept-Language": true, "Content-Type": true, "Origin": true, "Referer": true, "User-Agent": true} {
		if got, ok := ReadRequest(http.Header{name: {"x"}}, false); !ok || got.Cond != 0 || got.Credentials {
			t.Errorf("%s says something to a cache", name)
		}
	}
	if got, ok := ReadRequest(http.Header{"Authorization": nil, "Range": {}, "cookie": nil}, false); !ok || got.Authorized || got.Cond != 0 {
		t.Error("a field without a value says something to a cache")
	}
	if got, _ := ReadRequest(headerOf("Range: bytes=0-1", "Range: bytes=2-3"), false); got.Cond != WithRange|UnknownRange {
		t.Error("two lines of Range are understood")
	}
	got, _ := ReadRequest(headerOf("Cookie: a=b", "Zzz: 1", "Aaa: 1", "Bbb: 1"), false)
	if !got.Credentials {
		t.Error("a field beside the credentials hides them")
	}
}
