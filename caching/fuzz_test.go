package caching

import (
	"bytes"
	"net/http"
	"net/url"
	"testing"

	"github.com/tripper-go/tripper/caching/internal/catalog"
	"github.com/tripper-go/tripper/caching/internal/policy"
	"github.com/tripper-go/tripper/internal/roundtrip"
)

// FuzzTarget is about targets that must have a key of their own.
func FuzzTarget(f *testing.F) {
	f.Add("http://example.com/a?", "http://example.com/a", "", "")
	f.Add("http://[::1]:8080/", "http://[::1:8080]/", "a.example", "A.example:80")
	f.Add("http://h/?x host=t:80", "http://h/?x", "", "t")
	f.Fuzz(func(t *testing.T, a, b, hostA, hostB string) {
		u, errA := url.Parse(a)
		v, errB := url.Parse(b)
		if errA != nil || errB != nil || u.Host == "" || v.Host == "" || !web(u.Scheme) || !web(v.Scheme) || !catalog.Keyed(u) || !catalog.Keyed(v) {
			return
		}
		first, second := &http.Request{URL: u, Host: hostA}, &http.Request{URL: v, Host: hostB}
		if !bytes.Equal(catalog.AppendTarget(nil, first, u.RawQuery), catalog.AppendTarget(nil, second, v.RawQuery)) {
			return
		}
		// What is sent must be the same.
		if u.RequestURI() != v.RequestURI() || roundtrip.OriginOf(u) != roundtrip.OriginOf(v) || roundtrip.OriginOf(policy.Effective(first)) != roundtrip.OriginOf(policy.Effective(second)) {
			t.Fatalf("%s %s and %s %s have one key", a, hostA, b, hostB)
		}
	})
}
