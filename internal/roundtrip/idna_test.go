package roundtrip

import (
	"fmt"
	"net/url"
	"strings"
	"sync"
	"testing"

	"golang.org/x/net/idna"
)

// A host is converted as package idna does it, and stays as it is if that cannot.
func TestToASCII(t *testing.T) {
	t.Parallel()
	for range 2 { // the second time it is remembered, or another one in its place
		for _, host := range []string{
			"bücher.example", "BÜCHER.example", "Bu\u0308cher.example", "straße.example", "faß.de", "ẞ.example", "İ.example", "ΑΣ.example", "ας.example",
			"ｅｘａｍｐｌｅ.com", "例え。テスト", "例え.テスト", "xn--bcher-kva.example", "\u212a.example", "a\u200db.example", "a\u00adb.example",
			"א1.example", "1א.example", "ü", "ü.", "..ü", "-ü.example", "xn--ü.example", "ü_.example", "ü b", "ü\x00", "ü/", "ü?", "ü#", "ü@", "ü%", "ü[", "ü]",
			"fe80::1%ü", "ü:80", "\xff", "ü\xff", strings.Repeat("ü", 64), strings.Repeat("ü.", 200), strings.Repeat("ü", 5000),
		} {
			want, err := idna.Lookup.ToASCII(host)
			if err != nil {
				want = host
			}
			if got := toASCII(host); got != want {
				t.Errorf("%q: %q, want %q", host, got, want)
			}
		}
	}
}

// Many goroutines may ask for many hosts at once.
func TestToASCIIConcurrent(t *testing.T) {
	t.Parallel()
	var wg sync.WaitGroup
	for g := range 4 {
		wg.Go(func() {
			for i := range 100 {
				host := fmt.Sprintf("ü%d.example", (g*7+i)%60)
				if want, _ := idna.Lookup.ToASCII(host); toASCII(host) != want {
					t.Errorf("%s: not %s", host, want)
				}
			}
		})
	}
	wg.Wait()
}

func FuzzToASCII(f *testing.F) {
	for _, host := range []string{"bücher.example", "xn--ü", "ü:1", "[ü]", "a\u200d"} {
		f.Add(host)
	}
	f.Fuzz(func(t *testing.T, host string) {
		// As Host gives it: without a port.
		if host = (&url.URL{Host: host}).Hostname(); len(host) > 1000 {
			return
		}
		want, err := idna.Lookup.ToASCII(host)
		if err != nil {
			want = host
		}
		if isASCII := strings.IndexFunc(host, func(r rune) bool { return r > 127 }) < 0; isASCII {
			return
		}
		if got := toASCII(host); got != want {
			t.Errorf("%q: %q, want %q", host, got, want)
		}
	})
}
