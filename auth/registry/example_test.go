package registry_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/tripper-go/tripper/auth"
	"github.com/tripper-go/tripper/auth/registry"
)

// Images that are for everybody: most registries want a token all the same, which they give to
// everybody.
func Example() {
	tokens := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, `{"token":"%x"}`, r.FormValue("scope"))
	}))
	defer tokens.Close()
	hub := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") == "" {
			w.Header().Set("WWW-Authenticate", `Bearer realm="`+tokens.URL+`",service="hub",scope="repository:library/busybox:pull"`)
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		fmt.Fprint(w, "a manifest")
	}))
	defer hub.Close()

	client := &http.Client{Transport: &auth.Transport{
		Credentials: auth.Credential{}, // nobody
		Schemes:     []auth.Scheme{&registry.Bearer{}, auth.Basic{}},
	}}
	resp, err := client.Get(hub.URL + "/v2/library/busybox/manifests/latest")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer resp.Body.Close()
	fmt.Println(resp.StatusCode)
	// Output: 200
}
