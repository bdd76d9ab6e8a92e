package auth

import (
	"net/http"
	"net/url"
	"testing"

	"github.com/tripper-go/tripper/internal/rttest"
)

func TestPrints(t *testing.T) {
	t.Parallel()
	const secret = "hunter2"
	cred := Credential{Username: "joe", Password: secret, Token: secret}
	var keys Keyring
	if err := keys.Add("joe", secret, "example.com"); err != nil {
		t.Fatal(err)
	}
	header := http.Header{"Www-Authenticate": {`Basic realm="` + secret + `"`}, "Set-Cookie": {secret}}
	used := &Transport{Credentials: &keys, Base: answers(func(req *http.Request) *http.Response {
		return &http.Response{StatusCode: http.StatusUnauthorized, Header: header.Clone(), Body: http.NoBody, Request: req}
	})}
	req, _ := http.NewRequest(http.MethodGet, "http://example.com/?token="+secret, nil)
	resp, err := used.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	rttest.Prints(t, secret, map[string][]any{
		"Transport":  {used, used.Wrap(used.Base)},
		"Credential": {cred, &cred, []Credential{cred}},
		"Keyring":    {&keys},
		"Attempt": {Attempt{
			URL: req.URL, Header: http.Header{"Authorization": {secret}}, Target: req.URL.RequestURI(), Credential: cred, Refused: secret,
		}},
		"Challenge":        {ParseChallenges([]string{`Digest nonce="` + secret + `"`}), ParseChallenges([]string{"Negotiate " + secret})},
		"Target":           {Target{URL: url.URL{Scheme: "http", Host: "example.com"}, Realm: "r"}},
		"UnsupportedError": {&UnsupportedError{Scheme: "digest", Response: resp}, UnsupportedError{Scheme: "digest", Response: resp}},
		"Proxy":            {&Proxy{Credentials: cred}},
		"Basic":            {Basic{}}, "Digest": {Digest{}}, "WSSE": {WSSE{}}, "HMACDigest": {HMACDigest{}}, "Bearer": {Bearer{}},
		"Scheme": nil, "Session": nil, "Source": nil, "SourceFunc": nil,
	})
}

// answers is a RoundTripper that never fails.
type answers func(*http.Request) *http.Response

func (a answers) RoundTrip(req *http.Request) (*http.Response, error) { return a(req), nil }
