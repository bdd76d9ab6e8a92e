package lostupdate

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/tripper-go/tripper/internal/httpfield"
)

var (
	noon   = time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)
	older  = httpfield.FormatDate(noon.Add(-time.Hour))
	second = httpfield.FormatDate(noon.Add(-time.Second))
	now    = httpfield.FormatDate(noon)
)

// tagTest says which precondition protects what was received with some fields.
type tagTest struct {
	fields       string
	uncompressed bool
	want, why    string
}

func (tt tagTest) run(t *testing.T) {
	if tt.why == "" {
		t.Fatal("row without a why")
	}
	resp := &http.Response{Header: http.Header{}, Uncompressed: tt.uncompressed}
	for line := range strings.SplitSeq(tt.fields, "\n") {
		if name, value, ok := strings.Cut(line, ": "); ok {
			resp.Header.Add(name, value)
		}
	}
	got := ""
	if p := versionOf(resp, noon).precondition(); p.field != "" {
		got = p.field + ": " + p.value
	}
	if got != tt.want {
		t.Errorf("%q: got %.200q, want %q: %s", tt.fields, got, tt.want, tt.why)
	}
}

func TestPrecondition(t *testing.T) {
	for _, tt := range []tagTest{
		{`ETag: "a"`, false, `If-Match: "a"`, "a strong tag"},
		{`ETag: W/"a"`, false, "", "RFC 9110 §8.8.3.2: a weak tag never matches in If-Match"},
		{"", false, "", "no validator"},
		{"ETag: \"a-gzip\"\nContent-Encoding: gzip", false, `If-Match: "a-gzip", "a"`, "Apache, lighttpd: both spellings"},
		{"ETag: \"a-br\"\nContent-Encoding: br", false, `If-Match: "a-br", "a"`, "mod_brotli"},
		{"ETag: \"a-zstd\"\nContent-Encoding: zstd", false, `If-Match: "a-zstd", "a"`, "lighttpd"},
		{"ETag: \"a--gzip\"\nContent-Encoding: gzip", false, `If-Match: "a--gzip", "a"`, "Jetty"},
		{"ETag: \"a;gzip\"\nContent-Encoding: x-gzip", false, `If-Match: "a;gzip", "a"`, "RFC 9110 §8.4.1.3: x-gzip is gzip"},
		{"ETag: \"a-gzip\"\nContent-Encoding: GZIP", false, `If-Match: "a-gzip", "a"`, "codings are in any case"},
		{`ETag: "a-gzip"`, true, `If-Match: "a-gzip", "a"`, "net/http has decoded it and removed Content-Encoding"},
		{`ETag: "a-br"`, true, `If-Match: "a-br", "a"`, "another layer has"},
		{`ETag: "a"`, true, `If-Match: "a"`, "a server that has one tag for all"},
		{`ETag: "a-gzip"`, false, `If-Match: "a-gzip"`, "no coding: the suffix is part of the tag"},
		{"ETag: \"a-gzip\"\nContent-Encoding: br", false, `If-Match: "a-gzip"`, "another coding: likewise"},
		{"ETag: \"a-gzip\"\nContent-Encoding: identity", false, `If-Match: "a-gzip"`, "identity is none"},
		{"ETag: \"-gzip\"\nContent-Encoding: gzip", false, `If-Match: "-gzip"`, "nothing would be left"},
		{"ETag: \"gzip\"\nContent-Encoding: gzip", false, `If-Match: "gzip"`, "no suffix"},
		{"ETag: W/\"a\"\nContent-Encoding: gzip", false, "", "nginx weakens what it compresses, FHIR and OData have no other tags: nobody can tell"},
		{`ETag: W/"a"`, true, "", "the same, decoded by net/http"},
		{"ETag: W/\"a-gzip\"\nContent-Encoding: gzip", false, "", "Apache's first second: the tag is weak in itself"},
		{"ETag: W/\"a\"\nLast-Modified: " + older, false, "If-Unmodified-Since: " + older, "the time is old enough to be strong (RFC 9110 §8.8.2.2)"},
		{"Last-Modified: " + older + "\nDate: " + now, false, "If-Unmodified-Since: " + older, "no tag at all"},
		{"ETag: \"a\"\nLast-Modified: " + older, false, `If-Match: "a"`, "a tag goes before a time"},
		{"ETag: W/\"a\"\nLast-Modified: " + now + "\nDate: " + now, false, "", "it may have changed twice in that second"},
		{"Last-Modified: " + second + "\nDate: " + now, false, "If-Unmodified-Since: " + second, "the second is over: nothing can get that time any more"},
		{"ETag: W/\"a\"\nLast-Modified: " + second + "\nDate: " + now, false, "", "Apache's tag is about to become strong, and its PUT knows no other condition"},
		{"Last-Modified: " + now, false, "", "without a Date, now is when it was sent"},
		{"Last-Modified: yesterday", false, "", "no date"},
		{"Last-Modified: " + now + "\nDate: " + older, false, "", "a time in the future is no old time"},
		{`ETag: `, false, "", "empty"},
		{`ETag: ""`, false, `If-Match: ""`, "RFC 9110 §8.8.3 allows an empty opaque tag"},
		{`ETag: 12345`, false, `If-Match: 12345`, "without quotes: as the server has it (httplib2's own test)"},
		{`ETag: *`, false, "", "it would match anything"},
		{`ETag: a,b`, false, "", "it would be two tags"},
		{`ETag: a b`, false, "", "no tag"},
		{`ETag: "a", "b"`, false, "", "two tags are none"},
		{`ETag: "a,b"`, false, `If-Match: "a,b"`, "a comma within a tag is part of it"},
		{`ETag: "a`, false, "", "not closed"},
		{`ETag: W/a`, false, "", "weak, and without quotes"},
		{`ETag: w/"a"`, false, "", "RFC 9110 §8.8.3: W is case-sensitive"},
		{`ETag: W/`, false, "", "nothing"},
		{"ETag: \"a\"\nETag: \"b\"", false, "", "two fields disagree"},
		{`ETag: "` + strings.Repeat("x", 1<<20) + `"`, false, "", "a megabyte is not worth remembering"},
		{"ETag: \"a\"\nContent-Encoding: ,,gzip , ", false, `If-Match: "a"`, "an odd list"},
		{"ETag: \"a\x01\"", false, "", "a control character"},
	} {
		t.Run("", tt.run)
	}
}

