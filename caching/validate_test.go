package caching

import (
	"net/http"
	"strconv"
	"strings"
	"testing"
)

// variantsOf returns variants with these entity tags.
func variantsOf(tags ...string) (all []variant) {
	for i, tag := range tags {
		all = append(all, variant{key: strconv.Itoa(i), etag: tag})
	}
	return all
}

func TestOffer(t *testing.T) {
	t.Parallel()
	const date = "Thu, 01 Jan 2026 00:00:00 GMT"
	many := make([]string, 50)
	for i := range many {
		many[i] = strconv.Quote(strconv.Itoa(i))
	}
	for _, r := range []struct {
		why          string
		ignoreETag   bool
		selected     []string // nil if none is
		variants     []variant
		match, since string
	}{
		{"both validators", false, []string{`ETag: "a"`, "Last-Modified: " + date}, nil, `"a"`, date},
		{"the tags of the variants, each once (RFC 9111 §4.3.1)", false, []string{`ETag: "a"`}, variantsOf(`"b"`, `"a"`, ""), `"a", "b"`, ""},
		{"none is selected", false, nil, variantsOf(`"b"`, `"c"`), `"b", "c"`, ""},
		{"a date is not sent beside the tags of others", false, []string{"Last-Modified: " + date}, variantsOf(`"b"`), "", date},
		{"a tag that does not parse is sent alone", false, []string{"ETag: a b"}, variantsOf(`"b"`), "a b", ""},
		{"and that of a variant", false, nil, variantsOf("a b"), "a b", ""},
		{"but not beside others", false, nil, variantsOf("a b", `"c"`), `"c"`, ""},
		{"without tags", true, []string{`ETag: "a"`, "Last-Modified: " + date}, variantsOf(`"b"`), "", date},
		{"nothing to offer", false, []string{"X: 1"}, nil, "", ""},
		{"as many as are bounded", false, nil, variantsOf(many...), strings.Join(many[:maxTags], ", "), ""},
	} {
		var f *facts
		var h http.Header
		if r.selected != nil {
			resp := responseFrom(200, r.selected...)
			known := factsOf(testConfig(false), resp, imposed{})
			f, h = &known, resp.header
		}
		o := offerOf(r.ignoreETag, h, f, r.variants)
		out := http.Header{}
		o.set(out)
		if out.Get("If-None-Match") != r.match || out.Get("If-Modified-Since") != r.since || o.empty() != (len(out) == 0) {
			t.Errorf("%q: %v: %s", r.selected, out, r.why)
		}
	}
}

func TestConfirms(t *testing.T) {
	t.Parallel()
	const date, later = "Last-Modified: Thu, 01 Jan 2026 00:00:00 GMT", "Last-Modified: Thu, 01 Jan 2026 00:00:01 GMT"
	for _, r := range []struct {
		why      string
		selected []string // nil if none is
		variants []variant
		answer   []string
		self     bool
		other    string // the key of the variant
	}{
		{"by its tag", []string{`ETag: "a"`}, nil, []string{`ETag: W/"a"`}, true, ""},
		{"another by its tag", []string{`ETag: "a"`}, variantsOf(`"x"`, `"b"`), []string{`ETag: "b"`}, false, "1"},
		{"a tag that nobody offered", []string{`ETag: "a"`}, nil, []string{`ETag: "b"`}, false, ""},
		{"a new tag, where a date was offered", []string{date}, nil, []string{`ETag: "b"`}, true, ""},
		{"no validator, and one was asked about", []string{`ETag: "a"`}, nil, nil, true, ""},
		{"no validator, and several were", []string{`ETag: "a"`}, variantsOf(`"b"`), nil, false, ""},
		{"none is selected", nil, variantsOf(`"b"`), nil, false, ""},
		{"by its date", []string{date}, nil, []string{date}, true, ""},
		{"another date", []string{date}, nil, []string{later}, false, ""},
	} {
		var f *facts
		var h http.Header
		if r.selected != nil {
			resp := responseFrom(200, r.selected...)
			known := factsOf(testConfig(false), resp, imposed{})
			f, h = &known, resp.header
		}
		o := offerOf(false, h, f, r.variants)
		self, other := confirms(f, r.variants, &o, headerOf(r.answer...))
		key := ""
		if other != nil {
			key = other.key
		}
		if self != r.self || key != r.other {
			t.Errorf("%q answered by %q: %v, %q, want %v, %q: %s", r.selected, r.answer, self, key, r.self, r.other, r.why)
		}
	}
}

func TestCompare(t *testing.T) {
	t.Parallel()
	const date, later = "Last-Modified: Thu, 01 Jan 2026 00:00:00 GMT", "Last-Modified: Thu, 01 Jan 2026 00:00:01 GMT"
	for _, r := range []struct {
		why    string
		answer []string
		want   evidence
	}{
		{"nothing to compare", []string{"X: 1"}, noEvidence},
		{"the tag", []string{`ETag: "a"`}, same},
		{"another tag", []string{`ETag: "b"`, date, "Content-Length: 5"}, different},
		{"a weak tag is not the strong one (RFC 9111 §4.3.5)", []string{`ETag: W/"a"`}, different},
		{"a tag that does not parse", []string{"ETag: a"}, different},
		{"the date", []string{date}, same},
		{"another date", []string{`ETag: "a"`, later}, different},
		{"the length", []string{"Content-Length: 5"}, same},
		{"another length", []string{`ETag: "a"`, "Content-Length: 6"}, different},
	} {
		f := factsOf(testConfig(false), responseFrom(200, `ETag: "a"`, date), imposed{})
		if got := f.compare(5, headerOf(r.answer...)); got != r.want {
			t.Errorf("%q: %d, want %d: %s", r.answer, got, r.want, r.why)
		}
	}
}
