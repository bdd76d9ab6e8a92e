package httpsig

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tripper-go/tripper/internal/roundtrip"
	"github.com/tripper-go/tripper/internal/rttest"
	"github.com/tripper-go/tripper/internal/tracetest"
)

func TestContract(t *testing.T) {
	rttest.Contract(t, func() rttest.Layer { return &Transport{} })
}

func TestContractVerifying(t *testing.T) {
	rttest.Contract(t, func() rttest.Layer {
		return &Transport{VerifyContent: true, Key: rfcKey(t, "test-key-ed25519"), Domains: []string{"elsewhere.example"}}
	})
}

func TestReasons(t *testing.T) { rttest.Reasons(t) }

// yes answers every request with 200, after its body was read.
func yes(seen func(req *http.Request, body string)) http.RoundTripper {
	return rttest.Func(func(req *http.Request) (*http.Response, error) {
		var body []byte
		if req.Body != nil {
			var err error
			if body, err = io.ReadAll(req.Body); err != nil {
				return nil, err
			}
			_ = req.Body.Close()
		}
		seen(req, string(body))
		return &http.Response{StatusCode: 200, Header: http.Header{}, Body: http.NoBody, Request: req}, nil
	})
}

// TestSigns looks at what is sent.
func TestSigns(t *testing.T) {
	key := rfcKey(t, "test-key-ed25519")
	for _, row := range []struct {
		why   string
		t     *Transport
		body  string
		input string // with C for the time of creation
	}{
		{"the defaults", &Transport{}, "", `sig1=("@method" "@target-uri");created=C;keyid="test-key-ed25519"`},
		{"with content", &Transport{}, "x", `sig1=("@method" "@target-uri" "content-type" "content-digest");created=C;keyid="test-key-ed25519"`},
		{"nothing at all", &Transport{Components: []string{}, Label: "*a.1"}, "x", `*a.1=();created=C;keyid="test-key-ed25519"`},
		{"parameters", &Transport{Components: []string{"@query"}, NameAlgorithm: true, Lifetime: 90 * time.Second, Tag: `a"b`}, "", `sig1=("@query");created=C;keyid="test-key-ed25519";alg="ed25519";expires=E;tag="a\"b"`},
	} {
		synctest.Test(t, func(t *testing.T) {
			row.t.Key = key
			row.t.Base = yes(func(req *http.Request, body string) {
				want := strings.NewReplacer("=C", fmt.Sprint("=", time.Now().Unix()), "=E", fmt.Sprint("=", time.Now().Unix()+90)).Replace(row.input)
				if got := req.Header.Get("Signature-Input"); got != want {
					t.Errorf("Signature-Input %s, want %s: %s", got, want, row.why)
				}
				if err := (&Verifier{Keys: []*Key{key}}).Request(req); err != nil {
					t.Errorf("%v: %s", err, row.why)
				}
				if body != row.body {
					t.Errorf("body %q: %s", body, row.why)
				}
			})
			req := rttest.NewRequest(t, "POST", "https://example.com/a?b", nil)
			if row.body != "" {
				req = rttest.NewRequest(t, "POST", "https://example.com/a?b", strings.NewReader(row.body))
				req.Header.Set("Content-Type", "text/plain")
			}
			if _, err := row.t.RoundTrip(req.WithContext(tracetest.Context(t, "../.."))); err != nil {
				t.Errorf("%v: %s", err, row.why)
			}
		})
	}
}

// TestNonce: no two are the same.
func TestNonce(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	rt := &Transport{Key: rfcKey(t, "test-shared-secret"), Nonce: true, Base: yes(func(req *http.Request, _ string) {
		input := req.Header.Get("Signature-Input")
		if _, nonce, ok := strings.Cut(input, `;nonce="`); !ok || seen[nonce] || len(nonce) < 20 {
			t.Errorf("%s", input)
		} else {
			seen[nonce] = true
		}
	})}
	for range 3 {
		if _, err := rt.RoundTrip(rttest.NewRequest(t, "GET", "https://example.com/", nil)); err != nil {
			t.Error(err)
		}
	}
}