func TestSame(t *testing.T) {
	v := func(tag, coding string) Version { return Version{ETag: tag, Coding: coding} }
	for _, tt := range []struct {
		a, b        Version
		same, known bool
		why         string
	}{
		{v(`"a"`, ""), v(`"a"`, ""), true, true, "the same tag"},
		{v(`"a"`, ""), v(`"b"`, ""), false, true, "another tag"},
		{v(`W/"a"`, ""), v(`"a"`, ""), true, true, "Apache's tag after its first second"},
		{v(`"a-gzip"`, "gzip"), v(`"a"`, ""), true, true, "the coded form of one version"},
		{v(`W/"a-br"`, "br"), v(`"a-gzip"`, "gzip"), true, true, "two coded forms of one version"},
		{v(`"a-gzip"`, ""), v(`"a"`, ""), false, true, "a tag that only looks coded"},
		{Version{LastModified: noon}, Version{LastModified: noon}, true, true, "the same time"},
		{Version{LastModified: noon}, Version{LastModified: noon.Add(1)}, false, true, "another time"},
		{v(`"a"`, ""), Version{LastModified: noon}, false, false, "nothing in common"},
		{Version{}, Version{}, false, false, "nothing at all"},
	} {
		if same, known := tt.a.same(tt.b); same != tt.same || known != tt.known {
			t.Errorf("%v and %v: %v, %v: %s", tt.a, tt.b, same, known, tt.why)
		}
	}
}

func FuzzVersion(f *testing.F) {
	f.Add(`"a-gzip"`, "gzip", older, now, false)
	f.Add(`W/"a"`, "br, gzip", now, now, true)
	f.Add(`a,b`, "", "x", "y", true)
	f.Fuzz(func(t *testing.T, tag, enc, modified, date string, uncompressed bool) {
		resp := &http.Response{Uncompressed: uncompressed, Header: http.Header{
			"Etag": {tag}, "Content-Encoding": {enc}, "Last-Modified": {modified}, "Date": {date},
		}}
		v := versionOf(resp, noon)
		p := v.precondition()
		switch p.field {
		case "":
		case "If-Match":
			tags, star, ok := httpfield.ETags([]string{p.value})
			if ok && !star && (len(tags) == 1 || len(tags) == 2 && v.Coding != "") {
				for _, one := range tags {
					if one.Weak {
						t.Fatalf("weak tag in %q", p.value)
					}
				}
			} else if !httpfield.IsToken(p.value) || p.value == "*" {
				t.Fatalf("%q became If-Match: %q", tag, p.value)
			}
			if len(p.value) > 2*maxTag+2 {
				t.Fatalf("%d bytes", len(p.value))
			}
		case "If-Unmodified-Since":
			if _, ok := httpfield.ParseDate(p.value, noon); !ok {
				t.Fatalf("%q became %q", modified, p.value)
			}
		default:
			t.Fatal(p)
		}
		if same, known := v.same(v); known && !same {
			t.Fatalf("%+v is not itself", v)
		}
	})
}
