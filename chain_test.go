package tripper

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/tripper-go/tripper/auth"
	"github.com/tripper-go/tripper/auth/httpsig"
	"github.com/tripper-go/tripper/caching"
	"github.com/tripper-go/tripper/compress"
	"github.com/tripper-go/tripper/decompress"
	"github.com/tripper-go/tripper/internal/rttest"
	"github.com/tripper-go/tripper/lostupdate"
	"github.com/tripper-go/tripper/redirects"
	"github.com/tripper-go/tripper/retry"
	"github.com/tripper-go/tripper/trace"
	"github.com/tripper-go/tripper/transport"
)

// recommended is the order of the package documentation.
func recommended() Chain {
	return Chain{
		ErrorResponses{},
		&trace.Log{}, &decompress.Transport{}, &redirects.Transport{}, &lostupdate.Transport{},
		&caching.Transport{}, &compress.Transport{}, &retry.Transport{}, &auth.Transport{}, &httpsig.Transport{},
	}
}

// named is a layer that writes its name into the way of a request.
type named string

func (n named) Wrap(next http.RoundTripper) http.RoundTripper {
	return rttest.Func(func(req *http.Request) (*http.Response, error) {
		req = req.Clone(req.Context())
		req.Header.Add("Way", string(n))
		return next.RoundTrip(req)
	})
}

func TestChainWrap(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		why   string
		chain Chain
		want  string
	}{
		{"an empty chain is its base", Chain{}, ""},
		{"a nil chain is its base", nil, ""},
		{"the first listed is the outermost", Chain{named("a"), named("b"), named("c")}, "a b c"},
		{"nil layers are skipped", Chain{nil, named("a"), nil}, "a"},
		{"a chain is a layer", Chain{named("a"), Chain{named("b"), named("c")}, named("d")}, "a b c d"},
		{"a function is a layer", Chain{named("a"), LayerFunc(named("f").Wrap)}, "a f"},
	} {
		script := rttest.NewScript(t, rttest.Respond("HTTP/1.1 204 No Content\n\n"))
		req, _ := http.NewRequest("GET", "http://example.com/", nil)
		if _, err := row.chain.Wrap(script).RoundTrip(req); err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(script.Requests()[0].Header["Way"], " "); got != row.want {
			t.Errorf("the request went %q, want %q (%s)", got, row.want, row.why)
		}
	}
}

func TestChainNilBase(t *testing.T) {
	var got http.RoundTripper
	spy := LayerFunc(func(next http.RoundTripper) http.RoundTripper {
		got = next
		return next
	})
	for name, wrap := range map[string]func(){
		"Wrap":      func() { Chain{spy}.Wrap(nil) },
		"Client":    func() { Chain{spy}.Client(nil) },
		"LayerFunc": func() { spy.Wrap(nil) },
	} {
		if got = nil; got != nil {
			t.Fatal()
		}
		wrap()
		if u, ok := got.(Unwrapper); ok { // Client has a trace.Wire there
			got = u.Unwrap()
		}
		if got != http.DefaultTransport {
			t.Errorf("%s(nil) sends through %v, want http.DefaultTransport", name, got)
		}
	}
}

func TestClientLeavesRedirectsToTheLayer(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		why   string
		chain Chain
		want  int
	}{
		{"without a redirects layer the client follows as ever", Chain{}, 200},
		{"a layer that follows is the only one to follow", Chain{&redirects.Transport{}}, 200},
		{"a layer told not to follow is obeyed by the client too", Chain{&redirects.Transport{Max: -1}}, 302},
		{"it is found in a chain within the chain", Chain{Chain{&redirects.Transport{Max: -1}}}, 302},
	} {
		steps := []rttest.Step{rttest.Respond("HTTP/1.1 302 Found\nLocation: /b\n\nmoved")}
		if row.want == 200 {
			steps = append(steps, rttest.Respond("HTTP/1.1 200 OK\n\nthere"))
		}
		script := rttest.NewScript(t, steps...)
		client := row.chain.Client(script)
		if got, want := client.CheckRedirect != nil, len(row.chain) > 0; got != want {
			t.Errorf("CheckRedirect is set: %v, want %v (%s)", got, want, row.why)
		}
		resp, err := client.Get("http://example.com/a")
		if err != nil {
			t.Fatalf("%v (%s)", err, row.why)
		}
		_, _ = io.Copy(io.Discard, resp.Body)
		_ = resp.Body.Close()
		if resp.StatusCode != row.want {
			t.Errorf("got %d, want %d (%s)", resp.StatusCode, row.want, row.why)
		}
	}
}

