package auth_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/tripper-go/tripper/auth"
)

// keyed is a scheme of a service of our own: an HMAC over method, origin and target.
type keyed struct{}

func (keyed) Name() string { return "keyed" }

func (keyed) Weigh(auth.Challenge, auth.Credential) (int, error) { return auth.StrengthDigest, nil }

// Session needs no challenge: the service never asks.
func (keyed) Session(*auth.Challenge, auth.Credential) (auth.Session, error) { return keyed{}, nil }

func (keyed) Sign(req *auth.Request) error {
	host := req.URL.Host
	if req.Host != "" {
		host = req.Host
	}
	mac := hmac.New(sha256.New, []byte(req.Credential.Password))
	fmt.Fprintf(mac, "%s\n%s://%s\n%s", req.Method, req.URL.Scheme, host, req.Target)
	req.Authorize("Keyed " + req.Credential.Username + ":" + hex.EncodeToString(mac.Sum(nil)))
	return nil
}

// A scheme of one's own, that signs where the request goes.
func ExampleScheme() {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mac := hmac.New(sha256.New, []byte("secret"))
		fmt.Fprintf(mac, "%s\nhttp://%s\n%s", r.Method, r.Host, r.RequestURI)
		if r.Header.Get("Authorization") == "Keyed joe:"+hex.EncodeToString(mac.Sum(nil)) {
			fmt.Fprint(w, "hello")
		}
	}))
	defer srv.Close()

	client := &http.Client{Transport: &auth.Transport{
		Credentials: auth.Credential{Username: "joe", Password: "secret"},
		Schemes:     []auth.Scheme{keyed{}},
		Preemptive:  true,
	}}
	show(client, srv.URL+"/a?b=c")
	// Output: 200 hello
}
