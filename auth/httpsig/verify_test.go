package httpsig

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/tripper-go/tripper/internal/roundtrip"
	"github.com/tripper-go/tripper/internal/rttest"
	"github.com/tripper-go/tripper/internal/tracetest"
)

// TestVerify is about what a signature must be for a verifier.
func TestVerify(t *testing.T) {
	t.Parallel()
	v := vectors[7] // 1618884480 to 1618884540, RSA v1.5
	const created = 1618884480
	key := rfcKey(t, "test-key-rsa")
	pss, err := NewKey("test-key-rsa", key.signer, RSAPSSSHA512)
	if err != nil {
		t.Fatal(err)
	}
	other := rfcKey(t, "test-key-ed25519")
	set := func(name, value string) func(*message) {
		return func(m *message) { m.req.Header.Set(name, value) }
	}
	for _, row := range []struct {
		why      string
		verifier Verifier
		now      int64
		change   func(*message)
		want     string // part of the error, or empty
	}{
		{"it is valid", Verifier{Keys: []*Key{key}}, created + 1, nil, ""},
		{"among other keys", Verifier{Keys: []*Key{nil, other, key}}, created + 1, nil, ""},
		{"it covers what it must", Verifier{Keys: []*Key{key}, Components: []string{"Forwarded", "@method"}}, created + 1, nil, ""},
		{"it does not cover what it must", Verifier{Keys: []*Key{key}, Components: []string{"@query"}}, created + 1, nil, `"@query" is not covered`},
		{"a member of a field is not the field", Verifier{Keys: []*Key{key}, Components: []string{`forwarded;key="for"`}}, created + 1, nil, "not covered"},
		{"the verifier is wrong", Verifier{Keys: []*Key{key}, Components: []string{"@x"}}, created + 1, nil, "unknown derived component"},
		{"its end has come", Verifier{Keys: []*Key{key}}, created + 60, nil, "expired"},
		{"also if its age does not matter", Verifier{Keys: []*Key{key}, MaxAge: -1}, created + 60, nil, "expired"},
		{"it is too old", Verifier{Keys: []*Key{key}, MaxAge: 10 * time.Second}, created + 11, nil, "too old"},
		{"clocks differ", Verifier{Keys: []*Key{key}}, created - 60, nil, ""},
		{"it is from the future", Verifier{Keys: []*Key{key}}, created - 61, nil, "future"},
		{"another key", Verifier{Keys: []*Key{other}}, created, nil, "key is not known"},
		{"no key", Verifier{}, created, nil, "key is not known"},
		{"the algorithm is that of the key", Verifier{Keys: []*Key{pss}}, created, nil, "algorithm"},
		{"another tag", Verifier{Keys: []*Key{key}, Tag: "x"}, created, nil, "tag"},
		{"another value", Verifier{Keys: []*Key{key}}, created, set("Forwarded", "for=192.0.2.124"), "wrong"},
		{"a field is gone", Verifier{Keys: []*Key{key}}, created, func(m *message) { m.req.Header.Del("Forwarded") }, "not in the message"},
		{"no signature", Verifier{Keys: []*Key{key}}, created, func(m *message) { m.req.Header.Del("Signature-Input") }, "not signed"},
		{"half a signature", Verifier{Keys: []*Key{key}}, created, func(m *message) { m.req.Header.Del("Signature") }, "malformed Signature"},
		{"nonsense", Verifier{Keys: []*Key{key}}, created, set("Signature-Input", "(("), "malformed Signature-Input"},
		{"nonsense too", Verifier{Keys: []*Key{key}}, created, set("Signature", "(("), "malformed Signature"},
		{"no list", Verifier{Keys: []*Key{key}}, created, set("Signature-Input", "proxy_sig=1"), "malformed Signature-Input"},
		{"no bytes", Verifier{Keys: []*Key{key}}, created, set("Signature", "proxy_sig=1"), "malformed Signature"},
		{"RFC 9421 §2.5: twice", Verifier{Keys: []*Key{key}}, created, set("Signature-Input", `proxy_sig=("date" "date");created=1618884480;keyid="test-key-rsa"`), "twice"},
		{"a number", Verifier{Keys: []*Key{key}}, created, set("Signature-Input", `proxy_sig=(1);created=1618884480;keyid="test-key-rsa"`), "component"},
		{"RFC 9421 §2.5: an unknown parameter", Verifier{Keys: []*Key{key}}, created, set("Signature-Input", `proxy_sig=("date";x);created=1618884480;keyid="test-key-rsa"`), "unknown parameter"},
		{"it does not say when", Verifier{Keys: []*Key{key}}, created, set("Signature-Input", `proxy_sig=("date");keyid="test-key-rsa"`), "when it was created"},
		{"created is no number", Verifier{Keys: []*Key{key}}, created, set("Signature-Input", `proxy_sig=("date");created="x";keyid="test-key-rsa"`), "when it was created"},
		{"expires is no number", Verifier{Keys: []*Key{key}}, created, set("Signature-Input", `proxy_sig=("date");created=1618884480;expires="x"`), "expired"},
		{"too many components", Verifier{Keys: []*Key{key}}, created, set("Signature-Input", "proxy_sig=("+strings.Repeat(`"date" `, 200)+")"), "more than"},
		{"one of two is valid", Verifier{Keys: []*Key{key}}, created, func(m *message) {
			m.req.Header.Add("Signature-Input", `a=("date")`)
			m.req.Header.Add("Signature", `a=:AAAA:`)
		}, ""},
	} {
		m := v.signed(t)
		if row.change != nil {
			row.change(m)
		}
		err := row.verifier.verify(m, time.Unix(row.now, 0))
		if (err == nil) != (row.want == "") || err != nil && !strings.Contains(err.Error(), row.want) {
			t.Errorf("error %v, want %q: %s", err, row.want, row.why)
		}
		if err != nil && !roundtrip.Permanent(err) {
			t.Errorf("%v is not permanent: %s", err, row.why)
		}
	}
}

