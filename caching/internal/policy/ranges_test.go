package policy

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/tripper-go/tripper/internal/httpfield"
)

func TestVendorRange(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name, why string
		want      bool
	}{
		{"X-Ms-Range", "Azure Storage", true},
		{"X-Ms-Range-Get-Content-Md5", "asks Azure for the MD5 of a part", true},
		{"Request-Range", "browsers before RFC 2068", true},
		{"Content-Range", "RFC 9110 §14.4 has it for content, here there is none", true},
		{"Range-Unit", "PostgREST", true},
		{"X-Byterange", "another spelling", true},
		{"X-Byte-Ranges", "several", true},
		{"Accept-Ranges", "RFC 9110 §14.3: a response field", false},
		{"X-Orange-Id", "a telephone company", false},
		{"Arrange", "a word that ends so", false},
		{"Accept", "none at all", false},
	} {
		if got := vendorRange(row.name); got != row.want {
			t.Errorf("%s: %v: %s", row.name, got, row.why)
		}
	}
}

func TestPortionOf(t *testing.T) {
	t.Parallel()
	const tag, day = `ETag: "a"`, "Last-Modified: Thu, 01 Jan 2026 00:00:00 GMT"
	const cr = "Content-Range: bytes 2-5/10"
	for _, r := range []struct {
		why     string
		status  int
		lines   []string
		size    int64
		request []string
		want    string // "" if the origin has to answer
	}{
		{"the whole", 200, nil, 10, nil, "200 0+10"},
		{"of any status", 404, nil, 10, nil, "200 0+10"},
		{"a part", 200, nil, 10, []string{"Range: bytes=2-4"}, "206 2+3 bytes 2-4/10"},
		{"to the end", 200, nil, 10, []string{"Range: bytes=2-"}, "206 2+8 bytes 2-9/10"},
		{"more than there is (RFC 9110 §14.1.2)", 200, nil, 10, []string{"Range: bytes=2-99"}, "206 2+8 bytes 2-9/10"},
		{"the last bytes", 200, nil, 10, []string{"Range: bytes=-3"}, "206 7+3 bytes 7-9/10"},
		{"beyond the end (RFC 9110 §15.5.17)", 200, nil, 10, []string{"Range: bytes=10-"}, "416 0+0 bytes */10"},
		{"several are left to the origin", 200, nil, 10, []string{"Range: bytes=0-1,4-5"}, ""},
		{"what is not valid is ignored (RFC 9110 §14.2)", 200, nil, 10, []string{"Range: bytes=x"}, "200 0+10"},
		{"two lines are not valid", 200, nil, 10, []string{"Range: bytes=0-1", "Range: bytes=0-1"}, "200 0+10"},
		{"only a 200 has parts", 404, nil, 10, []string{"Range: bytes=2-4"}, "200 0+10"},
		{"If-Range with its tag", 200, []string{tag}, 10, []string{"Range: bytes=2-4", `If-Range: "a"`}, "206 2+3 bytes 2-4/10"},
		{"with another", 200, []string{tag}, 10, []string{"Range: bytes=2-4", `If-Range: "b"`}, "200 0+10"},
		{"a weak one never holds (RFC 9110 §13.1.5)", 200, []string{`ETag: W/"a"`}, 10, []string{"Range: bytes=2-4", `If-Range: W/"a"`}, "200 0+10"},
		{"nor two", 200, []string{tag}, 10, []string{"Range: bytes=2-4", `If-Range: "a"`, `If-Range: "a"`}, "200 0+10"},
		{"with its date", 200, []string{day}, 10, []string{"Range: bytes=2-4", "If-Range: Thu, 01 Jan 2026 00:00:00 GMT"}, "206 2+3 bytes 2-4/10"},
		{"with another date", 200, []string{day}, 10, []string{"Range: bytes=2-4", "If-Range: Thu, 01 Jan 2026 00:00:01 GMT"}, "200 0+10"},
		{"with a date, and it has none", 200, nil, 10, []string{"Range: bytes=2-4", "If-Range: Thu, 01 Jan 2026 00:00:00 GMT"}, "200 0+10"},
		{"with no date, and it has none", 200, nil, 10, []string{"Range: bytes=2-4", "If-Range: x"}, "200 0+10"},
		{"with what is no validator", 200, []string{day}, 10, []string{"Range: bytes=2-4", "If-Range: x"}, "200 0+10"},
		{
			"a date is strong a second later (RFC 9110 §8.8.2.2)", 200,
			[]string{"Last-Modified: Fri, 02 Jan 2026 03:04:04 GMT"},
			10,
			[]string{"Range: bytes=2-4", "If-Range: Fri, 02 Jan 2026 03:04:04 GMT"},
			"206 2+3 bytes 2-4/10",
		},
		{
			"within the second it is weak", 200,
			[]string{"Last-Modified: Fri, 02 Jan 2026 03:04:05 GMT"},
			10,
			[]string{"Range: bytes=2-4", "If-Range: Fri, 02 Jan 2026 03:04:05 GMT"},
			"200 0+10",
		},
		{"the caller has it", 200, []string{tag}, 10, []string{`If-None-Match: "a"`}, "304 0+0"},
		{"and asks for a part", 200, []string{tag}, 10, []string{`If-None-Match: "a"`, "Range: bytes=2-4"}, "304 0+0"},
		{"also if it has no content", 204, []string{tag}, 0, []string{`If-None-Match: "a"`}, "304 0+0"},
		{"an error is told (RFC 9110 §13.2.1)", 404, []string{tag}, 10, []string{`If-None-Match: "a"`}, "200 0+10"},
		{"the caller has another", 200, []string{tag}, 10, []string{`If-None-Match: "b"`}, "200 0+10"},

		{"the part that is stored", 206, []string{cr}, 4, []string{"Range: bytes=2-5"}, "206 0+4 bytes 2-5/10"},
		{"a part of it", 206, []string{cr}, 4, []string{"Range: bytes=3-4"}, "206 1+2 bytes 3-4/10"},
		{"it begins too late", 206, []string{cr}, 4, []string{"Range: bytes=1-4"}, ""},
		{"it ends too early, whatever its length", 206, []string{cr}, 9, []string{"Range: bytes=3-6"}, ""},
		{"not all of its body is there", 206, []string{cr}, 3, []string{"Range: bytes=2-5"}, ""},
		{"beyond the whole", 206, []string{cr}, 4, []string{"Range: bytes=10-"}, "416 0+0 bytes */10"},
		{"the whole is wanted", 206, []string{cr}, 4, nil, ""},
		{"what is not valid asks for the whole", 206, []string{cr}, 4, []string{"Range: bytes=x"}, ""},
		{"two lines too", 206, []string{cr}, 4, []string{"Range: bytes=2-5", "Range: bytes=2-5"}, ""},
		{"a part does not make a 304", 206, []string{cr, tag}, 4, []string{`If-None-Match: "a"`, "Range: bytes=2-5"}, "206 0+4 bytes 2-5/10"},
	} {
		f := factsOf(testConfig(false), responseFrom(r.status, r.lines...), Imposed{})
		h := headerOf(r.request...)
		fields, _ := ReadRequest(h, false)
		got := ""
		if p, ok := f.PortionOf(r.status, r.size, fields.Cond, h); ok {
			got = fmt.Sprintf("%d %d+%d", p.Status, p.Offset, p.Length)
			if p.ContentRange != "" {
				got += " " + p.ContentRange
			}
		}
		if got != r.want {
			t.Errorf("%d %q of %d bytes, asked for with %q: %q, want %q: %s", r.status, r.lines, r.size, r.request, got, r.want, r.why)
		}
	}
}