// TestWhere is about what is signed, and for whom.
func TestWhere(t *testing.T) {
	t.Parallel()
	redirected := func(from, to string) *http.Request {
		req := rttest.NewRequest(t, "GET", to, nil)
		req.Response = &http.Response{StatusCode: 302, Request: rttest.NewRequest(t, "GET", from, nil)}
		return req
	}
	plain := func(url string) *http.Request { return rttest.NewRequest(t, "GET", url, nil) }
	own := func(name string) *http.Request {
		req := plain("https://a.example/")
		req.Header[name] = nil
		return req
	}
	for _, row := range []struct {
		why  string
		t    *Transport
		req  *http.Request
		want bool
	}{
		{"what the caller asks", &Transport{}, plain("https://a.example/"), true},
		{"its domain", &Transport{Domains: []string{"a.example"}}, plain("https://a.example:8443/"), true},
		{"not its domain", &Transport{Domains: []string{"a.example"}}, plain("https://b.example/"), false},
		{"another port", &Transport{Domains: []string{"a.example:443"}}, plain("https://a.example:8443/"), false},
		{"another scheme", &Transport{Domains: []string{"https://a.example"}}, plain("http://a.example/"), false},
		{"a redirect within the origin", &Transport{}, redirected("https://a.example/x", "https://a.example/"), true},
		{"a redirect elsewhere", &Transport{}, redirected("https://a.example/", "https://b.example/"), false},
		{"a redirect to another port", &Transport{}, redirected("https://a.example/", "https://a.example:8443/"), false},
		{"a redirect to an origin that is named", &Transport{Domains: []string{"a.example", "b.example"}}, redirected("https://a.example/", "https://b.example/"), true},
		{"and is in the clear", &Transport{Domains: []string{"a.example"}}, redirected("https://a.example/", "http://a.example/"), false},
		{"redirects are trusted", &Transport{TrustRedirects: true}, redirected("https://a.example/", "https://b.example/"), true},
		{"the caller's Signature", &Transport{}, own("Signature"), false},
		{"the caller wants none", &Transport{}, own("Signature-Input"), false},
	} {
		signed := false
		row.t.Key = rfcKey(t, "test-shared-secret")
		row.t.Base = yes(func(req *http.Request, _ string) { signed = len(req.Header["Signature"]) > 0 })
		if _, err := row.t.RoundTrip(row.req.WithContext(tracetest.Context(t, "../.."))); err != nil || signed != row.want {
			t.Errorf("signed %v, %v: %s", signed, err, row.why)
		}
		if id := row.t.Identity(row.req); (id != "") != row.want {
			t.Errorf("identity %q: %s", id, row.why)
		}
	}
}

// TestIdentity: the principal is the key.
func TestIdentity(t *testing.T) {
	t.Parallel()
	identity := func(id string, key any) string {
		k, err := NewKey(id, key, "")
		if err != nil {
			t.Fatal(err)
		}
		return (&Transport{Key: k}).Identity(rttest.NewRequest(t, "GET", "https://a.example/", nil))
	}
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	other, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]string{
		"secret": identity("a", []byte("secret")), "another secret": identity("a", []byte("secret2")), "another id": identity("b", []byte("secret")),
		"ECDSA": identity("a", private), "another ECDSA": identity("a", other),
	}
	seen := map[string]string{"": "no name"}
	for what, name := range names {
		if old := seen[name]; old != "" {
			t.Errorf("%s has the name of %s", what, old)
		}
		seen[name] = what
		if strings.Contains(name, "secret") {
			t.Error(name)
		}
	}
	if names["secret"] != identity("a", []byte("secret")) || names["ECDSA"] != identity("a", private) {
		t.Error("the name of a key is another one the second time")
	}
}

// TestReports: a cache above learns which key has signed, and what was added.
func TestReports(t *testing.T) {
	t.Parallel()
	rt := &Transport{Key: rfcKey(t, "test-shared-secret"), Base: yes(func(*http.Request, string) {})}
	wrapped := rt.Wrap(rt.Base)
	req := rttest.NewRequest(t, "POST", "https://a.example/", strings.NewReader("x"))
	asked := roundtrip.IdentifiersOf(wrapped).Ask(req)
	resp, err := wrapped.RoundTrip(req.WithContext(asked.Pin(req.Context())))
	if err != nil {
		t.Fatal(err)
	}
	signed := asked.Signed()
	if asked.Principal == "" || signed.Principal != asked.Principal || len(signed.Fields) != 3 {
		t.Errorf("asked %q, signed %q with %d fields", asked.Principal, signed.Principal, len(signed.Fields))
	}
	for _, name := range []string{"Signature", "Signature-Input", "Content-Digest"} {
		if !signed.Owns(name, resp.Request.Header[name]) {
			t.Errorf("%s is not reported", name)
		}
	}
}

