package caching

import (
	"io"
	"net/http"
	"testing"

	"github.com/tripper-go/tripper/internal/rttest"
)

// Users who differ in a field that looks like one of credentials are users all the
// same, in a shared cache too: no RFC keeps their answers apart there.
func TestCredentialFields(t *testing.T) {
	for _, name := range []string{
		"Api-Key", "Apikey", "Private-Token", "X-Access-Token", "X-Amz-Security-Token", "X-Api-Key", "X-Auth-Token", "X-Wsse",
		"X-Goog-Api-Key", "X-Vault-Token", "X-Shopify-Access-Token", "Ocp-Apim-Subscription-Key", "X-Session-Id", "Dpop",
		"X-Parse-Rest-Api-Key", "Dd-Application-Key", "X-Plex-Token", "X-Ms-Token-Aad-Access-Token", "Proxy-Authorization", "Cookie",
	} {
		if http.CanonicalHeaderKey(name) != name {
			t.Errorf("%s is not in canonical form", name)
		}
		for _, shared := range []bool{false, true} {
			script := rttest.NewScript(t,
				rttest.Respond("HTTP/1.1 200 OK\nCache-Control: max-age=60\n\na"),
				rttest.Respond("HTTP/1.1 200 OK\nCache-Control: max-age=60\n\nb"),
				rttest.Respond("HTTP/1.1 200 OK\nCache-Control: max-age=60\n\nnobody"))
			c := &Transport{Base: script, Shared: shared}
			for _, row := range []struct{ token, want string }{{"a", "a"}, {"b", "b"}, {"", "nobody"}, {"a", "a"}, {"b", "b"}, {"", "nobody"}} {
				req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://example.com/", nil)
				if err != nil {
					t.Fatal(err)
				}
				if row.token != "" {
					req.Header.Set(name, row.token)
				}
				resp, err := c.RoundTrip(req)
				if err != nil {
					t.Fatal(err)
				}
				body, err := io.ReadAll(resp.Body)
				_ = resp.Body.Close()
				if string(body) != row.want || err != nil {
					t.Errorf("%s: %q, shared %v: got %q, %v; want %q", name, row.token, shared, body, err, row.want)
				}
			}
			if err := c.Close(); err != nil {
				t.Error(err)
			}
		}
	}
}
