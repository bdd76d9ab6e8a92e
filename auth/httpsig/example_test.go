package httpsig_test

import (
	"crypto/ed25519"
	"crypto/rand"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"time"

	"github.com/tripper-go/tripper"
	"github.com/tripper-go/tripper/auth"
	"github.com/tripper-go/tripper/auth/httpsig"
	"github.com/tripper-go/tripper/retry"
)

// verifying returns a server that wants every request to be signed by the owner of public.
func verifying(public ed25519.PublicKey) *httptest.Server {
	key, err := httpsig.NewKey("my-key", public, "")
	if err != nil {
		panic(err)
	}
	verifier := &httpsig.Verifier{Keys: []*httpsig.Key{key}, Components: []string{"@method", "@target-uri"}}
	return httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := verifier.Request(r); err != nil {
			http.Error(w, err.Error(), http.StatusForbidden)
			return
		}
		body, _ := io.ReadAll(r.Body)
		fmt.Fprintf(w, "%s %s, signed", r.Method, body)
	}))
}

func Example() {
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		fmt.Println(err)
		return
	}
	srv := verifying(public)
	defer srv.Close()

	key, err := httpsig.NewKey("my-key", private, "")
	if err != nil {
		fmt.Println(err)
		return
	}
	client := &http.Client{Transport: &httpsig.Transport{Key: key}}
	resp, err := client.Post(srv.URL, "text/plain", strings.NewReader("hello"))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	fmt.Println(resp.StatusCode, string(body), err)
	// Output: 200 POST hello, signed <nil>
}

// A signature that covers a token, names what it is for, and is good for a minute. Every try is
// signed afresh.
func ExampleTransport() {
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		fmt.Println(err)
		return
	}
	srv := verifying(public)
	defer srv.Close()

	key, err := httpsig.NewKey("my-key", private, "")
	if err != nil {
		fmt.Println(err)
		return
	}
	client := tripper.Chain{
		&retry.Transport{},
		&auth.Transport{Credentials: auth.Credential{Token: "token"}, Preemptive: true},
		&httpsig.Transport{
			Key:        key,
			Domains:    []string{"127.0.0.1"},
			Components: []string{"@method", "@target-uri", "authorization", `@query-param;name="id"`},
			Tag:        "my-application",
			Lifetime:   time.Minute,
			Nonce:      true,
		},
	}.Client(nil)
	resp, err := client.Get(srv.URL + "/?id=7")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer resp.Body.Close()
	fmt.Println(resp.StatusCode)
	input, _, _ := strings.Cut(resp.Request.Header.Get("Signature-Input"), ";created")
	fmt.Println(input)
	// Output:
	// 200
	// sig1=("@method" "@target-uri" "authorization" "@query-param";name="id")
}