func TestStrongTag(t *testing.T) {
	t.Parallel()
	for _, r := range []struct {
		why, stored, other string
		want               string
		same               bool
	}{
		{"the same strong tag (RFC 9110 §8.8.3.2)", `"a"`, `"a"`, `"a"`, true},
		{"another", `"a"`, `"b"`, `"a"`, false},
		{"a weak one", `W/"a"`, `W/"a"`, "", false},
		{"one is weak", `"a"`, `W/"a"`, `"a"`, false},
		{"no tag by the grammar", "a", "a", "", false},
		{"none", "", "", "", false},
	} {
		f := factsOf(testConfig(false), responseFrom(200, "ETag: "+r.stored), Imposed{})
		if got, same := f.StrongTag(), f.SameStrong(headerOf("ETag: "+r.other)); got != r.want || same != r.same {
			t.Errorf("%s and %s: %q, %v, want %q, %v: %s", r.stored, r.other, got, same, r.want, r.same, r.why)
		}
		if f.SameStrong(nil) {
			t.Errorf("%s: no tag is the same", r.stored)
		}
	}
}

func TestMissing(t *testing.T) {
	t.Parallel()
	const tag = `ETag: "a"`
	for _, r := range []struct {
		why   string
		lines []string
		want  string
	}{
		{"the end", []string{tag, "Content-Range: bytes 0-11/20"}, `bytes=12- "a"`},
		{"one byte", []string{tag, "Content-Range: bytes 0-8/10"}, `bytes=9- "a"`},
		{"nothing", []string{tag, "Content-Range: bytes 0-9/10"}, ""},
		{"the begin", []string{tag, "Content-Range: bytes 1-3/10"}, ""},
		{"what comes may be of another version", []string{`ETag: W/"a"`, "Content-Range: bytes 0-3/10"}, ""},
		{"it is no part", []string{tag}, ""},
	} {
		f := factsOf(testConfig(false), responseFrom(206, r.lines...), Imposed{})
		got := ""
		if rng, validator, ok := f.Missing(); ok {
			got = rng + " " + validator
		}
		if got != r.want {
			t.Errorf("%q: %q, want %q: %s", r.lines, got, r.want, r.why)
		}
	}
}

