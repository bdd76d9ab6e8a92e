package lostupdate

import (
	"testing"

	"github.com/tripper-go/tripper/internal/compare"
	"github.com/tripper-go/tripper/internal/rttest"
)

// Editors that share a Transport do not lend each other what they have seen.
func TestEditors(t *testing.T) {
	script := rttest.NewScript(t, rttest.Answers("200 OK\nETag: \"a\"", "200 OK\nETag: \"b\"", "412 No", "204 Done")...)
	rt := (&Transport{}).Wrap(script)
	for _, r := range [][2]string{{"ann", "GET /x"}, {"bob", "GET /x"}, {"ann", "PUT /x\n\n2"}, {"bob", "PUT /x\n\n2"}} {
		req := rttest.ReadRequest(t, r[1])
		resp, err := rt.RoundTrip(req.WithContext(WithEditor(req.Context(), r[0])))
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
	}
	if diff := compare.Diff([]string{"GET /x", "GET /x", `PUT /x If-Match: "a"`, `PUT /x If-Match: "b"`}, sent(script.Requests())); diff != "" {
		t.Errorf("sent mismatch (-want +got):\n%s", diff)
	}
}

func TestWithVersion(t *testing.T) {
	script := rttest.NewScript(t, rttest.Answers("200 OK\nETag: \"a\"", "204 Done", "204 Done")...)
	rt := (&Transport{}).Wrap(script)
	for i, v := range []Version{{}, {ETag: `"mine"`}, {}} {
		req := rttest.ReadRequest(t, []string{"GET /x", "PUT /x\n\n2", "PUT /x\n\n3"}[i])
		if i > 0 {
			req = req.WithContext(WithVersion(req.Context(), v))
		}
		resp, err := rt.RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
	}
	if diff := compare.Diff([]string{"GET /x", `PUT /x If-Match: "mine"`, "PUT /x"}, sent(script.Requests())); diff != "" {
		t.Errorf("sent mismatch (-want +got):\n%s", diff)
	}
}
