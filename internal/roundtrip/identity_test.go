package roundtrip

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// signer is a layer that signs for who is logged in, and keeps to its answer.
type signer struct {
	who  string
	next http.RoundTripper
	// renewed is who the request is signed for in the end, if not as answered.
	renewed string
}

func (s *signer) Unwrap() http.RoundTripper         { return s.next }
func (s *signer) Identity(req *http.Request) string { p, _, _ := s.Ask(req); return p }

func (s *signer) Ask(req *http.Request) (principal string, layer, answer any) {
	if p, a, _ := Pinned(req, s); a != nil {
		return p, s, a
	}
	return s.who, s, s
}

func (s *signer) RoundTrip(req *http.Request) (*http.Response, error) {
	who, answer, _ := Pinned(req, s)
	if answer == nil {
		who = s.who
	}
	if s.renewed != "" {
		who = s.renewed
	}
	out := Clone(req)
	if who != "" {
		out.Header.Set("Authorization", who)
		Report(req.Context(), s, who, out.Header, "Authorization", "X-Wsse")
	}
	if s.next != nil {
		return s.next.RoundTrip(out)
	}
	return &http.Response{StatusCode: 200, Body: http.NoBody, Request: out}, nil
}

func TestAskPinSigned(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		why                  string
		asked, login         string // before the look-up, and after it
		renewed              string
		hidden, vouched      bool
		want, signed, header string
		owns                 bool
	}{
		{
			why:   "a login between look-up and signing changes nothing",
			asked: "joe", login: "jane", want: "joe", signed: "joe", header: "joe", owns: true,
		},
		{
			why:   "nor does one where nobody was logged in",
			login: "jane", owns: false,
		},
		{
			why:   "a token had to be renewed: the response is of that one",
			asked: "token1", renewed: "token2", want: "token1", signed: "token2", header: "token2", owns: true,
		},
		{
			why:   "a layer that hides was not asked: what it adds is foreign",
			asked: "joe", hidden: true, header: "joe", owns: false,
		},
		{
			why:   "a layer outside this module has an Identity method and no report",
			asked: "joe", hidden: true, vouched: true, want: "app", signed: "app", header: "joe", owns: false,
		},
	} {
		s := &signer{who: row.asked, renewed: row.renewed}
		var rt http.RoundTripper = s
		if row.hidden {
			rt = hider{s.RoundTrip}
		}
		if row.vouched {
			rt = named{rt}
		}
		ids := IdentifiersOf(rt)
		req, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://example.com/", nil)
		asked := ids.Ask(req)
		if !row.hidden {
			s.who = row.login
		}
		resp, err := rt.RoundTrip(req.WithContext(asked.Pin(req.Context())))
		if err != nil {
			t.Fatal(err)
		}
		signed := asked.Signed()
		header := resp.Request.Header.Get("Authorization")
		if asked.Principal != row.want || signed.Principal != row.signed || header != row.header {
			t.Errorf("asked for %q, signed for %q by %q, want %q, %q, %q: %s",
				asked.Principal, signed.Principal, header, row.want, row.signed, row.header, row.why)
		}
		if got := signed.Owns("Authorization", []string{header}); got != row.owns {
			t.Errorf("owns the field: %v, want %v: %s", got, row.owns, row.why)
		}
		if (signed.Vouched > 0) != row.vouched {
			t.Errorf("vouched for by %d: %s", signed.Vouched, row.why)
		}
		if signed.Owns("Authorization", []string{"another"}) {
			t.Errorf("owns a value that it did not set: %s", row.why)
		}
	}
}

type named struct{ http.RoundTripper }

func (named) Identity(*http.Request) string { return "app" }

// TestSignedByTwo: two layers sign, each with a field of its own; an outer and an
// inner cache have asked.
func TestSignedByTwo(t *testing.T) {
	t.Parallel()
	inner := &signer{who: "b"}
	outer := &signer{who: "a", next: inner}
	ids := IdentifiersOf(outer)
	req, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://example.com/", nil)
	first := ids.Ask(req)
	ctx := first.Pin(req.Context())
	inner.who, outer.who = "x", "y"
	second := IdentifiersOf(inner).Ask(req.WithContext(ctx))
	if second.Principal != "b" {
		t.Errorf("the inner cache was told %q, want b: the outer one has asked already", second.Principal)
	}
	resp, err := outer.RoundTrip(req.WithContext(second.Pin(ctx)))
	if err != nil {
		t.Fatal(err)
	}
	a, b := first.Signed(), second.Signed()
	if a.Principal != "a\x00b" || a.Principal != first.Principal || b.Principal != "b" {
		t.Errorf("signed for %q and %q, want a and b, and b", a.Principal, b.Principal)
	}
	if got := resp.Request.Header["Authorization"]; !a.Owns("Authorization", got) || !b.Owns("Authorization", got) {
		t.Errorf("the field %q belongs to nobody", got)
	}
	again := first
	_ = again.Pin(context.WithoutCancel(ctx))
	if s := again.Signed(); s.Fields != nil || s.Principal != first.Principal {
		t.Errorf("%+v before anything was signed anew", s)
	}
}

// Nothing that prints a context tells the credentials that were sent with it.
func TestTripPrints(t *testing.T) {
	t.Parallel()
	s := &signer{who: "s3cr3t"}
	req, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://example.com/", nil)
	asked := IdentifiersOf(s).Ask(req)
	ctx := asked.Pin(req.Context())
	if _, err := s.RoundTrip(req.WithContext(ctx)); err != nil {
		t.Fatal(err)
	}
	spare := NewSigning(ctx)
	spare.Value[0], spare.Request.Header = "s3cr3t", http.Header{"Authorization": {"s3cr3t"}}
	if other := NewSigning(ctx); other == spare || other.Value[0] != "" {
		t.Error("the room is given twice")
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%d", "%x", "%q"} {
		if text := fmt.Sprintf(verb, ctx); strings.Contains(text, "s3cr3t") || strings.Contains(text, "733363723374") {
			t.Errorf("%s prints %s", verb, text)
		}
	}
}

// TestAskAllocs: a hit asks, and pays nothing for it.
func TestAskAllocs(t *testing.T) {
	ids := IdentifiersOf(&signer{who: "joe"})
	req, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://example.com/", nil)
	if n := testing.AllocsPerRun(100, func() {
		if asked := ids.Ask(req); asked.Principal != "joe" {
			t.Fatal(asked.Principal)
		}
	}); n != 0 {
		t.Errorf("%v allocations, want none", n)
	}
	plain := IdentifiersOf(named{http.DefaultTransport})
	asked := plain.Ask(req)
	if ctx := asked.Pin(req.Context()); ctx != req.Context() {
		t.Error("a context of its own where no layer keeps to its answer")
	}
}

// TestPinnedElsewhere: the answer is about one origin.
func TestPinnedElsewhere(t *testing.T) {
	t.Parallel()
	s := &signer{who: "joe"}
	req, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://example.com/", nil)
	asked := IdentifiersOf(s).Ask(req)
	out := req.WithContext(asked.Pin(req.Context()))
	out.URL, _ = out.URL.Parse("http://example.org/")
	s.who = "jane"
	if _, err := s.RoundTrip(out); err != nil {
		t.Fatal(err)
	}
	if signed := asked.Signed(); asked.Principal != "joe" || signed.Principal != "jane" {
		t.Errorf("asked for %q, signed for %q, want joe and jane", asked.Principal, signed.Principal)
	}
}