// TestContent is about bodies that are hashed before they are sent.
func TestContent(t *testing.T) {
	t.Parallel()
	const text = "some content"
	errMine := errors.New("disk on fire")
	type body struct{ io.Reader }
	for _, row := range []struct {
		why   string
		make  func(req *http.Request)
		limit int64
		hash  string
		want  error
	}{
		{"GetBody", func(*http.Request) {}, -1, "sha-256", nil},
		{"another algorithm", func(*http.Request) {}, -1, "sha-512", nil},
		{"a stream within the bound", func(req *http.Request) { req.GetBody = nil }, int64(len(text)), "", nil},
		{"a stream beyond the bound", func(req *http.Request) { req.GetBody = nil }, int64(len(text)) - 1, "", roundtrip.ErrTooLong},
		{"a stream that is not kept", func(req *http.Request) { req.GetBody = nil }, -1, "", roundtrip.ErrTooLong},
		{"a stream of unknown length", func(req *http.Request) { req.GetBody, req.ContentLength = nil, -1 }, 0, "", nil},
		{"GetBody fails", func(req *http.Request) { req.GetBody = func() (io.ReadCloser, error) { return nil, errMine } }, 0, "", errMine},
		{"reading fails", func(req *http.Request) {
			req.GetBody, req.Body = nil, io.NopCloser(io.MultiReader(strings.NewReader("x"), rttestErr{errMine}))
			req.ContentLength = -1
		}, 0, "", errMine},
	} {
		sent := 0
		rt := &Transport{Key: rfcKey(t, "test-shared-secret"), MaxReplay: row.limit, Hash: row.hash, Base: yes(func(req *http.Request, got string) {
			sent++
			if got != text {
				t.Errorf("body %q: %s", got, row.why)
			}
			digested(t, req.Header, got)
		})}
		req := rttest.NewRequest(t, "PUT", "https://a.example/", strings.NewReader(text))
		req.Body = io.NopCloser(body{req.Body}) // hides that it can seek
		row.make(req)
		counted := &closeCounter{ReadCloser: req.Body}
		req.Body = counted
		_, err := rt.RoundTrip(req)
		if !errors.Is(err, row.want) || (sent == 1) != (row.want == nil) {
			t.Errorf("error %v, want %v; sent %d times: %s", err, row.want, sent, row.why)
		}
		if row.want != nil && !roundtrip.Permanent(err) {
			t.Errorf("another try would fail in the same way: %s", row.why)
		}
		if n := counted.n.Load(); n != 1 {
			t.Errorf("the body was closed %d times: %s", n, row.why)
		}
	}
}

type rttestErr struct{ err error }

func (r rttestErr) Read([]byte) (int, error) { return 0, r.err }

type closeCounter struct {
	io.ReadCloser
	n atomic.Int32
}

func (c *closeCounter) Close() error {
	c.n.Add(1)
	return c.ReadCloser.Close()
}

// digested tests the Content-Digest in h.
func digested(tb testing.TB, h http.Header, body string) {
	tb.Helper()
	name, value, _ := strings.Cut(h.Get("Content-Digest"), "=")
	hash := hashes[name].New()
	_, _ = io.WriteString(hash, body)
	if want := ":" + base64.StdEncoding.EncodeToString(hash.Sum(nil)) + ":"; value != want {
		tb.Errorf("digest %s, want %s", value, want)
	}
}

// TestCancelled: a body that does not come does not hold up a request that was cancelled.
func TestCancelled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		pr, pw := io.Pipe()
		defer pw.Close()
		ctx, cancel := context.WithCancelCause(t.Context())
		enough := errors.New("enough")
		req := rttest.NewRequest(t, "PUT", "https://a.example/", pr).WithContext(ctx)
		go func() {
			synctest.Wait()
			cancel(enough)
		}()
		rt := &Transport{Key: rfcKey(t, "test-shared-secret"), Base: yes(func(*http.Request, string) { t.Error("sent") })}
		if _, err := rt.RoundTrip(req); err != enough {
			t.Errorf("error %v", err)
		}
	})
}

// TestSettings: a mistake is told by every request, and nothing is sent unsigned.
func TestSettings(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		t    *Transport
		want string
	}{
		{&Transport{Components: []string{"@nonsense"}}, "@nonsense"},
		{&Transport{Components: []string{"date", "Date"}}, "twice"},
		{&Transport{Components: []string{"@status"}}, "only for responses"},
		{&Transport{Components: []string{"@method;req"}}, "only for responses"},
		{&Transport{Components: []string{"signature"}}, "added here"},
		{&Transport{Domains: []string{"user:hunter2@a.example"}}, "Domains"},
		{&Transport{Label: "Sig 1"}, "Label"},
		{&Transport{Tag: "é"}, "Tag"},
		{&Transport{Hash: "md5"}, "Hash"},
	} {
		row.t.Key = rfcKey(t, "test-shared-secret")
		row.t.Base = yes(func(*http.Request, string) { t.Errorf("sent, in spite of %s", row.want) })
		for range 2 {
			req := rttest.NewRequest(t, "PUT", "https://a.example/", strings.NewReader("x"))
			body := &closeCounter{ReadCloser: req.Body}
			req.Body = body
			_, err := row.t.RoundTrip(req)
			if err == nil || !strings.Contains(err.Error(), row.want) || strings.Contains(err.Error(), "hunter2") || !roundtrip.Permanent(err) {
				t.Errorf("error %v, want %s", err, row.want)
			}
			if body.n.Load() != 1 {
				t.Error("the body was not closed")
			}
		}
	}
	public := rfcKey(t, "test-key-rsa").public
	key, err := NewKey("k", public, "")
	if err != nil {
		t.Fatal(err)
	}
	rt := &Transport{Key: key, Base: yes(func(*http.Request, string) { t.Error("sent") })}
	if _, err := rt.RoundTrip(rttest.NewRequest(t, "GET", "https://a.example/", nil)); err == nil {
		t.Error("signed with a public key")
	}
}