func TestChainString(t *testing.T) {
	t.Parallel()
	chain := append(recommended(), named("x"), LayerFunc(named("f").Wrap))
	want := "ErrorResponses > trace.Log > decompress > redirects > lostupdate > caching > compress > retry > auth > httpsig > tripper.named > tripper.LayerFunc"
	if got := chain.String(); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if got := (Chain{}).String(); got != "" {
		t.Errorf("an empty chain is called %q", got)
	}
}

// TestChainOrder has one row per pair of layers that must not change places.
func TestChainOrder(t *testing.T) {
	t.Parallel()
	layers := make(map[string]Layer)
	for _, l := range append(recommended(), &trace.Hook{}, &trace.Wire{}) {
		layers[kindOf(l)] = l
	}
	rows := []struct{ above, below, why string }{
		{"ErrorResponses", "trace.Hook", "errors of every layer"},
		{"ErrorResponses", "trace.Log", "errors of every layer"},
		{"ErrorResponses", "decompress", "errors of every layer"},
		{"ErrorResponses", "redirects", "errors of every layer"},
		{"ErrorResponses", "lostupdate", "errors of every layer"},
		{"ErrorResponses", "caching", "errors of every layer"},
		{"ErrorResponses", "compress", "errors of every layer"},
		{"ErrorResponses", "retry", "errors of every layer"},
		{"ErrorResponses", "auth", "errors of every layer"},
		{"trace.Hook", "decompress", "hears only"},
		{"trace.Hook", "redirects", "hears only"},
		{"trace.Hook", "lostupdate", "hears only"},
		{"trace.Hook", "caching", "hears only"},
		{"trace.Hook", "compress", "hears only"},
		{"trace.Hook", "retry", "hears only"},
		{"trace.Hook", "auth", "hears only"},
		{"trace.Log", "decompress", "hears only"},
		{"trace.Log", "redirects", "hears only"},
		{"trace.Log", "lostupdate", "hears only"},
		{"trace.Log", "caching", "hears only"},
		{"trace.Log", "compress", "hears only"},
		{"trace.Log", "retry", "hears only"},
		{"trace.Log", "auth", "hears only"},
		{"ErrorResponses", "trace.Wire", "errors of every layer"},
		{"trace.Hook", "trace.Wire", "hears only"},
		{"trace.Log", "trace.Wire", "hears only"},
		{"decompress", "trace.Wire", "over the wire"},
		{"redirects", "trace.Wire", "over the wire"},
		{"lostupdate", "trace.Wire", "over the wire"},
		{"caching", "trace.Wire", "over the wire"},
		{"compress", "trace.Wire", "over the wire"},
		{"retry", "trace.Wire", "over the wire"},
		{"auth", "trace.Wire", "over the wire"},
		{"decompress", "redirects", "last body"},
		{"decompress", "lostupdate", "coding of the wire"},
		{"decompress", "caching", "bytes of the wire"},
		{"decompress", "compress", "refusal"},
		{"decompress", "retry", "bytes of the wire"},
		{"decompress", "auth", "bytes of the wire"},
		{"redirects", "lostupdate", "its own URL"},
		{"redirects", "caching", "its own key"},
		{"redirects", "compress", "for itself"},
		{"redirects", "retry", "its own tries"},
		{"redirects", "auth", "its own origin's credentials"},
		{"lostupdate", "caching", "the caller saw"},
		{"lostupdate", "compress", "one write"},
		{"lostupdate", "retry", "ambiguous"},
		{"lostupdate", "auth", "signed"},
		{"caching", "compress", "QUERY"},
		{"caching", "retry", "hits need no tries"},
		{"caching", "auth", "needs no credentials"},
		{"compress", "retry", "the smaller one"},
		{"compress", "auth", "bytes that are sent"},
		{"retry", "auth", "signed afresh"},
		{"ErrorResponses", "httpsig", "errors of every layer"},
		{"trace.Hook", "httpsig", "hears only"},
		{"trace.Log", "httpsig", "hears only"},
		{"decompress", "httpsig", "bytes of the wire"},
		{"redirects", "httpsig", "its own URL"},
		{"lostupdate", "httpsig", "before the request is signed"},
		{"caching", "httpsig", "needs no signature"},
		{"compress", "httpsig", "bytes that are sent"},
		{"retry", "httpsig", "signed afresh"},
		{"auth", "httpsig", "cover the credentials"},
		{"httpsig", "trace.Wire", "over the wire"},
	}
	if len(rows) != len(order) {
		t.Errorf("the table has %d rows for %d pairs", len(rows), len(order))
	}
	for _, row := range rows {
		above, below := layers[row.above], layers[row.below]
		if above == nil || below == nil {
			t.Fatalf("no layer for %s and %s", row.above, row.below)
		}
		if err := (Chain{above, below}).Check(); err != nil {
			t.Errorf("%s > %s: %v", row.above, row.below, err)
		}
		err := Chain{below, named("between"), above}.Check()
		if err == nil || !strings.Contains(err.Error(), row.why) ||
			!strings.Contains(err.Error(), row.below+" stands above "+row.above) {
			t.Errorf("%s > %s: got %v, want an error that says %q", row.below, row.above, err, row.why)
		}
	}
}

