package auth_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"

	"github.com/tripper-go/tripper"
	"github.com/tripper-go/tripper/auth"
)

// private is a server that wants a password by Basic, or a token.
func private() *httptest.Server {
	return httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user, password, ok := r.BasicAuth()
		if ok && user == "joe" && password == "password" || r.Header.Get("Authorization") == "Bearer token-2" {
			fmt.Fprint(w, "hello")
			return
		}
		w.Header().Add("WWW-Authenticate", `Basic realm="private"`)
		w.Header().Add("WWW-Authenticate", `Bearer realm="private", error="invalid_token"`)
		http.Error(w, "who are you?", http.StatusUnauthorized)
	}))
}

func show(client *http.Client, url string) {
	resp, err := client.Get(url)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(resp.StatusCode, string(body))
}

func Example() {
	srv := private()
	defer srv.Close()

	var keys auth.Keyring
	keys.Add("joe", "password")
	client := &http.Client{Transport: &auth.Transport{Credentials: &keys}}
	show(client, srv.URL)
	// Output: 200 hello
}

// A token that is fetched when it is needed, and again when the server calls it
// invalid.
func ExampleCredential_tokenFunc() {
	srv := private()
	defer srv.Close()

	n := 0
	client := &http.Client{Transport: &auth.Transport{
		Preemptive: true,
		Credentials: auth.Credential{TokenFunc: func(_ context.Context, invalid string) (string, error) {
			if n == 0 || invalid != "" {
				n++
			}
			return fmt.Sprintf("token-%d", n), nil
		}},
	}}
	show(client, srv.URL)
	// Output: 200 hello
}

// tokens has the shape of golang.org/x/oauth2.Transport, which is written
//
//	&oauth2.Transport{Source: source, Base: next}
type tokens struct {
	Source interface{ Token() (string, error) }
	Base   http.RoundTripper
}

func (t *tokens) RoundTrip(req *http.Request) (*http.Response, error) {
	token, err := t.Source.Token()
	if err != nil {
		return nil, err
	}
	req = req.Clone(req.Context())
	req.Header.Set("Authorization", "Bearer "+token)
	return t.Base.RoundTrip(req)
}

type always string

func (a always) Token() (string, error) { return string(a), nil }

// A transport of golang.org/x/oauth2 is a layer by [tripper.LayerFunc]. It stands
// where auth would; auth below it leaves its Authorization alone.
func Example_oauth2() {
	srv := private()
	defer srv.Close()

	client := tripper.Chain{
		tripper.LayerFunc(func(next http.RoundTripper) http.RoundTripper {
			return &tokens{Source: always("token-2"), Base: next}
		}),
		&auth.Transport{},
	}.Client(nil)
	show(client, srv.URL)
	// Output: 200 hello
}

// WSSE as Hatena wants it, which never asks for it.
func ExampleWSSE() {
	srv := httptest.NewServer(&wsseServer{raw: true})
	defer srv.Close()

	var keys auth.Keyring
	keys.Add("bob", "taadtaadpstcsm")
	client := &http.Client{Transport: &auth.Transport{
		Credentials: &keys,
		Schemes:     []auth.Scheme{auth.WSSE{Base64Nonce: true}},
		Preemptive:  true,
	}}
	show(client, srv.URL)
	// Output: 200
}