func TestBadKeys(t *testing.T) {
	t.Parallel()
	p224, err := ecdsa.GenerateKey(elliptic.P224(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct {
		id        string
		key       any
		algorithm Algorithm
	}{
		{"a", nil, ""},
		{"a", (*ecdsa.PrivateKey)(nil), ""},
		{"a", []byte{}, ""},
		{"a", "secret", ""},
		{"a", p224, ""},
		{"a", 7, ""},
		{"é", []byte("secret"), ""},
		{"a", []byte("secret"), Ed25519},
		{"a", p224, ECDSAP256SHA256},
		{"a", rfcKey(t, "test-key-rsa").signer, "rsa-sha1"},
	} {
		if k, err := NewKey(row.id, row.key, row.algorithm); err == nil || strings.Contains(err.Error(), "secret\"") {
			t.Errorf("%T is %v, %v, want an error", row.key, k, err)
		}
	}
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	k, err := NewKey("", p384, "")
	if err != nil {
		t.Fatal(err)
	}
	if sig, err := k.sign([]byte("base")); err != nil || len(sig) != 96 || !k.verify([]byte("base"), sig) || k.verify([]byte("bass"), sig) {
		t.Errorf("P-384: %d bytes, %v", len(sig), err)
	}
}

func TestPrints(t *testing.T) {
	t.Parallel()
	const secret = "hunter2"
	key, err := NewKey("joe", []byte(secret), "")
	if err != nil {
		t.Fatal(err)
	}
	rt := &Transport{Key: key, Verify: &Verifier{Keys: []*Key{key}}, Base: yes(func(*http.Request, string) {})}
	if _, err := rt.RoundTrip(rttest.NewRequest(t, "GET", "https://a.example/?token="+secret, nil)); !errors.Is(err, ErrVerify) || strings.Contains(err.Error(), secret) {
		t.Error(err)
	}
	rttest.Prints(t, secret, map[string][]any{
		"Transport": {rt, rt.Wrap(rt.Base)},
		"Key":       {key, *key, []*Key{key}},
		"Verifier":  {rt.Verify, *rt.Verify},
		"Algorithm": {key.Algorithm()},
	})
}

// TestParallel: every request at the server has a signature of its own.
func TestParallel(t *testing.T) {
	t.Parallel()
	key := rfcKey(t, "test-key-ed25519")
	var valid atomic.Int32
	var nonces sync.Map
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		digested(t, r.Header, string(body))
		if err := (&Verifier{Keys: []*Key{key}, Components: DefaultComponents()}).Request(r); err != nil {
			t.Error(err)
		}
		if _, again := nonces.LoadOrStore(r.Header.Get("Signature-Input"), true); again {
			t.Error("a signature that was there before")
		}
		valid.Add(1)
		_, _ = w.Write(body)
	}))
	defer server.Close()
	client := &http.Client{Transport: &Transport{Key: key, Nonce: true, Base: server.Client().Transport}}
	const n = 100
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			want := bytes.Repeat([]byte{byte(i)}, 1+i*100)
			resp, err := client.Post(server.URL+fmt.Sprintf("/%d?q=%d", i, i), "text/plain", bytes.NewReader(want))
			if err != nil {
				t.Error(err)
				return
			}
			defer resp.Body.Close()
			if got, err := io.ReadAll(resp.Body); !bytes.Equal(got, want) || err != nil {
				t.Errorf("%d bytes, %v", len(got), err)
			}
		})
	}
	wg.Wait()
	if valid.Load() != n {
		t.Errorf("%d valid requests, want %d", valid.Load(), n)
	}
}

// TestContractSigning is the contract of layers for requests that are signed. What is added is
// taken out again below, since the contract wants to see the caller's request.
func TestContractSigning(t *testing.T) {
	rttest.Contract(t, func() rttest.Layer {
		return &signing{&Transport{Key: rfcKey(t, "test-key-ed25519"), MaxReplay: 1 << 20}}
	})
}

type signing struct{ *Transport }

func (s *signing) Wrap(next http.RoundTripper) http.RoundTripper {
	return s.Transport.Wrap(roundtrip.Bind(func(req *http.Request, next http.RoundTripper) (*http.Response, error) {
		for _, name := range []string{fieldInput, fieldSignature, fieldDigest} {
			delete(req.Header, name)
		}
		return next.RoundTrip(req)
	}, next))
}
