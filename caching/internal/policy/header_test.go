package policy

import (
	"net/http"
	"testing"

	"github.com/tripper-go/tripper/internal/compare"
)

func TestStoredHeader(t *testing.T) {
	t.Parallel()
	for _, r := range []struct {
		why    string
		shared bool
		lines  []string
		want   []string
	}{
		{"what is for the response", false, []string{"A: 1", "A: 2", "Set-Cookie: x", "Content-Length: 5"}, []string{"A: 1", "A: 2", "Set-Cookie: x", "Content-Length: 5"}},
		{
			"what is for one connection (RFC 9110 §7.6.1), or for a proxy (RFC 9111 §3.1)", false,
			[]string{
				"A: 1", "Connection: close", "Keep-Alive: 1", "Proxy-Authenticate: Basic", "Proxy-Authentication-Info: x", "Proxy-Authorization: x",
				"Proxy-Connection: close", "Te: trailers", "Transfer-Encoding: chunked", "Upgrade: x", "Trailer: X",
			},
			[]string{"A: 1"},
		},
		{"what Connection names", false, []string{"Connection: x-a, B", "X-A: 1", "B: 2", "C: 3"}, []string{"C: 3"}},
		{"what no-cache names (RFC 9111 §5.2.2.4)", false, []string{`Cache-Control: no-cache="a"`, "A: 1"}, []string{`Cache-Control: no-cache="a"`}},
		{"what private names is for a private cache", false, []string{`Cache-Control: private="a"`, "A: 1"}, []string{`Cache-Control: private="a"`, "A: 1"}},
		{"and for no shared one (RFC 9111 §5.2.2.7)", true, []string{`Cache-Control: private="a"`, "A: 1"}, []string{`Cache-Control: private="a"`}},
		{"no field", false, nil, nil},
	} {
		h := headerOf(r.lines...)
		h["Empty"] = nil
		d := parseDirectives(h["Cache-Control"])
		got := StoredHeader(h, Unstored(testConfig(r.shared), h, &d))
		if diff := compare.Diff(headerOf(r.want...), got); diff != "" {
			t.Errorf("%s: mismatch (-want +got)\n%s", r.why, diff)
		}
		delete(h, "Empty")
		if diff := compare.Diff(headerOf(r.lines...), h); diff != "" {
			t.Errorf("the header was changed\n%s", diff)
		}
	}
}

func TestMerge(t *testing.T) {
	t.Parallel()
	for _, r := range []struct {
		why            string
		stored, update []string
		want           []string
		whole          bool
	}{
		{"the new fields replace the old (RFC 9111 §3.2)", []string{"A: 1", "A: 2", "B: 1"}, []string{"A: 3", "C: 4"}, []string{"A: 3", "B: 1", "C: 4"}, true},
		{
			"but for what describes the content",
			[]string{"Content-Encoding: gzip", "Content-Length: 5", "Content-Range: x", "Content-Type: a/b"},
			[]string{"Content-Encoding: br", "Content-Length: 0", "Content-Range: y", "Content-Type: c/d"},
			[]string{"Content-Encoding: gzip", "Content-Length: 5", "Content-Range: x", "Content-Type: a/b"},
			true,
		},
		{"the old Age goes", []string{"Age: 5", "A: 1"}, nil, []string{"A: 1"}, true},
		{"a new one stays", []string{"Age: 5"}, []string{"Age: 7"}, []string{"Age: 7"}, true},
		{"what is for one connection does not come in", []string{"A: 1"}, []string{"Connection: b", "B: 1", "Keep-Alive: 1"}, []string{"A: 1"}, false},
		{"nothing is new", []string{"A: 1", "A: 2", "Content-Type: a/b"}, []string{"A: 1", "A: 2", "Content-Type: c/d"}, []string{"A: 1", "A: 2", "Content-Type: a/b"}, true},
		{"nothing is stored", nil, []string{"A: 1"}, []string{"A: 1"}, true},
	} {
		cfg := testConfig(false)
		var stored http.Header
		if r.stored != nil {
			stored = headerOf(r.stored...)
		}
		update := headerOf(r.update...)
		d, _ := updatedDirectives(cfg, stored, update)
		got, changed, whole := MergeWith(cfg, stored, update, &d)
		if is := compare.Diff(headerOf(r.stored...), got) != ""; changed != is {
			t.Errorf("%s: changed %v, want %v", r.why, changed, is)
		}
		if diff := compare.Diff(headerOf(r.want...), got); diff != "" || whole != r.whole {
			t.Errorf("%s: whole %v, mismatch (-want +got)\n%s", r.why, whole, diff)
		}
		if diff := compare.Diff(headerOf(r.update...), update); diff != "" {
			t.Errorf("%s: the update was changed\n%s", r.why, diff)
		}
	}
}

