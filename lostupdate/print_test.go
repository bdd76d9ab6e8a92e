package lostupdate

import (
	"context"
	"net/http"
	"testing"

	"github.com/tripper-go/tripper/internal/rttest"
)

func TestPrints(t *testing.T) {
	t.Parallel()
	const secret = "hunter2"
	memory := NewMemory(1 << 20)
	if err := memory.Set(context.Background(), "http://example.com/?token="+secret, Version{ETag: `"a"`}); err != nil {
		t.Fatal(err)
	}
	used := &Transport{Tags: memory, Base: rttest.Func(func(req *http.Request) (*http.Response, error) {
		h := http.Header{"Etag": {`"a"`}, "Set-Cookie": {secret}}
		return &http.Response{StatusCode: http.StatusOK, Header: h, Body: http.NoBody, Request: req}, nil
	})}
	req, _ := http.NewRequest(http.MethodGet, "http://joe:"+secret+"@example.com/?token="+secret, nil)
	resp, err := used.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	conflict := ConflictError{Field: "If-Match", Sent: `"a"`, Response: resp}
	rttest.Prints(t, secret, map[string][]any{
		"Transport": {used, used.Wrap(used.Base)}, "Memory": {memory}, "ConflictError": {conflict, &conflict},
		"Version": {VersionOf(resp)}, "Tags": nil, "Mode": nil, "Unsure": nil,
	})
}
