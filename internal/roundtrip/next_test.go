package roundtrip

import (
	"net/http"
	"testing"
)

// base is a layer that sends through what Next says.
type base struct {
	Base  http.RoundTripper
	calls int
}

func (b *base) RoundTrip(req *http.Request) (*http.Response, error) {
	b.calls++
	return Next(b, b.Base).RoundTrip(req)
}

// private is a RoundTripper with a successor that it does not tell.
type private struct{ rt http.RoundTripper }

func (p private) RoundTrip(req *http.Request) (*http.Response, error) { return p.rt.RoundTrip(req) }

type function func(*http.Request) (*http.Response, error)

func (f function) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }

// TestNext holds what a nil Base stands for. It replaces http.DefaultTransport and
// the default of program start for a moment.
func TestNext(t *testing.T) {
	saved := http.DefaultTransport
	defer func() { http.DefaultTransport, start = saved, saved }()
	pass := func(req *http.Request, next http.RoundTripper) (*http.Response, error) { return next.RoundTrip(req) }
	layer, other, ring := &base{}, &base{}, &base{}
	ring.Base = &private{ring}
	for _, row := range []struct {
		why string
		def http.RoundTripper
		// begins is true if the default of program start is what layer sends
		// through, at once.
		begins bool
		calls  int
	}{
		{"http.DefaultTransport = layer", layer, true, 1},
		{"behind Base of another", &base{Base: layer}, true, 1},
		{"bound to it", Bind(pass, Bind(pass, layer)), true, 1},
		{"behind a field that is not exported, of a pointer", &private{layer}, true, 1},
		{"and of values", private{private{layer}}, true, 1},
		{"another layer of the kind is asked", other, false, 1},
		{"a ring of others has an end, and is theirs", &private{&base{Base: function(func(*http.Request) (*http.Response, error) { return &http.Response{}, nil })}}, false, 1},
		{"hidden in a function: twice, but not for ever", function(func(req *http.Request) (*http.Response, error) { return layer.RoundTrip(req) }), false, 2},
		{"none: the default of program start is taken for what stands there", nil, false, 1},
	} {
		started := 0
		start = function(func(req *http.Request) (*http.Response, error) {
			started++
			return &http.Response{Request: req}, nil
		})
		http.DefaultTransport = row.def
		layer.calls = 0
		next := Next(layer, nil)
		_, function := next.(function)
		if function != row.begins {
			t.Errorf("%s: sends through %T", row.why, next)
		}
		req, _ := http.NewRequest(http.MethodGet, "http://example.com/", nil)
		resp, err := layer.RoundTrip(req)
		if err != nil || layer.calls != row.calls || started > 1 {
			t.Errorf("%s: %v; called %d times, want %d; began %d times", row.why, err, layer.calls, row.calls, started)
		}
		if resp.Request != nil && resp.Request != req {
			t.Errorf("%s: the response belongs to another request", row.why)
		}
		CloseIdle(next)
	}
	http.DefaultTransport = ring
	if _, ok := Next(layer, nil).(*guard); !ok {
		t.Error("the walk through a ring found something")
	}
	plain := &http.Transport{}
	http.DefaultTransport = plain
	if Next(layer, nil) != plain || Next(layer, other) != other {
		t.Error("what stands in http.DefaultTransport, or in Base, is not used as it is")
	}
}

func TestLate(t *testing.T) {
	saved := http.DefaultTransport
	defer func() { http.DefaultTransport = saved }()
	layer := &base{}
	late := Late(layer, nil)
	ids := IdentifiersOf(late)
	req, _ := http.NewRequest(http.MethodGet, "http://example.com/", nil)
	for _, row := range []struct {
		why  string
		def  http.RoundTripper
		want string
	}{
		{"a plain one", saved, ""},
		{"one with credentials, set later", &id{rt{name: "joe"}}, "joe"},
		{"behind another", &rt{Base: &id{rt{name: "ann"}}}, "ann"},
		{"the layer itself", layer, ""},
	} {
		http.DefaultTransport = row.def
		if got := ids.Ask(req).Principal; got != row.want {
			t.Errorf("%s: %q, want %q", row.why, got, row.want)
		}
	}
	http.DefaultTransport = &rt{name: "now"}
	if _, err := late.RoundTrip(req); err == nil || err.Error() != "now" {
		t.Errorf("sent through %v", err)
	}
	CloseIdle(late)
	if n := http.DefaultTransport.(*rt).idle; n != 1 {
		t.Errorf("idle close arrived %d times, want 1", n)
	}
	if Late(layer, saved) != saved {
		t.Error("Base is not used as it is")
	}
}

// TestLateSigner: a layer that keeps to its answers does so from
// http.DefaultTransport too.
func TestLateSigner(t *testing.T) {
	saved := http.DefaultTransport
	defer func() { http.DefaultTransport = saved }()
	s := &signer{who: "joe"}
	http.DefaultTransport = s
	next := Late(&base{}, nil)
	req, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://example.com/", nil)
	asked := IdentifiersOf(next).Ask(req)
	s.who = "jane"
	resp, err := next.RoundTrip(req.WithContext(asked.Pin(req.Context())))
	if err != nil {
		t.Fatal(err)
	}
	if got := resp.Request.Header.Get("Authorization"); asked.Principal != "joe" || got != "joe" {
		t.Errorf("asked for %q, signed for %q, want joe", asked.Principal, got)
	}
}
