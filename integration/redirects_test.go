package integration_test

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/tripper-go/tripper/redirects"
)

// TestStoredPermanentRedirect: a stored 308 is followed with method and body.
func TestStoredPermanentRedirect(t *testing.T) {
	t.Parallel()
	target := newServer(t, func(w http.ResponseWriter, r *http.Request) { _, _ = fmt.Fprint(w, r.Method) })
	o := newServer(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "max-age=1000")
		http.Redirect(w, r, target.URL+"/new", http.StatusPermanentRedirect)
	})
	l := newStack(t)
	l.redirects.Unsafe = true
	client := l.client()
	wantReply(t, ask(t.Context(), client, "GET "+o.URL+"/old"), 200, "GET")
	wantReply(t, ask(t.Context(), client, "GET "+o.URL+"/old"), 200, "GET")
	if n := len(o.requests("/old")); n != 1 {
		t.Errorf("the stored redirect was asked for %d times", n)
	}
	// RFC 9111 §4: what was stored for GET answers no PUT.
	wantReply(t, ask(t.Context(), client, "PUT "+o.URL+"/old", "content"), 200, "PUT")
	seen := target.requests("/new")
	if last := seen[len(seen)-1]; last.method != "PUT" || last.body != "content" {
		t.Errorf("the target received %s %q", last.method, last.body)
	}
	for _, r := range o.requests("/old") {
		if r.method == "PUT" && r.body != "content" {
			t.Errorf("the origin received PUT %q", r.body)
		}
	}
}

// TestLoopOfStoredRedirects ends, and says why. Two targets that lead to each other
// are stored; a redirect of a target to itself is not, since it may be meant for
// what the key does not hold.
func TestLoopOfStoredRedirects(t *testing.T) {
	t.Parallel()
	o := newServer(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "max-age=1000")
		to := "/b"
		if r.URL.Path == "/b" {
			to = "/c"
		}
		http.Redirect(w, r, to, http.StatusMovedPermanently)
	})
	client := newStack(t).client()
	for range 2 {
		r := ask(t.Context(), client, "GET "+o.URL+"/b?token=hush")
		wantError(t, r.err, redirects.ErrLimit)
	}
	if n := len(o.requests("/b")); n > 2 {
		t.Errorf("%d requests for a redirect that is stored", n)
	}
}
