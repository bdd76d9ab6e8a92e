package policy

import (
	"testing"
	"time"
)

func TestFacts(t *testing.T) {
	t.Parallel()
	const tag, day = `ETag: "a"`, "Last-Modified: Thu, 01 Jan 2026 00:00:00 GMT"
	type known struct {
		strict, public, part, valid bool
		tag, modified               string
	}
	for _, r := range []struct {
		why    string
		cfg    Settings
		by     Imposed
		status int
		lines  []string
		want   known
	}{
		{"nothing said", Settings{}, Imposed{}, 200, nil, known{}},
		{"validators", Settings{}, Imposed{}, 200, []string{tag, day}, known{valid: true, tag: `"a"`, modified: day[15:]}},
		{"a tag alone", Settings{}, Imposed{}, 200, []string{tag}, known{valid: true, tag: `"a"`}},
		{"a date alone", Settings{}, Imposed{}, 499, []string{day}, known{valid: true, modified: day[15:]}},
		{"no error is confirmed by a 304", Settings{}, Imposed{}, 500, []string{tag, day}, known{}},
		{"entity tags are left out", Settings{IgnoreETag: true}, Imposed{}, 200, []string{tag}, known{tag: `"a"`}},
		{"but not the date", Settings{IgnoreETag: true}, Imposed{}, 200, []string{tag, day}, known{valid: true, tag: `"a"`, modified: day[15:]}},
		{"must-revalidate", Settings{}, Imposed{}, 200, []string{"Cache-Control: must-revalidate"}, known{strict: true}},
		{"no-cache", Settings{}, Imposed{}, 200, []string{"Cache-Control: no-cache"}, known{strict: true}},
		{"s-maxage is for shared caches", Settings{}, Imposed{}, 200, []string{"Cache-Control: s-maxage=0"}, known{}},
		{"s-maxage (RFC 9111 §5.2.2.10)", Settings{Shared: true}, Imposed{}, 200, []string{"Cache-Control: s-maxage=0"}, known{strict: true}},
		{"proxy-revalidate", Settings{Shared: true}, Imposed{}, 200, []string{"Cache-Control: proxy-revalidate"}, known{strict: true}},
		{"the application knows better", Settings{}, Imposed{TTL: time.Hour}, 200, []string{"Cache-Control: no-cache, must-revalidate, proxy-revalidate"}, known{}},
		{"for everybody", Settings{SharePublic: true}, Imposed{}, 200, []string{"Cache-Control: public"}, known{public: true}},
		{"not if it does not say so", Settings{SharePublic: true}, Imposed{}, 200, nil, known{}},
		{"only if that is shared", Settings{}, Imposed{}, 200, []string{"Cache-Control: public"}, known{}},
		{"a lifetime for one request is for its user", Settings{SharePublic: true}, Imposed{TTL: time.Hour, Requested: true}, 200, []string{"Cache-Control: public"}, known{}},
		{"one for all is for everybody", Settings{SharePublic: true}, Imposed{TTL: time.Hour}, 200, []string{"Cache-Control: public"}, known{public: true}},
		{"a part", Settings{}, Imposed{}, 206, []string{"Content-Range: bytes 0-0/1"}, known{part: true}},
		{"the range of what is no part", Settings{}, Imposed{}, 200, []string{"Content-Range: bytes 0-0/1"}, known{}},
		{"a part of no known whole", Settings{}, Imposed{}, 206, []string{"Content-Range: bytes 0-0/*"}, known{}},
		{"no part of a whole", Settings{}, Imposed{}, 206, []string{"Content-Range: bytes */1"}, known{}},
		{"no range", Settings{}, Imposed{}, 206, []string{"Content-Range: x"}, known{}},
	} {
		f := factsOf(r.cfg.Complete(), responseFrom(r.status, r.lines...), r.by)
		if got := (known{f.strict, f.Public, f.IsPartial, f.Validators(), f.Tag(), f.date()}); got != r.want {
			t.Errorf("%+v, %+v, %d %q: %+v, want %+v: %s", r.cfg, r.by, r.status, r.lines, got, r.want, r.why)
		}
	}
}

// What is taken from the facts before an update is what would be worked out anew.
func TestFactsAfterUpdate(t *testing.T) {
	t.Parallel()
	const tag, day = `ETag: "a"`, "Last-Modified: Thu, 01 Jan 2026 00:00:00 GMT"
	for _, r := range []struct {
		why, cc string
		now     []string
		taken   bool
	}{
		{"the same", "", []string{tag, day}, true},
		{"the same directives", "Cache-Control: max-age=9", []string{tag, day}, true},
		{"another tag", "", []string{`ETag: "b"`, day}, false},
		{"another date", "", []string{tag, "Last-Modified: Thu, 01 Jan 2026 00:00:01 GMT"}, false},
		{"no tag", "", []string{day}, false},
		{"no date", "", []string{tag}, false},
		{"two tags", "", []string{tag, tag, day}, false},
		{"two dates", "", []string{tag, day, day}, false},
	} {
		cfg := testConfig(false)
		before := factsOf(cfg, responseFrom(200, tag, day), Imposed{})
		m := responseFrom(200, append(r.now, r.cc)...)
		d, targeted := before.DirectivesAfter(headerOf("X: 1"), m.Header)
		var f Facts
		f.Set(cfg, m, Imposed{}, &d, targeted, &before)
		want := factsOf(cfg, m, Imposed{})
		if f.etag != want.etag || f.Tag() != want.Tag() || f.lastModified != want.lastModified || f.date() != want.date() ||
			f.Lifetime != want.Lifetime || before.sameValidators(m.Header) != r.taken {
			t.Errorf("%q: %+v, want %+v: %s", r.now, f, want, r.why)
		}
	}
}
