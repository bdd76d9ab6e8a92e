package conntrace

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"slices"
	"testing"
)

// TestWith: the same hooks are called in the same order as with httptrace.WithClientTrace, also those
// that a context has before and after.
func TestWith(t *testing.T) {
	t.Parallel()
	type with = func(context.Context, *httptrace.ClientTrace) context.Context
	run := func(with with) (called []string) {
		hooks := func(of string) *httptrace.ClientTrace {
			note := func(name string) { called = append(called, of+" "+name) }
			return &httptrace.ClientTrace{
				GetConn:           func(string) { note("GetConn") },
				GotConn:           func(httptrace.GotConnInfo) { note("GotConn") },
				TLSHandshakeStart: func() { note("TLSHandshakeStart") },
				WroteHeaders:      func() { note("WroteHeaders") },
				WroteRequest:      func(httptrace.WroteRequestInfo) { note("WroteRequest") },
			}
		}
		caller := hooks("caller")
		caller.WroteHeaders = nil
		caller.GotFirstResponseByte = func() { called = append(called, "caller GotFirstResponseByte") }
		ctx := with(httptrace.WithClientTrace(t.Context(), caller), hooks("first"))
		ctx = with(ctx, hooks("second"))
		ctx = with(ctx, new(httptrace.ClientTrace))
		ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GetConn: func(string) { called = append(called, "last GetConn") }})
		all := httptrace.ContextClientTrace(ctx)
		all.GetConn("")
		all.TLSHandshakeStart()
		all.GotConn(httptrace.GotConnInfo{})
		all.WroteHeaders()
		all.WroteRequest(httptrace.WroteRequestInfo{})
		all.GotFirstResponseByte()
		return called
	}
	got, want := run(With), run(httptrace.WithClientTrace)
	if !slices.Equal(got, want) || len(got) != 16 {
		t.Errorf("%d calls: %q, want %q", len(got), got, want)
	}
}

// TestNetHTTP: net/http finds the hooks.
func TestNetHTTP(t *testing.T) {
	t.Parallel()
	s := httptest.NewServer(http.NotFoundHandler())
	defer s.Close()
	called := false
	ctx := With(t.Context(), &httptrace.ClientTrace{GotConn: func(httptrace.GotConnInfo) { called = true }})
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.URL, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if !called {
		t.Error("GotConn was not called: httptrace asks a context for another key")
	}
}

func BenchmarkJoin(b *testing.B) {
	ctx := With(b.Context(), &httptrace.ClientTrace{GotConn: func(httptrace.GotConnInfo) {}})
	for _, bb := range []struct {
		name string
		with func(context.Context, *httptrace.ClientTrace) context.Context
	}{{"httptrace", httptrace.WithClientTrace}, {"ours", With}} {
		b.Run(bb.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				ctx := bb.with(ctx, &httptrace.ClientTrace{GotConn: func(httptrace.GotConnInfo) {}})
				httptrace.ContextClientTrace(ctx).GotConn(httptrace.GotConnInfo{})
			}
		})
	}
}
