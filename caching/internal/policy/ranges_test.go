package policy

import (
	"net/http"
	"testing"
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
			if before, after, whole, ok := Union(known.Part, known.Part); ok && (before != 0 || after != 0 || whole != known.Part) {
				t.Fatalf("a part and itself make %v", whole)
			}
		}
	})
}
