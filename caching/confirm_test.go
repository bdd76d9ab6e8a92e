package caching

import (
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// A 304 is about the version that was offered: what has taken its place since is
// neither given out nor changed for it (RFC 9111 §4.3.3).
func TestConfirmedWhileReplaced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fetched := 0
		c := &Transport{Base: originFunc(func(req *http.Request) (*http.Response, error) {
			lines := []string{"Vary: Accept", "Cache-Control: max-age=60", `Etag: "v2"`}
			if req.Header.Get("Accept") == "b" && req.Header.Get("If-None-Match") != "" {
				lines[2] = `Etag: "v1"`
				time.Sleep(10 * time.Second)
				return text(req, 304, "", lines...), nil
			}
			if fetched++; fetched == 1 {
				lines[2] = `Etag: "v1"`
				return text(req, 200, "v1", lines...), nil
			}
			return text(req, 200, "v2", lines...), nil
		})}
		check := func(who string) {
			resp, body, err := try(c, t.Context(), "GET", "http://example.com/", "Accept: "+who)
			if err != nil {
				t.Error(err)
				return
			}
			if tag := resp.Header.Get("Etag"); tag != `"`+body+`"` {
				t.Errorf("to %s: ETag %s with body %s (%s)", who, tag, body, resp.Header.Get("Cache-Status"))
			}
		}
		check("a")
		var wg sync.WaitGroup
		wg.Go(func() { check("b") })
		time.Sleep(time.Second)
		get(t, c, t.Context(), "http://example.com/", "Accept: a", "Cache-Control: no-cache")
		wg.Wait()
		check("a")
		check("b")
	})
}
