package oauth2tokens_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"golang.org/x/oauth2/clientcredentials"

	"github.com/tripper-go/tripper/auth/oauth2tokens"
)

// The secret does not follow a redirect of the token endpoint to another server.
func TestRedirect(t *testing.T) {
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		t.Error("the other server was asked")
	}))
	defer elsewhere.Close()
	endpoint := httptest.NewServer(http.RedirectHandler(elsewhere.URL, http.StatusTemporaryRedirect))
	defer endpoint.Close()
	config := &clientcredentials.Config{ClientID: "id", ClientSecret: "secret", TokenURL: endpoint.URL}
	c := oauth2tokens.ClientCredentials(config, nil)
	if token, err := c.TokenFunc(t.Context(), ""); err == nil {
		t.Errorf("got the token %q", token)
	}
}
