package registry_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tripper-go/tripper/auth"
	"github.com/tripper-go/tripper/auth/registry"
	"github.com/tripper-go/tripper/internal/servers"
	"github.com/tripper-go/tripper/internal/tracetest"
)

// An issuer is a token service for a registry that verifies tokens by its certificate. joe may do
// everything, and everybody may pull.
type issuer struct {
	*httptest.Server
	key    *ecdsa.PrivateKey
	cert   []byte // DER
	issued atomic.Int32
}

func newIssuer(t *testing.T) *issuer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	about := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "issuer"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	cert, err := x509.CreateCertificate(rand.Reader, about, about, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	i := &issuer{key: key, cert: cert}
	i.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		i.issued.Add(1)
		user, password, basic := r.BasicAuth()
		if basic && (user != "joe" || password != "hunter2") {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		type access struct {
			Type    string   `json:"type"`
			Name    string   `json:"name"`
			Actions []string `json:"actions"`
		}
		granted := []access{}
		for _, scope := range r.URL.Query()["scope"] {
			part := strings.Split(scope, ":")
			a := access{part[0], part[1], []string{"pull"}}
			if basic {
				a.Actions = strings.Split(part[2], ",")
			}
			granted = append(granted, a)
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"expires_in": 300, "token": i.jwt(map[string]any{
			"iss": "issuer", "sub": user, "aud": r.URL.Query().Get("service"), "jti": rand.Text(), "access": granted,
			"iat": time.Now().Unix(), "nbf": time.Now().Add(-time.Minute).Unix(), "exp": time.Now().Add(5 * time.Minute).Unix(),
		})})
	}))
	t.Cleanup(i.Close)
	return i
}

// jwt returns a token with these claims (RFC 7519), signed by ES256 (RFC 7518 §3.4).
func (i *issuer) jwt(claims map[string]any) string {
	part := func(v any) string {
		b, _ := json.Marshal(v)
		return base64.RawURLEncoding.EncodeToString(b)
	}
	text := part(map[string]any{"typ": "JWT", "alg": "ES256", "x5c": []string{base64.StdEncoding.EncodeToString(i.cert)}}) + "." + part(claims)
	sum := sha256.Sum256([]byte(text))
	r, s, err := ecdsa.Sign(rand.Reader, i.key, sum[:])
	if err != nil {
		panic(err)
	}
	sig := make([]byte, 64)
	r.FillBytes(sig[:32])
	s.FillBytes(sig[32:])
	return text + "." + base64.RawURLEncoding.EncodeToString(sig)
}

// TestDistribution pushes an image to a real registry, and pulls it.
func TestDistribution(t *testing.T) {
	i := newIssuer(t)
	dir := servers.Dir(t)
	bundle := servers.Write(t, dir, "issuer.pem", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: i.cert})))
	srv := servers.Registry(t, fmt.Sprintf("auth: {token: {realm: '%s/token', service: hub, issuer: issuer, rootcertbundle: '%s'}}\n", i.URL, bundle))

	u, err := url.Parse(i.URL)
	if err != nil {
		t.Fatal(err)
	}
	keys := new(auth.Keyring)
	if err := keys.Add("joe", "hunter2", srv.Addr, u.Host); err != nil {
		t.Fatal(err)
	}
	layer := func(src auth.Source) *http.Client {
		return &http.Client{Transport: &auth.Transport{Credentials: src, Schemes: []auth.Scheme{&registry.Bearer{}}}}
	}
	joe, anybody := layer(keys), layer(auth.Credential{})
	do := func(client *http.Client, method, url, contentType string, body []byte, want int) *http.Response {
		t.Helper()
		req, err := http.NewRequestWithContext(tracetest.Context(t, "../.."), method, url, bytes.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		if contentType != "" {
			req.Header.Set("Content-Type", contentType)
			req.Header.Set("Accept", contentType)
		}
		resp, err := client.Do(req)
		if err != nil {
			t.Error(err)
			return &http.Response{Header: http.Header{}}
		}
		defer resp.Body.Close()
		b, err := io.ReadAll(resp.Body)
		if resp.StatusCode != want || err != nil {
			t.Errorf("%s %s: %d %.200s, %v, want %d", method, req.URL.Path, resp.StatusCode, b, err, want)
		}
		return resp
	}
	expect := func(n int32, why string) {
		t.Helper()
		if got := i.issued.Swap(0); got != n {
			t.Errorf("%d tokens, want %d: %s", got, n, why)
		}
	}

	sum := func(b []byte) string {
		h := sha256.Sum256(b)
		return "sha256:" + hex.EncodeToString(h[:])
	}
	const repo = "/v2/some/image"
	layers := make([][]byte, 20)
	for n := range layers {
		layers[n] = bytes.Repeat([]byte{byte(n)}, 10_000)
		resp := do(joe, "POST", srv.URL+repo+"/blobs/uploads/", "", nil, 202)
		do(joe, "PUT", resp.Header.Get("Location")+"&digest="+sum(layers[n]), "application/octet-stream", layers[n], 201)
	}
	config := []byte("{}")
	resp := do(joe, "POST", srv.URL+repo+"/blobs/uploads/", "", nil, 202)
	do(joe, "PUT", resp.Header.Get("Location")+"&digest="+sum(config), "application/octet-stream", config, 201)
	manifest := map[string]any{
		"schemaVersion": 2, "mediaType": "application/vnd.docker.distribution.manifest.v2+json",
		"config": map[string]any{"mediaType": "application/vnd.docker.container.image.v1+json", "size": len(config), "digest": sum(config)},
	}
	var list []map[string]any
	for _, l := range layers {
		list = append(list, map[string]any{"mediaType": "application/vnd.docker.image.rootfs.diff.tar.gzip", "size": len(l), "digest": sum(l)})
	}
	manifest["layers"] = list
	text, err := json.Marshal(manifest)
	if err != nil {
		t.Fatal(err)
	}
	do(joe, "PUT", srv.URL+repo+"/manifests/latest", "application/vnd.docker.distribution.manifest.v2+json", text, 201)
	expect(1, "one token for a push")

	for _, who := range []*http.Client{joe, anybody} {
		var wg sync.WaitGroup
		for n := range 100 {
			wg.Go(func() { do(who, "GET", srv.URL+repo+"/blobs/"+sum(layers[n%len(layers)]), "", nil, 200) })
		}
		wg.Wait()
		do(who, "HEAD", srv.URL+repo+"/manifests/latest", "application/vnd.docker.distribution.manifest.v2+json", nil, 200)
		expect(1, "one token for pulls in parallel")
	}
	do(anybody, "POST", srv.URL+repo+"/blobs/uploads/", "", nil, 401)
	do(joe, "GET", srv.URL+"/v2/", "", nil, 200)
}
