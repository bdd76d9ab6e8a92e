package benchmarks

import (
	"crypto/md5"
	"crypto/sha256"
	"encoding/hex"
	"hash"
	"maps"
	"net/http"
	"net/url"
	"sync"
	"testing"

	"github.com/icholy/digest"

	"github.com/tripper-go/tripper/auth"
)

// digestOrigin answers as a server does that has asked once: 200, or a challenge
// to what is not signed.
type digestOrigin struct {
	challenge string
	ok, no    http.Header
}

func newDigestOrigin(algorithm string) *digestOrigin {
	c := `Digest realm="http-auth@example.org", qop="auth", algorithm=` + algorithm +
		`, nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"`
	return &digestOrigin{challenge: c, ok: http.Header{}, no: http.Header{"Www-Authenticate": {c}}}
}

func (o *digestOrigin) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.Header["Authorization"] == nil {
		return &http.Response{StatusCode: 401, Header: o.no, Body: http.NoBody, Request: req}, nil
	}
	return &http.Response{StatusCode: 200, Header: o.ok, Body: http.NoBody, Request: req}, nil
}

// digestFloor is the least that signing with a known nonce takes: a copy of the
// request with one field more, what is known of the origin, a count, two hashes and the
// field. It has one user, and signs one request at a time.
type digestFloor struct {
	next       http.RoundTripper
	algorithm  string
	mu         sync.Mutex
	known      map[digestOriginKey]bool
	h          hash.Hash
	buf, text  []byte
	digest     [32]byte
	count      uint32
	ha1, nonce string
	cnonce     string
}

// sum appends the digits of the hash of parts to dst.
func (f *digestFloor) sum(dst []byte, parts ...string) []byte {
	t := f.text[:0]
	for i, p := range parts {
		if i > 0 {
			t = append(t, ':')
		}
		t = append(t, p...)
	}
	f.text = t
	f.h.Reset()
	_, _ = f.h.Write(t)
	return hex.AppendEncode(dst, f.h.Sum(f.digest[:0]))
}

type digestOriginKey struct{ scheme, host, port string }

func (f *digestFloor) field(method string, u *url.URL) string {
	uri := u.RequestURI()
	origin := digestOriginKey{u.Scheme, u.Hostname(), u.Port()}
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.known[origin] {
		return ""
	}
	f.count++
	n := f.count
	var digits [8]byte
	nc := string(hex.AppendEncode(digits[:0], []byte{byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)}))
	ha2 := string(f.sum(nil, method, uri))
	b := append(f.buf[:0], `Digest username="Mufasa", realm="http-auth@example.org", nonce="`...)
	b = append(append(append(b, f.nonce...), `", uri="`...), uri...)
	b = append(append(append(b, `", algorithm=`...), f.algorithm...), `, response="`...)
	b = f.sum(b, f.ha1, f.nonce, nc, f.cnonce, "auth", ha2)
	b = append(append(append(b, `", qop=auth, nc=`...), nc...), `, cnonce="`...)
	b = append(append(b, f.cnonce...), `", opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"`...)
	f.buf = b
	return string(b)
}

func (f *digestFloor) RoundTrip(req *http.Request) (*http.Response, error) {
	out := new(http.Request)
	*out = *req
	out.Header = make(http.Header, len(req.Header)+1)
	maps.Copy(out.Header, req.Header)
	out.Header["Authorization"] = []string{f.field(req.Method, req.URL)}
	return f.next.RoundTrip(out)
}

// BenchmarkDigest signs with a nonce that is known. The peer takes its nonce from
// the first challenge as ours does. The last of its lines for each algorithm has
// the ratios, measured in turn.
func BenchmarkDigest(b *testing.B) {
	for _, alg := range []struct {
		name string
		h    func() hash.Hash
	}{{"MD5", md5.New}, {"SHA-256", sha256.New}} {
		origin := newDigestOrigin(alg.name)
		floor := &digestFloor{
			next: origin, h: alg.h(), algorithm: alg.name, cnonce: "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ",
			nonce: "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v",
		}
		floor.known = map[digestOriginKey]bool{{"http", "www.example.org", ""}: true}
		floor.ha1 = string(floor.sum(nil, "Mufasa", "http-auth@example.org", "Circle of Life"))
		var keys auth.Keyring
		keys.Add("Mufasa", "Circle of Life")
		req, err := http.NewRequest("GET", "http://www.example.org/dir/index.html?a=b", nil)
		if err != nil {
			b.Fatal(err)
		}
		req.Header.Set("Accept", "*/*")
		req.Header.Set("User-Agent", "benchmark")
		works := map[string]func(){}
		for _, x := range []struct {
			name string
			rt   http.RoundTripper
		}{
			{"floor", floor},
			{"tripper", &auth.Transport{Base: origin, Credentials: &keys}},
			{"icholy", &digest.Transport{Username: "Mufasa", Password: "Circle of Life", Transport: origin}},
		} {
			works[x.name] = func() {
				resp, err := x.rt.RoundTrip(req)
				if err != nil || resp.StatusCode != 200 {
					b.Fatal(resp, err)
				}
			}
			b.Run(alg.name+"/"+x.name, func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					works[x.name]()
				}
			})
		}
		b.Run(alg.name+"/ratio", func(b *testing.B) { alternate(b, works, "floor") })
	}
}

// BenchmarkAuthIdle is a layer without credentials.
func BenchmarkAuthIdle(b *testing.B) {
	origin := newDigestOrigin("MD5")
	for _, x := range []struct {
		name string
		rt   http.RoundTripper
	}{{"floor", origin}, {"tripper", &auth.Transport{Base: origin}}} {
		b.Run(x.name, func(b *testing.B) {
			req, err := http.NewRequest("GET", "http://www.example.org/", nil)
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for b.Loop() {
				if _, err := x.rt.RoundTrip(req); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
