package decompress

import (
	"errors"
	"net/http"
	"testing"

	"github.com/tripper-go/tripper/internal/rttest"
)

func TestPrints(t *testing.T) {
	t.Parallel()
	const secret = "hunter2"
	kept := &Dictionaries{}
	used := &Transport{Dictionaries: kept, Base: answers(func(req *http.Request) *http.Response {
		h := http.Header{"Set-Cookie": {secret}, "Use-As-Dictionary": {`match="/*"`}, "Cache-Control": {"max-age=60"}}
		return &http.Response{StatusCode: http.StatusOK, Header: h, Body: http.NoBody, Request: req}
	})}
	req, _ := http.NewRequest(http.MethodGet, "https://joe:"+secret+"@example.com/?token="+secret, nil)
	resp, err := used.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	rttest.Prints(t, secret, map[string][]any{
		"Transport": {used, used.Wrap(used.Base)}, "Dictionaries": {kept}, "Encoded": {Original(resp)},
		"Error": {&Error{Coding: "gzip", Err: errors.New("cut")}}, "Decoder": nil,
	})
}

// answers is a RoundTripper that never fails.
type answers func(*http.Request) *http.Response

func (a answers) RoundTrip(req *http.Request) (*http.Response, error) { return a(req), nil }
