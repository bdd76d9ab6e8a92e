package caching

import (
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tripper-go/tripper/internal/compare"
)

func TestInfoOf(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &Transport{Base: originFunc(func(req *http.Request) (*http.Response, error) {
			if req.Header.Get("If-None-Match") != "" {
				return text(req, 304, "", `ETag: "a"`), nil
			}
			return text(req, 200, "body", `ETag: "a"`, "Cache-Control: max-age=60"), nil
		})}
		defer c.Close()
		resp, _ := get(t, c, t.Context(), "http://example.com/")
		if info, ok := InfoOf(resp); ok {
			t.Errorf("from the origin: %+v", info)
		}
		for _, row := range []struct {
			after time.Duration
			line  string
			want  Info
		}{
			{10 * time.Second, "Accept: */*", Info{Age: 10 * time.Second, Fresh: 50 * time.Second, Source: "max-age"}},
			{60 * time.Second, "Cache-Control: max-stale=20", Info{Age: 70 * time.Second, Fresh: -10 * time.Second, Source: "max-age"}},
			{0, "Accept: */*", Info{Fresh: 60 * time.Second, Source: "max-age", Validated: true}},
		} {
			time.Sleep(row.after)
			resp, _ := get(t, c, t.Context(), "http://example.com/", row.line)
			info, ok := InfoOf(resp)
			key := info.Key
			info.Key = ""
			if diff := compare.Diff(row.want, info); !ok || diff != "" {
				t.Errorf("%v later, %v (-want +got):\n%s", row.after, ok, diff)
			}
			if e, _ := c.state().Store.Get(t.Context(), key); e == nil {
				t.Errorf("nothing under its key %q", key)
			}
		}
		if _, ok := InfoOf(nil); ok {
			t.Error("of nothing")
		}
	})
}
