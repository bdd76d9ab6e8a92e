package auth_test

import (
	"errors"
	"io"
	"maps"
	"net/http"
	"strings"
	"testing"

	"github.com/tripper-go/tripper/auth"
	"github.com/tripper-go/tripper/internal/rttest"
	"github.com/tripper-go/tripper/internal/tracetest"
	"github.com/tripper-go/tripper/trace"
)

func TestContract(t *testing.T) {
	rttest.Contract(t, func() rttest.Layer { return &auth.Transport{} })
}

func TestContractWithCredentials(t *testing.T) {
	rttest.Contract(t, func() rttest.Layer { return &auth.Transport{Credentials: keys("joe", "password"), MaxReplay: 1 << 20} })
}

func TestContractPreemptive(t *testing.T) {
	// For another origin: then the requests stay as they were.
	rttest.Contract(t, func() rttest.Layer {
		return &auth.Transport{Credentials: keys("joe", "password", "elsewhere.example"), Preemptive: true}
	})
}

func keys(username, password string, domains ...string) *auth.Keyring {
	k := new(auth.Keyring)
	k.Add(username, password, domains...)
	return k
}

// Challenges and answers.
const (
	basic   = `HTTP/1.1 401 Unauthorized` + "\n" + `WWW-Authenticate: Basic realm="r"` + "\n\nno"
	digest  = `HTTP/1.1 401 Unauthorized` + "\n" + `WWW-Authenticate: Digest realm="r", nonce="n1", qop="auth", algorithm=SHA-256` + "\n\nno"
	ok      = "HTTP/1.1 200 OK\n\nyes"
	joeBase = "Basic am9lOnBhc3N3b3Jk"
)

// challenge returns a 401 with these lines of WWW-Authenticate.
func challenge(lines ...string) rttest.Step {
	wire := "HTTP/1.1 401 Unauthorized\n"
	for _, l := range lines {
		wire += "WWW-Authenticate: " + l + "\n"
	}
	return rttest.Respond(wire + "\nno")
}

var yes = rttest.Respond(ok)

// An exchangeTest sends requests through a Transport over a script.
type exchangeTest struct {
	name, why string
	t         auth.Transport
	// url of the requests, one for each: http://example.com/a/b if nil.
	urls    []string
	header  http.Header
	prepare func(*http.Request) // if set, what else is done to each
	steps   []rttest.Step
	// want has the scheme that each request on the wire is signed with, "-" if it
	// is not; for Digest with its algorithm, nonce and count.
	want   string
	status int // of the last response; 200 if zero
	err    error
}

func (x *exchangeTest) run(t *testing.T) {
	t.Helper()
	if x.why == "" {
		t.Fatal("row without a why")
	}
	script := rttest.NewScript(t, x.steps...)
	x.t.Base = script
	urls := x.urls
	if urls == nil {
		urls = []string{"http://example.com/a/b"}
	}
	status := 0
	var err error
	var events []string
	var told auth.Stats
	for _, u := range urls {
		ctx := trace.WithHook(tracetest.Context(t, ".."), func(e trace.Event) {
			events = append(events, e.String())
			note(&told, e)
		})
		req, e := http.NewRequestWithContext(ctx, "GET", u, nil)
		if e != nil {
			t.Fatal(e)
		}
		maps.Copy(req.Header, x.header)
		if x.prepare != nil {
			x.prepare(req)
		}
		var resp *http.Response
		if resp, err = x.t.RoundTrip(req); err != nil {
			break
		}
		status = resp.StatusCode
		body, e := io.ReadAll(resp.Body)
		if e != nil || len(body) == 0 {
			t.Errorf("body of %d: %q, %v; want it unread", status, body, e)
		}
		_ = resp.Body.Close()
	}
	if x.status == 0 {
		x.status = 200
	}
	if x.err != nil {
		var u *auth.UnsupportedError
		if !errors.Is(err, x.err) && !(x.err == errUnsupported && errors.As(err, &u)) {
			t.Errorf("error %v, want %v: %s", err, x.err, x.why)
		}
	} else if err != nil || status != x.status {
		t.Errorf("status %d, %v; want %d: %s", status, err, x.status, x.why)
	}
	if got := wire(script.Requests()); got != x.want {
		t.Errorf("sent %q\nwant %q: %s\n%s", got, x.want, x.why, strings.Join(events, "\n"))
	}
	if got := x.t.Stats(); got != told {
		t.Errorf("counted %+v\ntold    %+v\n%s", got, told, strings.Join(events, "\n"))
	}
}

// note counts an event as Stats does.
func note(s *auth.Stats, e trace.Event) {
	count := map[string]*int64{
		"sign": &s.Signed, "unsigned": &s.Unsigned, "refused": &s.Refused, "give up": &s.GivenUp, "distrust": &s.Distrusted,
	}[e.Action]
	if count != nil && e.Layer == "auth" {
		*count++
	}
	if e.Action == "sign" && e.Reason == "challenge" {
		s.Answered++
	}
}

// wire says how requests were signed.
func wire(requests []rttest.Recorded) string {
	var all []string
	for _, r := range requests {
		all = append(all, signature(r.Header))
	}
	return strings.Join(all, " ")
}

func signature(h http.Header) string {
	v := h.Get("Authorization")
	if v == "" {
		if h.Get("X-WSSE") != "" {
			return "x-wsse"
		}
		return "-"
	}
	scheme, rest, _ := strings.Cut(v, " ")
	scheme = strings.ToLower(scheme)
	if scheme == "basic" || scheme == "bearer" {
		return scheme + ":" + rest
	}
	if scheme != "digest" {
		return scheme
	}
	p := params(v)
	s := scheme + ":" + p["nonce"]
	if p["algorithm"] != "" {
		s += ":" + p["algorithm"]
	}
	if p["nc"] != "" {
		s += ":" + strings.TrimLeft(p["nc"], "0")
	}
	return s
}

func params(v string) map[string]string {
	m := map[string]string{}
	for _, name := range []string{
		"username", "username*", "realm", "nonce", "uri", "algorithm", "response", "qop", "nc", "cnonce", "opaque", "userhash",
	} {
		cs := auth.ParseChallenges([]string{v})
		if len(cs) == 1 {
			if value, ok := cs[0].Param(name); ok {
				m[name] = value
			}
		}
	}
	return m
}

// errUnsupported stands for any UnsupportedError.
var errUnsupported = errors.New("an UnsupportedError")