func TestChainCheck(t *testing.T) {
	t.Parallel()
	if err := recommended().Check(); err != nil {
		t.Errorf("the recommended order: %v", err)
	}
	if err := (Chain{named("x"), named("x")}).Check(); err != nil {
		t.Errorf("strangers may stand anywhere and twice: %v", err)
	}
	for _, l := range recommended() {
		err := Chain{l, Chain{l}}.Check()
		if err == nil || !strings.Contains(err.Error(), "twice: ") || twice[kindOf(l)] == "" {
			t.Errorf("%s twice: got %v", kindOf(l), err)
		}
	}
	reversed := recommended()
	slices.Reverse(reversed)
	err := reversed.Check()
	if err == nil {
		t.Fatal("the reversed order passes")
	}
	// Every pair of the ten is named.
	if got, want := strings.Count(err.Error(), "stands above"), 10*9/2; got != want {
		t.Errorf("the reversed order has %d complaints, want %d:\n%v", got, want, err)
	}
}

// TestREADME: README.md is short, and names every layer. That its code is compiled
// is tested in docs.
func TestREADME(t *testing.T) {
	t.Parallel()
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(readme), "\n"); n > 150 {
		t.Errorf("README.md has %d lines, more than 150", n)
	}
	for _, l := range recommended()[2:] {
		if !strings.Contains(string(readme), fmt.Sprintf("[`%s`]", kindOf(l))) {
			t.Errorf("README.md does not name %s", kindOf(l))
		}
	}
}

// BenchmarkChain is the cost of all layers that have nothing to do.
func BenchmarkChain(b *testing.B) {
	base := rttest.Func(func(req *http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: 200, Header: http.Header{"Cache-Control": {"no-store"}}, Body: http.NoBody, Request: req}, nil
	})
	for name, rt := range map[string]http.RoundTripper{
		"bare": base,
		"all": Chain{
			&decompress.Transport{}, &redirects.Transport{}, &lostupdate.Transport{}, &caching.Transport{}, &compress.Transport{}, &retry.Transport{}, &auth.Transport{},
		}.Wrap(base),
	} {
		b.Run(name, func(b *testing.B) {
			req, _ := http.NewRequest("GET", "http://example.com/", nil)
			b.ReportAllocs()
			for b.Loop() {
				resp, err := rt.RoundTrip(req)
				if err != nil {
					b.Fatal(err)
				}
				_ = resp.Body.Close()
			}
		})
	}
}

var _ = transport.Direct

// TestChainAsDefault puts chains of all layers into http.DefaultTransport, whose
// nil successor is what stood there before.
func TestChainAsDefault(t *testing.T) {
	saved := http.DefaultTransport
	defer func() { http.DefaultTransport = saved }()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "ok") }))
	defer srv.Close()
	for _, row := range []struct {
		why string
		put func(Chain) http.RoundTripper
	}{
		{"around nil", func(c Chain) http.RoundTripper { return c.Wrap(nil) }},
		{"around a layer with a nil Base", func(c Chain) http.RoundTripper { return c.Wrap(&retry.Transport{}) }},
		{"around a layer of somebody else's around one", func(c Chain) http.RoundTripper {
			return append(c, LayerFunc(func(next http.RoundTripper) http.RoundTripper {
				return rttest.Func(func(req *http.Request) (*http.Response, error) { return next.RoundTrip(req) })
			})).Wrap(&retry.Transport{})
		}},
	} {
		cache := &caching.Transport{}
		http.DefaultTransport = row.put(Chain{
			ErrorResponses{},
			&decompress.Transport{}, &redirects.Transport{}, &lostupdate.Transport{}, cache,
			&compress.Transport{}, &retry.Transport{}, &auth.Transport{},
		})
		resp, err := http.Get(srv.URL)
		if err != nil {
			t.Fatalf("%s: %v", row.why, err)
		}
		if body, err := io.ReadAll(resp.Body); err != nil || string(body) != "ok" {
			t.Errorf("%s: %q, %v", row.why, body, err)
		}
		_ = resp.Body.Close()
		_ = cache.Close()
		http.DefaultTransport = saved
	}
}
