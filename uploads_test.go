package tripper_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/tripper-go/tripper"
	"github.com/tripper-go/tripper/auth"
	"github.com/tripper-go/tripper/retry"
)

// TestUploadOfUnknownLength: a layer above that keeps some of the body makes a GetBody of it,
// and auth must not rely on that for a body that may be longer.
func TestUploadOfUnknownLength(t *testing.T) {
	t.Parallel()
	var received int64
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") == "" {
			w.Header().Set("WWW-Authenticate", `Digest realm="r", nonce="n", qop="auth"`)
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		received, _ = io.Copy(io.Discard, r.Body)
	}))
	defer srv.Close()
	base := srv.Client().Transport.(*http.Transport)
	base.ExpectContinueTimeout = time.Minute
	var keys auth.Keyring
	if err := keys.Add("joe", "password", srv.URL); err != nil {
		t.Fatal(err)
	}
	const size = 2*retry.DefaultMaxReplay + 1
	chain := tripper.Chain{&retry.Transport{}, &auth.Transport{Credentials: &keys}}
	body := io.NopCloser(io.LimitReader(strings.NewReader(strings.Repeat("x", size)), size))
	resp, err := chain.Client(base).Post(srv.URL, "", body)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusOK || received != size {
		t.Errorf("%s, %d bytes received, want %d: the body waits for the answer to the challenge", resp.Status, received, size)
	}
}
