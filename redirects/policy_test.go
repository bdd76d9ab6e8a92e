package redirects

import (
	"errors"
	"net/http"
	"testing"

	"github.com/tripper-go/tripper/internal/rttest"
)

func TestPolicy(t *testing.T) {
	boom := errors.New("boom")
	refuse := func(*http.Request, []*http.Request) error { return boom }
	follow := func(*http.Request, []*http.Request) error { return nil }
	mark := func(req *http.Request, via []*http.Request) error {
		if req.Response == nil || len(via) == 0 || via[len(via)-1].URL.Host != "a.example" {
			t.Errorf("policy sees response %v, via %v", req.Response, via)
		}
		req.Header.Set("X-Policy", "1")
		return nil
	}
	for _, tt := range []followTest{
		{
			name: "same origin", why: "SameOrigin follows within one origin", transport: &Transport{Policy: SameOrigin},
			request: "GET http://a.example/", answers: []string{"302 F\nLocation: /x", "302 F\nLocation: http://b.example/"},
			want: []string{"GET http://a.example/", "GET http://a.example/x"}, status: 302,
		},
		{
			name: "downgrade", why: "NoDowngrade refuses also what carries nothing", transport: &Transport{Policy: NoDowngrade},
			request: "GET http://a.example/", answers: []string{"302 F\nLocation: https://a.example/x", "302 F\nLocation: http://a.example/"},
			want: []string{"GET http://a.example/", "GET https://a.example/x"}, status: 302,
		},
		{
			name: "limit", why: "Limit fails as Max does", transport: &Transport{Policy: Limit(1)},
			request: "GET http://a.example/", answers: []string{"302 F\nLocation: /x", "302 F\nLocation: /y"},
			want: []string{"GET http://a.example/", "GET http://a.example/x"}, err: ErrLimit,
		},
		{
			name: "an error of the policy's", why: "it is the cause", transport: &Transport{Policy: refuse},
			request: "POST http://a.example/\n\nx", answers: []string{"308 F\nLocation: /x"}, want: []string{"POST http://a.example/ x"}, err: boom,
		},
		{
			name: "a change", why: "the request is the policy's to change", transport: &Transport{Policy: mark},
			request: "GET http://a.example/", answers: []string{"302 F\nLocation: http://b.example/", "200 OK"},
			want: []string{"GET http://a.example/", "GET http://b.example/"}, status: 200, check: field("X-Policy", "", "1"),
		},
		{
			name: "and", why: "all must follow", transport: &Transport{Policy: And(follow, nil, SameOrigin, refuse)},
			request: "GET http://a.example/", answers: []string{"302 F\nLocation: http://b.example/"}, want: []string{"GET http://a.example/"}, status: 302,
		},
		{
			name: "and of none", why: "nobody objects", transport: &Transport{Policy: And()},
			request: "GET http://a.example/", answers: []string{"302 F\nLocation: /x", "200 OK"}, want: []string{"GET http://a.example/", "GET http://a.example/x"}, status: 200,
		},
		{
			name: "or", why: "one is enough", transport: &Transport{Policy: Or(refuse, follow)},
			request: "GET http://a.example/", answers: []string{"302 F\nLocation: /x", "200 OK"}, want: []string{"GET http://a.example/", "GET http://a.example/x"}, status: 200,
		},
		{
			name: "or refused", why: "the last one decides", transport: &Transport{Policy: Or(SameOrigin, refuse)},
			request: "GET http://a.example/", answers: []string{"302 F\nLocation: http://b.example/"}, want: []string{"GET http://a.example/"}, err: boom,
		},
		{
			name: "or with nil", why: "nil follows", transport: &Transport{Policy: Or(refuse, nil)},
			request: "GET http://a.example/", answers: []string{"302 F\nLocation: /x", "200 OK"}, want: []string{"GET http://a.example/", "GET http://a.example/x"}, status: 200,
		},
		{
			name: "or of none", why: "nobody follows", transport: &Transport{Policy: Or()},
			request: "GET http://a.example/", answers: []string{"302 F\nLocation: /x"}, want: []string{"GET http://a.example/"}, status: 302,
		},
		{
			name: "nested", why: "policies compose: anywhere once, then at home", transport: &Transport{Policy: And(NoDowngrade, Or(Limit(1), SameOrigin))},
			request: "GET http://a.example/", answers: []string{"302 F\nLocation: http://b.example/", "302 F\nLocation: /x", "302 F\nLocation: http://a.example/"},
			want: []string{"GET http://a.example/", "GET http://b.example/", "GET http://b.example/x"}, status: 302,
		},
	} {
		t.Run(tt.name, tt.run)
	}
	for _, p := range []Policy{SameOrigin, NoDowngrade, Limit(0)} {
		if err := p(rttest.ReadRequest(t, "GET http://a.example/"), nil); err != nil {
			t.Errorf("a first request is no redirect: %v", err)
		}
	}
}

// A body that a policy refuses is closed, and one that cannot be made is an
// error that holds the response.
func TestBodies(t *testing.T) {
	closed := 0
	get := func(req *http.Request) {
		orig := req.GetBody
		req.GetBody = func() (body readCloser, err error) {
			b, err := orig()
			return countClose{b, &closed}, err
		}
	}
	script := rttest.NewScript(t, rttest.Answers("308 P\nLocation: /x")...)
	req := rttest.ReadRequest(t, "PUT http://a.example/\n\ndata")
	get(req)
	resp, err := (&Transport{Policy: Or()}).Wrap(script).RoundTrip(req)
	if err != nil || closed != 1 {
		t.Errorf("error %v, %d bodies closed", err, closed)
	}
	_ = resp.Body.Close()

	boom := errors.New("boom")
	script = rttest.NewScript(t, rttest.Answers("308 P\nLocation: /x\n\nmoved")...)
	req = rttest.ReadRequest(t, "PUT http://a.example/\n\ndata")
	req.GetBody = func() (readCloser, error) { return nil, boom }
	_, err = (&Transport{}).Wrap(script).RoundTrip(req) //nolint:bodyclose // there is none
	var e *Error
	if !errors.As(err, &e) || !errors.Is(err, boom) || e.Response == nil {
		t.Errorf("error %v", err)
	}
}

func TestForwardingString(t *testing.T) {
	for f, want := range map[Forwarding]string{SameOriginOnly: "SameOriginOnly", Nowhere: "Nowhere", Everywhere: "Everywhere", 9: "SameOriginOnly"} {
		if got := f.String(); got != want {
			t.Errorf("%d is %s, want %s", int(f), got, want)
		}
	}
}
