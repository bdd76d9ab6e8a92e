package tripper_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/tripper-go/tripper"
	"github.com/tripper-go/tripper/decompress"
	"github.com/tripper-go/tripper/retry"
)

func TestChainCheckElements(t *testing.T) {
	var none *retry.Transport
	for _, tt := range []struct {
		name, why string
		chain     tripper.Chain
		want      string // a part of the error, empty for none
	}{
		{"nothing wrong", "nil elements are allowed: a layer that is switched off", tripper.Chain{nil, &decompress.Transport{}, &retry.Transport{}}, ""},
		{"a nil pointer", "a variable that was never set is seldom meant", tripper.Chain{&decompress.Transport{}, none}, "element 1 of the chain is a nil *retry.Transport"},
		{"a nil pointer further in", "chains are layers", tripper.Chain{tripper.Chain{none}}, "element 0 of the chain is a nil *retry.Transport"},
		{"a nil function", "likewise", tripper.Chain{tripper.LayerFunc(nil)}, "element 0 of the chain is a nil tripper.LayerFunc"},
		{"a Base", "what stands below in the chain is sent through", tripper.Chain{&retry.Transport{Base: http.DefaultTransport}}, "retry stands in a chain and has a Base"},
		{"a Base of a struct", "ErrorResponses is no pointer", tripper.Chain{tripper.ErrorResponses{Base: http.DefaultTransport}}, "ErrorResponses stands in a chain and has a Base"},
	} {
		err := tt.chain.Check()
		if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: error %v, want %q: %s", tt.name, err, tt.want, tt.why)
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
