package transport

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"net/url"
	"sync"
	"testing"

	"github.com/tripper-go/tripper"
	"github.com/tripper-go/tripper/internal/roundtrip"
	"github.com/tripper-go/tripper/internal/rttest"
)

var _ tripper.ConnectionKeeper = (*Transport)(nil)

// remote answers with the address of the client.
func remote(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, r.RemoteAddr, " ", r.Proto) }

// keep reserves a connection.
func keep(tb testing.TB, tr *Transport, req *http.Request, principal string) (kept *http.Request, state any, release func(any)) {
	tb.Helper()
	ctx, state, release, err := tr.KeepConnection(req, principal)
	if err != nil {
		tb.Fatal(err)
	}
	return req.WithContext(ctx), state, release
}

func exchange(tb testing.TB, tr *Transport, req *http.Request) string {
	tb.Helper()
	resp, err := tr.RoundTrip(req)
	if err != nil {
		tb.Fatal(err)
	}
	_, body := read(tb, resp)
	return body
}

// TestKeepConnection: one connection of HTTP/1.1 for all requests of one principal, which
// nobody else gets, with its state.
func TestKeepConnection(t *testing.T) {
	t.Parallel()
	srv := httptest.NewUnstartedServer(http.HandlerFunc(remote))
	srv.EnableHTTP2 = true
	srv.StartTLS()
	t.Cleanup(srv.Close)
	tr := closing(t, &Transport{InsecureSkipVerify: true, Proxy: Direct})
	req := rttest.NewRequest(t, "POST", srv.URL, nil)
	other := exchange(t, tr, req)

	kept, state, release := keep(t, tr, req, "ann")
	first := exchange(t, tr, kept)
	if again := exchange(t, tr, kept); state != nil || again != first || first == other || first[len(first)-8:] != "HTTP/1.1" {
		t.Errorf("state %v, over %s, then %s; without it %s", state, first, again, other)
	}
	kept2, _, release2 := keep(t, tr, req, "ann")
	if second := exchange(t, tr, kept2); second == first {
		t.Error("the same connection twice at the same time")
	}
	release2(nil)
	if exchange(t, tr, kept2) != other {
		t.Error("after release the context still has the connection")
	}
	release("state")
	release(nil) // does nothing
	if ofBob, state, release := keep(t, tr, req, "bob"); state != nil || exchange(t, tr, ofBob) == first {
		t.Error("the connection of ann, state", state)
	} else {
		release("bob")
	}
	kept, state, release = keep(t, tr, req, "ann")
	if got := exchange(t, tr, kept); state != "state" || got != first {
		t.Errorf("state %v, over %s, want that over %s", state, got, first)
	}
	release("state")
	tr.CloseIdleConnections()
	kept, state, release = keep(t, tr, req, "ann")
	if got := exchange(t, tr, kept); state != nil || got == first {
		t.Errorf("after CloseIdleConnections: state %v, over %s", state, got)
	}
	release(nil)
}

// TestKeptElsewhere: what is sent over a kept connection authenticates it, so a request for
// another server fails.
func TestKeptElsewhere(t *testing.T) {
	t.Parallel()
	a, b := server(t, remote), server(t, remote)
	tr := closing(t, &Transport{Proxy: Direct})
	kept, _, release := keep(t, tr, rttest.NewRequest(t, "GET", a.URL, nil), "ann")
	defer release(nil)
	elsewhere := rttest.NewRequest(t, "GET", b.URL, nil).WithContext(kept.Context())
	if err := fail(t, tr, elsewhere); !errors.Is(err, errElsewhere) || !roundtrip.Permanent(err) {
		t.Error(err)
	}
	// It is no business of another Transport.
	if got := exchange(t, closing(t, &Transport{Proxy: Direct}), elsewhere); got == "" {
		t.Error("no response")
	}
}