// TestResponses: a server signs its responses, together with what they answer (RFC 9421 §2.4).
func TestResponses(t *testing.T) {
	t.Parallel()
	clientKey, serverKey := rfcKey(t, "test-key-ed25519"), rfcKey(t, "test-key-ecc-p256")
	components := []string{"@status", "content-digest", "@target-uri;req", `signature;key="sig1";req`}
	for _, row := range []struct {
		why, damage string
		want, body  error
	}{
		{"it is as it was signed", "", nil, nil},
		{"another status", "status", ErrVerify, nil},
		{"another content", "content", nil, ErrContentDigest},
		{"another content with its digest", "digest", ErrVerify, nil},
		{"the response to another request", "request", ErrVerify, nil},
		{"no signature", "signature", ErrVerify, nil},
		{"coded on the way", "gzip", nil, ErrContentDigest},
	} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			content, err := "some content", error(nil)
			s := &settings{key: serverKey, hash: "sha-256"}
			if s.components, err = parseComponents(components); err != nil {
				t.Error(err)
			}
			digest := func(text string) string {
				c := roundtrip.ContentOf(httptest.NewRequest("PUT", "/", nil))
				if text != "" {
					req, _ := http.NewRequestWithContext(r.Context(), "PUT", "http://a.example/", strings.NewReader(text))
					c = roundtrip.ContentOf(req)
				}
				field, err := s.digestOf(r.Context(), &c)
				if err != nil {
					t.Error(err)
				}
				return field
			}
			h := w.Header()
			h.Set("Content-Digest", digest(content))
			if row.damage == "request" {
				r.Header.Set("Signature", "sig1=:AAAA:")
			}
			input, sig, err := s.signature(&message{req: r, resp: &http.Response{StatusCode: 200, Header: h}}, time.Now())
			if err != nil {
				t.Error(err)
			}
			h.Set("Signature-Input", "reply="+input)
			h.Set("Signature", "reply="+sig)
			switch row.damage {
			case "status":
				w.WriteHeader(201)
			case "content":
				content = "some other"
			case "digest":
				content = "some other"
				h.Set("Content-Digest", digest(content))
			case "signature":
				h.Del("Signature")
				h.Del("Signature-Input")
			case "gzip":
				h.Set("Content-Encoding", "gzip")
				z := gzip.NewWriter(w)
				_, _ = io.WriteString(z, content)
				_ = z.Close()
				return
			}
			_, _ = io.WriteString(w, content)
		}))
		rt := &Transport{Key: clientKey, Base: server.Client().Transport, Verify: &Verifier{Keys: []*Key{serverKey}, Components: components}}
		req := rttest.NewRequest(t, "GET", server.URL+"/a?b", nil).WithContext(tracetest.Context(t, "../.."))
		resp, err := rt.RoundTrip(req)
		if !errors.Is(err, row.want) || (err == nil) != (row.want == nil) {
			t.Errorf("error %v, want %v: %s", err, row.want, row.why)
		}
		if err == nil {
			body, err := io.ReadAll(resp.Body)
			if err != row.body || err == nil && string(body) != "some content" {
				t.Errorf("body %q, %v, want %v: %s", body, err, row.body, row.why)
			}
			_ = resp.Body.Close()
		}
		server.Close()
	}
}

