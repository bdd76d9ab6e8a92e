package lostupdate

import (
	"testing"

	"github.com/tripper-go/tripper/internal/compare"
	"github.com/tripper-go/tripper/internal/rttest"
	"github.com/tripper-go/tripper/internal/tracetest"
	"github.com/tripper-go/tripper/trace"
)

func TestContract(t *testing.T) {
	rttest.Contract(t, func() rttest.Layer { return &Transport{} })
}

func TestContractAllOn(t *testing.T) {
	rttest.Contract(t, func() rttest.Layer {
		return &Transport{Methods: []string{"PUT", "PATCH", "DELETE"}, Unsure: Fetch, Required: true, ConflictErrors: true}
	})
}

func TestTrace(t *testing.T) {
	var got []string
	script := rttest.NewScript(t, rttest.Answers("200 OK\nETag: \"a\"", "412 No", "204 Done")...)
	rt := (&Transport{}).Wrap(script)
	for _, r := range []string{"GET /x?secret", "PUT /x?secret\n\n2", "PUT /y\n\n2"} {
		req := rttest.ReadRequest(t, r)
		resp, err := rt.RoundTrip(req.WithContext(trace.WithHook(tracetest.Context(t, ".."), func(e trace.Event) { got = append(got, e.String()) })))
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
	}
	want := []string{
		`lostupdate: remember etag="a"`,
		`lostupdate: protect (as it was seen) If-Match="a"`,
		`lostupdate: conflict (the resource has changed) If-Match="a"`,
		`lostupdate: pass (nothing seen of it)`,
		`lostupdate: forget`,
	}
	if diff := compare.Diff(want, got); diff != "" {
		t.Errorf("events mismatch (-want +got):\n%s", diff)
	}
}
