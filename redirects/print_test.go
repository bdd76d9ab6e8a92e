package redirects

import (
	"net/http"
	"testing"

	"github.com/tripper-go/tripper/internal/rttest"
)

func TestPrints(t *testing.T) {
	t.Parallel()
	const secret = "hunter2"
	used := &Transport{Max: 1, Base: rttest.Func(func(req *http.Request) (*http.Response, error) {
		h := http.Header{"Location": {"http://joe:" + secret + "@example.com/?token=" + secret}, "Set-Cookie": {secret}}
		return &http.Response{StatusCode: http.StatusFound, Header: h, Body: http.NoBody, Request: req}, nil
	})}
	req, _ := http.NewRequest(http.MethodGet, "http://example.com/?token="+secret, nil)
	_, err := used.RoundTrip(req)
	failed, ok := err.(*Error) //nolint:errorlint // as it is returned
	if !ok {
		t.Fatal(err)
	}
	rttest.Prints(t, secret, map[string][]any{
		"Transport": {used, used.Wrap(used.Base)}, "Error": {failed, *failed}, "Policy": nil, "Forwarding": nil,
	})
}