// TestContentDigest is RFC 9530 for responses.
func TestContentDigest(t *testing.T) {
	t.Parallel()
	const hello = `sha-256=:LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ=:` // of "hello"
	for _, row := range []struct {
		why, method, wire string
		want              error
	}{
		{"it is right", "GET", "200 OK\nContent-Digest: " + hello + "\n\nhello", nil},
		{"no field", "GET", "200 OK\n\nhello", nil},
		{"it is wrong", "GET", "200 OK\nContent-Digest: " + hello + "\n\nhellO", ErrContentDigest},
		{"content without a length", "GET", "200 OK\nTransfer-Encoding: chunked\nContent-Digest: " + hello + "\n\n5\nhellO\n0\n\n", ErrContentDigest},
		{"empty content", "GET", "200 OK\nContent-Length: 0\nContent-Digest: " + hello + "\n\n", ErrContentDigest},
		{"an unknown algorithm", "GET", "200 OK\nContent-Digest: md5=:AAAA:\n\nhello", nil},
		{"one of two is wrong", "GET", "200 OK\nContent-Digest: " + hello + ", sha-512=:AAAA:\n\nhello", ErrContentDigest},
		{"no digest", "GET", "200 OK\nContent-Digest: sha-256=1\n\nhello", ErrContentDigest},
		{"nonsense", "GET", "200 OK\nContent-Digest: ((\n\nhello", ErrContentDigest},
		{"the part of a range", "GET", "206 Partial Content\nContent-Range: bytes 5-9/10\nContent-Digest: " + hello + "\n\nhello", nil},
		{"an error is content too", "GET", "500 Oh\nContent-Digest: " + hello + "\n\nhellO", ErrContentDigest},
		{"HEAD has no content", "HEAD", "200 OK\nContent-Digest: " + hello + "\n\n", nil},
		{"nor has a 304", "GET", "304 Not Modified\nContent-Digest: " + hello + "\n\n", nil},
	} {
		for _, size := range []int{1, 5, 64} {
			rt := &Transport{VerifyContent: true, Base: rttest.NewScript(t, rttest.Respond("HTTP/1.1 "+row.wire))}
			resp, err := rt.RoundTrip(rttest.NewRequest(t, row.method, "https://a.example/", nil))
			if err == nil {
				var got bytes.Buffer
				if _, err = io.CopyBuffer(struct{ io.Writer }{&got}, struct{ io.Reader }{resp.Body}, make([]byte, size)); err == nil && row.want != nil {
					t.Errorf("read %q: %s", got.String(), row.why)
				}
				_ = resp.Body.Close()
			}
			if err != row.want {
				t.Errorf("error %v, want %v: %s", err, row.want, row.why)
			}
		}
	}
	// With the last byte, for readers that do not read on.
	rt := &Transport{VerifyContent: true, Base: rttest.NewScript(t, rttest.Respond("HTTP/1.1 200 OK\nContent-Length: 5\nContent-Digest: "+hello+"\n\nhellO"))}
	resp, err := rt.RoundTrip(rttest.NewRequest(t, "GET", "https://a.example/", nil))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(resp.Body, make([]byte, 5)); err != ErrContentDigest && err != nil {
		t.Error(err)
	}
	if _, err := resp.Body.Read(make([]byte, 1)); err != ErrContentDigest {
		t.Errorf("error %v", err)
	}
	_ = resp.Body.Close()
}

// FuzzVerify: fields of a message are read without a panic, and only a right signature is valid.
func FuzzVerify(f *testing.F) {
	for _, v := range vectors {
		f.Add(v.label+"="+v.input, v.label+"=:"+v.sig+":", "date", "a=1, b;x=2")
	}
	f.Add(`a=("x";sf "x";bs "x";key="a" "@query-param";name="a" "@target-uri";req);created=1`, `a=:AAAA:`, "x", `a=(1 2);b`)
	keys := []*Key{rfcKey(f, "test-key-ed25519"), rfcKey(f, "test-shared-secret"), rfcKey(f, "test-key-ecc-p256"), rfcKey(f, "test-key-rsa")}
	v := &Verifier{Keys: keys, MaxAge: -1, Components: []string{"x-not-there"}}
	f.Fuzz(func(t *testing.T, input, sig, name, value string) {
		req, err := http.NewRequestWithContext(t.Context(), "GET", "https://example.com/a?b=c", http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		req.Header = http.Header{"Signature-Input": {input}, "Signature": {sig}, http.CanonicalHeaderKey(name): {value}}
		loose := *v
		loose.Components = nil
		_ = loose.Request(req)
		_ = loose.Response(&http.Response{StatusCode: 200, Header: req.Header}, req)
		if err := v.Request(req); err == nil && !strings.Contains(input, "x-not-there") {
			t.Error("valid without a component that must be covered")
		}
		if id, err := parseComponent(name); err == nil {
			if again, err := parseComponent(id.text); err != nil || again.component != id.component {
				t.Errorf("%q is %+v, and then %+v, %v", name, id.component, again.component, err)
			}
		}
	})
}