func TestUnion(t *testing.T) {
	t.Parallel()
	for _, r := range []struct {
		why, old, fresh string
		want            string
	}{
		{"one behind the other", "bytes 0-3/10", "bytes 4-6/10", "4 before, 0 after, bytes 0-6/10"},
		{"one before the other", "bytes 4-6/10", "bytes 0-3/10", "0 before, 3 after, bytes 0-6/10"},
		{"they overlap: the new bytes count", "bytes 0-5/10", "bytes 4-6/10", "4 before, 0 after, bytes 0-6/10"},
		{"they overlap at the begin", "bytes 4-6/10", "bytes 0-5/10", "0 before, 1 after, bytes 0-6/10"},
		{"the old one is larger on both sides", "bytes 0-9/10", "bytes 4-6/10", "4 before, 3 after, bytes 0-9/10"},
		{"the new one is", "bytes 4-6/10", "bytes 0-9/10", "0 before, 0 after, bytes 0-9/10"},
		{"a gap", "bytes 0-3/10", "bytes 5-6/10", ""},
		{"a gap before", "bytes 5-6/10", "bytes 0-3/10", ""},
		{"the whole is longer now", "bytes 0-3/10", "bytes 4-6/11", ""},
	} {
		old, _ := httpfield.ParseContentRange(r.old)
		fresh, _ := httpfield.ParseContentRange(r.fresh)
		got := ""
		if before, after, whole, ok := Union(old, fresh); ok {
			got = fmt.Sprintf("%d before, %d after, %s", before, after, whole)
		} else if before != 0 || after != 0 || whole != (httpfield.ContentRange{}) {
			t.Errorf("%s and %s: something remains of what is none", r.old, r.fresh)
		}
		if got != r.want {
			t.Errorf("%s and %s: %q, want %q: %s", r.old, r.fresh, got, r.want, r.why)
		}
	}
}

func FuzzRange(f *testing.F) {
	f.Add("bytes=0-4", "bytes 0-4/10", int64(5))
	f.Add("bytes=-5", "bytes 4-9/10", int64(6))
	f.Fuzz(func(t *testing.T, rng, contentRange string, size int64) {
		if size < 0 {
			return
		}
		for _, status := range []int{200, 206} {
			m := responseFrom(status, "Content-Range: "+contentRange)
			known := factsOf(testConfig(false), m, Imposed{})
			p, ok := known.PortionOf(status, size, WithRange, http.Header{"Range": {rng}})
			if ok && (p.Offset < 0 || p.Length < 0 || p.Offset+p.Length > size) {
				t.Fatalf("bytes %d to %d of %d", p.Offset, p.Offset+p.Length, size)
			}
			if !known.IsPartial {
				continue
			}
			if before, after, whole, ok := Union(*known.Part, *known.Part); ok && (before != 0 || after != 0 || whole != *known.Part) {
				t.Fatalf("a part and itself make %v", whole)
			}
		}
	})
}
