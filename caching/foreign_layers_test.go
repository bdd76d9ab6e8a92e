package caching

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tripper-go/tripper/caching/memorystore"
	"github.com/tripper-go/tripper/internal/tracetest"
	"github.com/tripper-go/tripper/trace"
)

// Requests wait for the first answer, are given none of it, and from then on do not
// wait for each other on that way, while they do on others.
func TestForeignWaiters(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		users, concurrent, most := 0, 0, 0
		origin := originFunc(func(req *http.Request) (*http.Response, error) {
			mu.Lock()
			concurrent++
			most = max(most, concurrent)
			mu.Unlock()
			time.Sleep(time.Second)
			mu.Lock()
			concurrent--
			mu.Unlock()
			return text(req, 200, req.Header.Get("Authorization"), "Cache-Control: max-age=60"), nil
		})
		c := &Transport{}
		defer c.Close()
		foreign := c.Wrap(originFunc(func(req *http.Request) (*http.Response, error) {
			out := req.Clone(req.Context())
			mu.Lock()
			users++
			out.Header.Set("Authorization", fmt.Sprint("user ", users))
			mu.Unlock()
			return origin(out)
		}))
		plain := c.Wrap(origin)
		burst := func(rt http.RoundTripper, url string) (bodies []string, peak int) {
			var wg sync.WaitGroup
			most = 0
			for range 8 {
				wg.Go(func() {
					_, body := get(t, rt, t.Context(), url)
					mu.Lock()
					defer mu.Unlock()
					bodies = append(bodies, body)
				})
			}
			wg.Wait()
			slices.Sort(bodies)
			return slices.Compact(bodies), most
		}
		start := time.Now()
		if bodies, _ := burst(foreign, "http://example.com/1"); len(bodies) != 8 || time.Since(start) > 2*time.Second {
			t.Errorf("after %v the first eight have %q", time.Since(start), bodies)
		}
		start = time.Now()
		if bodies, peak := burst(foreign, "http://example.com/2"); len(bodies) != 8 || peak != 8 || time.Since(start) != time.Second {
			t.Errorf("after %v the next eight have %q, %d at a time", time.Since(start), bodies, peak)
		}
		if bodies, peak := burst(plain, "http://example.com/3"); len(bodies) != 1 || peak != 1 {
			t.Errorf("by another way %d at a time get %q", peak, bodies)
		}
	})
}

// Two caches: the outer one sees what was added below the inner one.
func TestForeignBelowTwoCaches(t *testing.T) {
	t.Parallel()
	store := memorystore.New(0)
	for _, user := range []string{"alice", "bob"} {
		inner := &Transport{Base: &adding{"Authorization", user, ofUser("Authorization", "Cache-Control: max-age=60"), false}}
		outer := &Transport{Store: store, Base: inner}
		if _, got := get(t, outer, t.Context(), "http://example.com/"); got != "of "+user {
			t.Errorf("%s gets %q", user, got)
		}
	}
}

// trace says why nothing is stored.
func TestForeignIsTold(t *testing.T) {
	t.Parallel()
	var events []string
	ctx := trace.WithHook(tracetest.Context(t, ".."), func(e trace.Event) { events = append(events, e.Action+": "+e.Reason) })
	c := &Transport{Base: &adding{"Authorization", "secret", ofUser("Authorization", "Cache-Control: max-age=60"), false}}
	resp, _ := get(t, c, context.WithoutCancel(ctx), "http://example.com/")
	const want = "credentials added below the cache (Authorization): set Partition, or give the layer an Identity method"
	if !slices.Contains(events, "pass: "+want) || !strings.Contains(resp.Header.Get("Cache-Status"), want) {
		t.Errorf("%q, %q", events, resp.Header.Get("Cache-Status"))
	}
	if all := strings.Join(events, "") + resp.Header.Get("Cache-Status"); strings.Contains(all, "secret") {
		t.Error("the credentials are told")
	}
}

// An http.Client below, with a jar, is a foreign layer too.
func TestForeignClient(t *testing.T) {
	t.Parallel()
	store := memorystore.New(0)
	for _, user := range []string{"alice", "bob"} {
		inner := &http.Client{Transport: ofUser("Cookie", "Cache-Control: max-age=60"), Jar: jarOf("session=" + user)}
		c := &Transport{Store: store, Base: originFunc(func(req *http.Request) (*http.Response, error) { return inner.Do(req) })}
		resp, err := c.RoundTrip(&http.Request{Method: "GET", URL: &url.URL{Scheme: "http", Host: "example.com", Path: "/"}, Header: http.Header{}})
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if string(body) != "of session="+user {
			t.Errorf("%s gets %q", user, body)
		}
	}
}

// jarOf is a jar that always has the same cookie.
type jarOf string

func (jarOf) SetCookies(*url.URL, []*http.Cookie) {}

func (j jarOf) Cookies(*url.URL) []*http.Cookie {
	name, value, _ := strings.Cut(string(j), "=")
	return []*http.Cookie{{Name: name, Value: value}}
}

// twoKinds is a layer that adds credentials of two kinds, and says whose they are.
type twoKinds struct {
	user string
	next http.RoundTripper
}

func (l *twoKinds) Identity(*http.Request) string { return l.user }

func (l *twoKinds) RoundTrip(req *http.Request) (*http.Response, error) {
	out := req.Clone(req.Context())
	out.Header.Set("Authorization", "Bearer "+l.user)
	out.Header.Set("X-Api-Key", "key of the app")
	return l.next.RoundTrip(out)
}

// An Identity answers for all that is added, unless there are others who may have added
// it.
func TestIdentityOfTwoKinds(t *testing.T) {
	t.Parallel()
	origin := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "private, max-age=60")
		_, _ = io.WriteString(w, "of "+r.Header.Get("Authorization")+r.Header.Get("Cookie"))
	}))
	defer origin.Close()
	plain := origin.Client().Transport
	for _, row := range []struct {
		why  string
		way  func(user string) http.RoundTripper
		hits bool
	}{
		{"the layer alone: both are the user's", func(user string) http.RoundTripper { return &twoKinds{user, plain} }, true},
		{"a layer below says nothing, and adds a user's cookie", func(user string) http.RoundTripper {
			return &twoKinds{"app", &adding{"Cookie", user, plain, false}}
		}, false},
	} {
		c := &Transport{}
		for i, user := range []string{"alice", "bob", "alice", "bob"} {
			resp, body := get(t, c.Wrap(row.way(user)), t.Context(), origin.URL)
			if !strings.HasSuffix(body, user) || FromCache(resp) != (row.hits && i > 1) {
				t.Errorf("%s: %s gets %q (%s)", row.why, user, body, resp.Header.Get("Cache-Status"))
			}
		}
	}
}
