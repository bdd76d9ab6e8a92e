package policy

import (
	"net/http"
	"strconv"
	"strings"
	"testing"
)

// variantsOf returns variants with these entity tags.
func variantsOf(tags ...string) (all []Variant) {
	for i, tag := range tags {
		all = append(all, Variant{Key: strconv.Itoa(i), Etag: tag})
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
		variants     []Variant
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
		{"a date beside its tag", false, []string{`ETag: "a"`, "Last-Modified: " + date}, variantsOf(`"b"`), `"a", "b"`, date},
		{"the first of several that do not parse, beside none", false, nil, variantsOf("", "a b"), "a b", ""},
		{"no tags of variants either", true, nil, variantsOf(`"b"`), "", ""},
		{"a variant without a tag", false, nil, variantsOf(""), "", ""},
		{"nothing to offer", false, []string{"X: 1"}, nil, "", ""},
		{"as many as are bounded", false, nil, variantsOf(many...), strings.Join(many[:maxTags], ", "), ""},
	} {
		var f *Facts
		if r.selected != nil {
			resp := responseFrom(200, r.selected...)
			known := factsOf(testConfig(false), resp, Imposed{})
			f = &known
		}
		o := OfferOf(r.ignoreETag, f, r.variants)
		out := http.Header{}
		o.Set(out)
		if out.Get("If-None-Match") != r.match || out.Get("If-Modified-Since") != r.since || o.Empty() != (r.match == "" && r.since == "") {
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
		variants []Variant
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
		{"no validator, and the response has a date and a tag", []string{`ETag: "a"`, date}, nil, nil, true, ""},
		{"a date, and a tag was asked about", []string{`ETag: "a"`}, nil, []string{later}, true, ""},
		{"a tag of a variant that does not parse", []string{`ETag: "a"`}, variantsOf("b c"), []string{"ETag: b c"}, false, "0"},
		{"no tag that nobody has", nil, variantsOf(""), []string{`ETag: "b"`}, false, ""},
		{"by its date", []string{date}, nil, []string{date}, true, ""},
		{"another date", []string{date}, nil, []string{later}, false, ""},
	} {
		var f *Facts
		if r.selected != nil {
			resp := responseFrom(200, r.selected...)
			known := factsOf(testConfig(false), resp, Imposed{})
			f = &known
		}
		o := OfferOf(false, f, r.variants)
		self, other := Confirms(f, r.variants, &o, headerOf(r.answer...))
		key := ""
		if other != nil {
			key = other.Key
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
		want   Evidence
	}{
		{"nothing to compare", []string{"X: 1"}, NoEvidence},
		{"the tag", []string{`ETag: "a"`}, Same},
		{"another tag", []string{`ETag: "b"`, date, "Content-Length: 5"}, Different},
		{"a weak tag is not the strong one (RFC 9111 §4.3.5)", []string{`ETag: W/"a"`}, Different},
		{"a tag that does not parse", []string{"ETag: a"}, Different},
		{"an empty tag", []string{"ETag: "}, Different},
		{"two tags", []string{`ETag: "a"`, `ETag: "b"`}, Different},
		{"the date", []string{date}, Same},
		{"no date", []string{"Last-Modified: x"}, Different},
		{"a length that is none", []string{"Content-Length: x"}, NoEvidence},
		{"another date", []string{`ETag: "a"`, later}, Different},
		{"the length: other content may be as long", []string{"Content-Length: 5"}, NoEvidence},
		{"the tag, and the length", []string{`ETag: "a"`, "Content-Length: 5"}, Same},
		{"another length", []string{"Content-Length: 6"}, Different},
		{"the tag, and another length", []string{`ETag: "a"`, "Content-Length: 6"}, Different},
	} {
		f := factsOf(testConfig(false), responseFrom(200, `ETag: "a"`, date), Imposed{})
		if got := f.Compare(5, headerOf(r.answer...)); got != r.want {
			t.Errorf("%q: %d, want %d: %s", r.answer, got, r.want, r.why)
		}
	}
}

// A tag that does not parse is compared as a string.
func TestCompareStrings(t *testing.T) {
	t.Parallel()
	f := factsOf(testConfig(false), responseFrom(200, "ETag: a b", "Last-Modified: now"), Imposed{})
	for _, r := range []struct {
		why, answer string
		want        Evidence
		about       bool
	}{
		{"the same string", "ETag: a b", Same, true},
		{"another", "ETag: a c", Different, false},
		{"a tag", `ETag: "a b"`, Different, false},
		{"the same date", "Last-Modified: now", Same, true},
		{"another", "Last-Modified: then", Different, false},
		{"a date", "Last-Modified: Thu, 01 Jan 2026 00:00:00 GMT", Different, false},
		{"no date", "Last-Modified: ", Different, false},
		{"nothing", "X: 1", NoEvidence, false},
	} {
		h := headerOf(r.answer)
		if got, about := f.Compare(5, h), f.IsAbout(h); got != r.want || about != r.about {
			t.Errorf("%q: %d, about it %v, want %d, %v: %s", r.answer, got, about, r.want, r.about, r.why)
		}
	}
}

// An empty tag is no evidence that two responses without one are the same.
func TestCompareEmpty(t *testing.T) {
	t.Parallel()
	f := factsOf(testConfig(false), responseFrom(200), Imposed{})
	if got := f.Compare(5, headerOf("ETag: ")); got != Different {
		t.Errorf("an empty tag is evidence of %d", got)
	}
}

func TestIsAbout(t *testing.T) {
	t.Parallel()
	const date, later = "Last-Modified: Thu, 01 Jan 2026 00:00:00 GMT", "Last-Modified: Thu, 01 Jan 2026 00:00:01 GMT"
	for _, r := range []struct {
		why    string
		stored []string
		answer []string
		want   bool
	}{
		{"its tag, by weak comparison", []string{`ETag: "a"`, date}, []string{`ETag: W/"a"`}, true},
		{"another tag, whatever the date", []string{`ETag: "a"`, date}, []string{`ETag: "b"`, date}, false},
		{"its date", []string{`ETag: "a"`, date}, []string{date}, true},
		{"another date", []string{`ETag: "a"`, date}, []string{later}, false},
		{"its date in another form", []string{date}, []string{"Last-Modified: Thu Jan  1 00:00:00 2026"}, true},
		{"no validator", []string{`ETag: "a"`, date}, nil, false},
		{"the response has none", nil, []string{date}, false},
		{"nobody has any", nil, nil, false},
	} {
		f := factsOf(testConfig(false), responseFrom(200, r.stored...), Imposed{})
		if got := f.IsAbout(headerOf(r.answer...)); got != r.want {
			t.Errorf("%q answered by %q: %v: %s", r.stored, r.answer, got, r.why)
		}
	}
}