// The directives after an update are those of the new header, whether they are read again or not.
func TestDirectivesAfter(t *testing.T) {
	t.Parallel()
	targeted := []string{"cdn-cache-control"}
	for _, r := range []struct {
		why            string
		targeted       []string
		by             Imposed
		stored, update []string
		want           Directives
		isTargeted     bool
	}{
		{"no new ones", nil, Imposed{}, []string{"Cache-Control: no-store"}, nil, Directives{flags: only(NoStore)}, false},
		{"the same", nil, Imposed{}, []string{"Cache-Control: no-store"}, []string{"Cache-Control: no-store"}, Directives{flags: only(NoStore)}, false},
		{"new ones", nil, Imposed{}, []string{"Cache-Control: no-store"}, []string{"Cache-Control: private"}, Directives{flags: only(private)}, false},
		{"what the application has undone comes back", nil, Imposed{TTL: 1}, []string{"Cache-Control: no-cache"}, nil, Directives{flags: only(noCache)}, false},
		{"targeted", targeted, Imposed{}, []string{"Cdn-Cache-Control: no-store", "Cache-Control: private"}, nil, Directives{flags: only(NoStore)}, true},
		{"newly targeted", targeted, Imposed{}, []string{"Cache-Control: private"}, []string{"Cdn-Cache-Control: no-store"}, Directives{flags: only(NoStore)}, true},
		{"the new field is not targeted", targeted, Imposed{}, []string{"Cache-Control: private"}, []string{"Cache-Control: no-store"}, Directives{flags: only(NoStore)}, false},
	} {
		cfg := Settings{Targeted: r.targeted}.Complete()
		stored := responseFrom(200, r.stored...)
		f := factsOf(cfg, stored, r.by)
		d, isTargeted := f.DirectivesAfter(stored.Header, headerOf(r.update...))
		if d.flags != r.want.flags || isTargeted != r.isTargeted {
			t.Errorf("%q, then %q: %b, targeted %v: %s", r.stored, r.update, d.flags, isTargeted, r.why)
		}
	}
}

// A 304 brings nothing into a store that the response has kept out of it.
func TestMergeKeepsOut(t *testing.T) {
	rows := []struct {
		name, why      string
		stored, update []string
		kept           bool
	}{
		{"by the stored field", "RFC 9111 §5.2.2.7: what it said goes on to hold", []string{`Cache-Control: max-age=9, private="Set-Cookie"`}, nil, false},
		{"by the new field", "what it says now holds", []string{"Cache-Control: max-age=9"}, []string{`Cache-Control: private="Set-Cookie"`}, false},
		{"that is stored", "what it says now holds", []string{"Cache-Control: max-age=9", "Set-Cookie: id=bob"}, []string{`Cache-Control: private="Set-Cookie"`}, false},
		{"no more", "what it says now holds", []string{`Cache-Control: private="Set-Cookie"`}, []string{"Cache-Control: max-age=9"}, true},
		{"by a targeted field", "RFC 9213 §2.2", []string{`CDN-Cache-Control: max-age=9, private="set-cookie"`}, nil, false},
		{"by a targeted field still", "it goes before the new one", []string{`CDN-Cache-Control: max-age=9, private="set-cookie"`}, []string{"Cache-Control: max-age=9"}, false},
		{"never", "nothing keeps it out", []string{"Cache-Control: max-age=9"}, nil, true},
	}
	for _, r := range rows {
		cfg := testConfig(true)
		cfg.Targeted = []string{"CDN-Cache-Control"}
		update := headerOf(append(r.update, "Set-Cookie: id=alice")...)
		h := Merge(cfg, headerOf(r.stored...), update)
		if kept := len(h["Set-Cookie"]) > 0; kept != r.kept {
			t.Errorf("%s: kept %v (%s)", r.name, kept, r.why)
		}
	}
}
