package tripper_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/tripper-go/tripper"
	"github.com/tripper-go/tripper/auth"
	"github.com/tripper-go/tripper/caching"
	"github.com/tripper-go/tripper/decompress"
	"github.com/tripper-go/tripper/internal/rttest"
	"github.com/tripper-go/tripper/redirects"
	"github.com/tripper-go/tripper/retry"
	"github.com/tripper-go/tripper/trace"
)

// foreign is a layer of another module.
type foreign struct {
	Base http.RoundTripper
	Jar  http.CookieJar
	Log  fmt.Stringer
}

func (foreign) Wrap(next http.RoundTripper) http.RoundTripper { return next }

func TestChainCheckElements(t *testing.T) {
	t.Parallel()
	var none *retry.Transport
	var noJar *cookiejar.Jar
	var noURL *url.URL
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name, why string
		chain     tripper.Chain
		want      string // a part of the error, empty for none
	}{
		{"nothing wrong", "nil elements are allowed: a layer that is switched off", tripper.Chain{nil, &decompress.Transport{}, &retry.Transport{}}, ""},
		{"a nil pointer", "a variable that was never set is seldom meant", tripper.Chain{&decompress.Transport{}, none}, "element 1 of the chain is a nil *retry.Transport"},
		{"a nil pointer further in", "chains are layers", tripper.Chain{tripper.Chain{none}}, "element 0 of the chain is a nil *retry.Transport"},
		{"a nil function", "likewise", tripper.Chain{tripper.LayerFunc(nil)}, "element 0 of the chain is a nil tripper.LayerFunc"},
		{"a nil Jar", "an interface that holds a nil pointer is not nil, and the first cookie panics", tripper.Chain{&redirects.Transport{Jar: noJar}}, "redirects has a Jar that is a nil *cookiejar.Jar"},
		{"a nil Source", "likewise", tripper.Chain{&auth.Transport{Credentials: (*auth.Keyring)(nil)}}, "auth has a Credentials that is a nil *auth.Keyring"},
		{"a nil field of another module's", "its methods may be made for that", tripper.Chain{foreign{Log: noURL}}, ""},
		{"a Base", "what stands below in the chain is sent through", tripper.Chain{&retry.Transport{Base: http.DefaultTransport}}, "retry stands in a chain and has a Base"},
		{"a Base of a struct", "ErrorResponses is no pointer", tripper.Chain{tripper.ErrorResponses{Base: http.DefaultTransport}}, "ErrorResponses stands in a chain and has a Base"},
		{"a Base of another module's", "it is ignored as well; the type is its name", tripper.Chain{&foreign{Base: http.DefaultTransport}}, "tripper_test.foreign stands in a chain and has a Base"},
		{"a Jar twice", "redirects takes the cookies of a 401 that auth answers", tripper.Chain{&redirects.Transport{Jar: jar}, &auth.Transport{Jar: jar}}, "redirects and auth have the same Jar"},
		{"a Jar twice, another module's", "each cookie would be sent twice", tripper.Chain{&redirects.Transport{Jar: jar}, foreign{Jar: jar}}, "redirects and tripper_test.foreign have the same Jar"},
		{"two Jars", "each has its own cookies", tripper.Chain{&redirects.Transport{Jar: jar}, &auth.Transport{Jar: new(cookiejar.Jar)}}, ""},
	} {
		err := tt.chain.Check()
		if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: error %v, want %q: %s", tt.name, err, tt.want, tt.why)
		}
	}
}

// A client tells what is wrong with its chain, once.
func TestClientTellsProblems(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		why   string
		chain tripper.Chain
		want  []string
	}{
		{"nothing is wrong", tripper.Chain{&caching.Transport{}, &retry.Transport{}}, nil},
		{"each problem is an event", tripper.Chain{(*retry.Transport)(nil), &retry.Transport{}, &decompress.Transport{}}, []string{
			"tripper: check (element 0 of the chain is a nil *retry.Transport and is skipped)",
			"tripper: check (retry stands above decompress, but should stand below it: a broken download resumes by bytes of the wire)",
		}},
	} {
		client := tt.chain.Client(roundTripperFunc(func(req *http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: 200, Header: http.Header{}, Body: http.NoBody, Request: req}, nil
		}))
		var told []string
		hook := func(e trace.Event) {
			if e.Layer == "tripper" {
				told = append(told, e.String())
			}
		}
		for _, ctx := range []context.Context{t.Context(), trace.WithHook(t.Context(), hook), trace.WithHook(t.Context(), hook)} {
			req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://example.com/", nil)
			if err != nil {
				t.Fatal(err)
			}
			resp, err := client.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			_ = resp.Body.Close()
		}
		if !slices.Equal(told, tt.want) {
			t.Errorf("told %q, want %q: %s", told, tt.want, tt.why)
		}
	}
}

// A chain works as without what is nil in it.
func TestChainSkipsNilPointers(t *testing.T) {
	var none *retry.Transport
	nothing := func(http.RoundTripper) http.RoundTripper { return nil }
	chain := tripper.Chain{none, &decompress.Transport{}, tripper.LayerFunc(nil)}
	if got := chain.String(); got != "decompress" {
		t.Errorf("names %q", got)
	}
	base := roundTripperFunc(func(req *http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: 200, Header: http.Header{}, Body: http.NoBody, Request: req}, nil
	})
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://example.com/", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := append(chain, tripper.LayerFunc(nothing)).Wrap(base).RoundTrip(req)
	if err != nil || resp.StatusCode != 200 {
		t.Fatalf("%v, %v", resp, err)
	}
	_ = resp.Body.Close()
}

func TestReasons(t *testing.T) { rttest.Reasons(t) }
