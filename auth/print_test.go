package auth

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
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
	byValue := &struct {
		T Transport
		K Keyring
		P Proxy
	}{T: Transport{Credentials: SourceFunc(func(context.Context, Target) ([]Credential, error) { return []Credential{cred}, nil })}}
	if byValue.T.Identity(req) == "" {
		t.Error("no identity")
	}
	byValue.P.Preemptive, byValue.P.Credentials = true, Credential{Username: "joe", Password: secret}
	proxied, err := byValue.P.Authorize(t.Context(), &url.URL{Scheme: "http", Host: "proxy"}, http.MethodConnect, "a:443")
	if err != nil || proxied == "" {
		t.Fatal(proxied, err)
	}
	_ = byValue.K.Add("joe", secret)
	_ = byValue.K.Add("joe", secret, "joe:"+secret+"@example.com")
	if text := fmt.Sprintf("%v %+v %#v", byValue, byValue, byValue); strings.Contains(text, secret) || strings.Contains(text, proxied) {
		t.Errorf("printed with a struct that holds it by value: %s", text)
	}
	rttest.Prints(t, secret, map[string][]any{
		"Transport":  {used, used.Wrap(used.Base)},
		"Stats":      {used.Stats()},
		"Credential": {cred, &cred, []Credential{cred}},
		"Keyring":    {&keys},
		"Request": {Request{
			URL: req.URL, Header: http.Header{"Authorization": {secret}}, Target: req.URL.RequestURI(), Credential: cred, Refused: secret,
		}},
		"Challenge":        {ParseChallenges([]string{`Digest nonce="` + secret + `"`}), ParseChallenges([]string{"Negotiate " + secret})},
		"Target":           {Target{URL: url.URL{Scheme: "http", Host: "example.com"}, Realm: "r"}},
		"UnsupportedError": {&UnsupportedError{Scheme: "digest", Response: resp}, UnsupportedError{Scheme: "digest", Response: resp}},
		"Proxy":            {&Proxy{Credentials: cred}},
		"Basic":            {Basic{}}, "Digest": {Digest{}}, "WSSE": {WSSE{}}, "HMACDigest": {HMACDigest{}}, "Bearer": {Bearer{}},
		"Scheme": nil, "ConnectionScheme": nil, "Handshake": nil, "Session": nil, "Source": nil, "SourceFunc": nil,
	})
}

// answers is a RoundTripper that never fails.
type answers func(*http.Request) *http.Response

func (a answers) RoundTrip(req *http.Request) (*http.Response, error) { return a(req), nil }
