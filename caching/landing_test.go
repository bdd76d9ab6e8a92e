package caching

import (
	"net/http"
	"testing"

	"github.com/tripper-go/tripper/caching/memorystore"
)

// Nobody gets what was there before a POST that was answered, not even between
// the moment when it can be found in the store and the next.
func TestInvalidatedBetween(t *testing.T) {
	for _, row := range []struct {
		lines []string // of the response
		ask   []string // of the request
		why   string
	}{
		{nil, nil, "one response for all"},
		{[]string{"Vary: Accept"}, []string{"Accept: text/plain"}, "a variant, which a list leads to"},
		{nil, []string{"Authorization: Bearer alice"}, "a user, whom a list leads to"},
	} {
		for _, what := range []string{"stored", "confirmed"} {
			version := "old"
			store := &meddling{Store: memorystore.New(memorystore.DefaultMaxBytes)}
			c := &Transport{Store: store, Base: originFunc(func(req *http.Request) (*http.Response, error) {
				switch {
				case req.Method == "POST":
					version = "new"
					return text(req, 200, ""), nil
				case version == "old" && req.Header.Get("If-None-Match") != "":
					return text(req, 304, "", `ETag: "old"`, "Cache-Control: max-age=60"), nil
				}
				return text(req, 200, version, append(row.lines, "Cache-Control: max-age=60", `ETag: "`+version+`"`)...), nil
			})}
			if what == "confirmed" {
				get(t, c, t.Context(), "http://example.com/", row.ask...)
			}
			store.meddle = func() { _, _, _ = try(c, t.Context(), "POST", "http://example.com/") }
			store.then = func() {
				if resp, body := get(t, c, t.Context(), "http://example.com/", row.ask...); body != "new" {
					t.Errorf("%s, %s: after the POST was answered: %q, %s", what, row.why, body, resp.Header.Get("Cache-Status"))
				}
			}
			get(t, c, t.Context(), "http://example.com/", append([]string{"Cache-Control: no-cache"}, row.ask...)...)
		}
	}
}