// TestKeptLimits: the number is bounded, by MaxConnsPerHost and in all; waiting ends with the
// context or when a connection is given back.
func TestKeptLimits(t *testing.T) {
	t.Parallel()
	srv := server(t, remote)
	tr := closing(t, &Transport{Proxy: Direct, Tune: func(tr *http.Transport) { tr.MaxConnsPerHost = 1 }})
	req := rttest.NewRequest(t, "GET", srv.URL, nil)
	_, _, release := keep(t, tr, req, "ann")
	ctx, cancel := context.WithCancelCause(t.Context())
	cause := errors.New("enough")
	cancel(cause)
	if _, _, _, err := tr.KeepConnection(req.WithContext(ctx), "ann"); !errors.Is(err, cause) {
		t.Error(err)
	}
	_, _, ofBob := keep(t, tr, req, "bob")
	ofBob("state")
	var wg sync.WaitGroup
	wg.Go(func() {
		_, state, release := keep(t, tr, req, "ann")
		if state != "given back" {
			t.Error(state)
		}
		release(nil)
	})
	release("given back")
	wg.Wait()
	if c := tr.settled(); len(c.kept.inUse) != 0 || c.kept.all != 1 {
		t.Errorf("in use: %v of %d", c.kept.inUse, c.kept.all)
	}

	tr = closing(t, &Transport{Proxy: Direct})
	releases := make([]func(any), maxKept)
	for i := range releases {
		_, _, releases[i] = keep(t, tr, req, fmt.Sprint(i))
	}
	if _, _, _, err := tr.KeepConnection(req.WithContext(ctx), "one more"); !errors.Is(err, cause) {
		t.Error(err)
	}
	releases[7]("oldest")
	releases[8]("next")
	_, _, release = keep(t, tr, req, "one more")
	if c := tr.settled(); len(c.kept.idle) != 1 || c.kept.all != maxKept {
		t.Errorf("%d of %d are idle, want that of 8", len(c.kept.idle), c.kept.all)
	}
	release(nil)
	if _, state, _ := keep(t, tr, req, "8"); state != "next" {
		t.Error(state)
	}
}

// TestKeptParallel: many principals at once, each with connections of its own.
func TestKeptParallel(t *testing.T) {
	t.Parallel()
	srv := server(t, remote)
	tr := closing(t, &Transport{Proxy: Direct})
	var owners sync.Map
	var wg sync.WaitGroup
	for i := range 300 {
		principal := fmt.Sprint("user", i%9)
		wg.Go(func() {
			req, _, release := keep(t, tr, rttest.NewRequest(t, "GET", srv.URL, nil), principal)
			addr := exchange(t, tr, req)
			if owner, _ := owners.LoadOrStore(addr, principal); owner != principal {
				t.Errorf("%s has the connection of %s", principal, owner)
			}
			release("state")
		})
	}
	wg.Wait()
}

// TestKeepUnsupported: an HTTP proxy that forwards may mix connections up; one that tunnels
// does not.
func TestKeepUnsupported(t *testing.T) {
	t.Parallel()
	through, err := url.Parse("http://127.0.0.1:1")
	if err != nil {
		t.Fatal(err)
	}
	req := rttest.NewRequest(t, "GET", "http://example.com/", nil)
	if _, _, _, err := (&Transport{Proxy: http.ProxyURL(through)}).KeepConnection(req, "ann"); !errors.Is(err, errors.ErrUnsupported) {
		t.Error(err)
	}
	if _, _, _, err := (&Transport{Proxy: http.ProxyURL(through), TunnelHTTP: true}).KeepConnection(req, "ann"); err != nil {
		t.Error(err)
	}
	if _, _, _, err := new(Transport).KeepConnection(&http.Request{URL: new(url.URL)}, "ann"); !errors.Is(err, ErrRelativeURL) {
		t.Error(err)
	}
}

// TestKeptReplaced: the caller learns by httptrace that the server has closed the connection.
func TestKeptReplaced(t *testing.T) {
	t.Parallel()
	srv := server(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Connection", "close")
		remote(w, r)
	})
	tr := closing(t, &Transport{Proxy: Direct, Tune: func(tr *http.Transport) {
		tr.DisableKeepAlives = true
		tr.TLSClientConfig = &tls.Config{NextProtos: []string{"h2"}}
	}})
	req, _, release := keep(t, tr, rttest.NewRequest(t, "GET", srv.URL, nil), "ann")
	defer release(nil)
	var conns []any
	req = req.WithContext(httptrace.WithClientTrace(req.Context(), &httptrace.ClientTrace{GotConn: func(info httptrace.GotConnInfo) {
		conns = append(conns, roundtrip.ConnID(info.Conn))
	}}))
	exchange(t, tr, req)
	exchange(t, tr, req)
	if len(conns) != 2 || conns[0] == conns[1] {
		t.Error(conns)
	}
}
