package decompress

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/tripper-go/tripper/internal/compare"
	"github.com/tripper-go/tripper/internal/rttest"
	"github.com/tripper-go/tripper/internal/tracetest"
	"github.com/tripper-go/tripper/trace"
)

func TestContract(t *testing.T) {
	for name, layer := range map[string]func() rttest.Layer{
		"zero":         func() rttest.Layer { return &Transport{} },
		"always":       func() rttest.Layer { return &Transport{Always: true, Strict: true} },
		"dictionaries": func() rttest.Layer { return &Transport{Dictionaries: &Dictionaries{}} },
	} {
		t.Run(name, func(t *testing.T) { rttest.Contract(t, layer) })
	}
}

func TestCodings(t *testing.T) {
	for _, c := range wireCodings {
		for _, size := range []int{0, 1, 100, 4096, 70_000, 300_000} {
			for kind, data := range map[string][]byte{"text": text(size), "noise": noise(size)} {
				wire := encode(t, c.name, data)
				for how, rd := range map[string]func(io.Reader) io.Reader{
					"whole": func(r io.Reader) io.Reader { return r }, "one byte": iotest.OneByteReader,
					"half": iotest.HalfReader, "data with EOF": iotest.DataErrReader,
				} {
					if how == "one byte" && size > 4096 {
						continue
					}
					name := fmt.Sprintf("%s %s %d %s", c.name, kind, size, how)
					got, err := fetch(t, (&Transport{}).Wrap(serve(rd(bytes.NewReader(wire)), c.label)))
					if err != nil || !bytes.Equal(got, data) {
						t.Errorf("%s: %d bytes, %v", name, len(got), err)
					}
					got, err = fetchTo(t, (&Transport{}).Wrap(serve(rd(bytes.NewReader(wire)), c.label)))
					if err != nil || !bytes.Equal(got, data) {
						t.Errorf("%s, WriteTo: %d bytes, %v", name, len(got), err)
					}
				}
			}
		}
	}
}

func TestMixedReadAndWriteTo(t *testing.T) {
	data := text(300_000)
	for _, c := range wireCodings {
		resp := get(t, (&Transport{}).Wrap(serve(bytes.NewReader(encode(t, c.name, data)), c.label)))
		head := make([]byte, 1000)
		if _, err := io.ReadFull(resp.Body, head); err != nil {
			t.Fatal(err)
		}
		var rest bytes.Buffer
		if _, err := io.Copy(&rest, resp.Body); err != nil || !bytes.Equal(append(head, rest.Bytes()...), data) {
			t.Errorf("%s: %d bytes after the first 1000, %v", c.name, rest.Len(), err)
		}
		if n, err := resp.Body.Read(head); n != 0 || err != io.EOF {
			t.Errorf("%s: reading after the end: %d, %v", c.name, n, err)
		}
		_ = resp.Body.Close()
		if n, err := resp.Body.Read(head); n != 0 || err != http.ErrBodyReadAfterClose {
			t.Errorf("%s: reading after Close: %d, %v", c.name, n, err)
		}
	}
}

func TestStacked(t *testing.T) {
	data := text(50_000)
	names := []string{"gzip", "br", "zstd", "deflate"}
	for _, tt := range []struct {
		why   string
		lines []string
	}{
		{"two in one line, undone from the right", []string{"gzip, br"}},
		{"two lines are one list", []string{"zstd", "gzip"}},
		{"five are allowed", []string{"gzip, br", "zstd", "deflate,gzip"}},
		{"identity is nothing", []string{"identity, gzip", "identity"}},
		{"empty elements are nothing", []string{",gzip,,", "", "br,"}},
		{"names in any case", []string{"GZip, BR, X-GZIP"}},
	} {
		wire := data
		for _, l := range tt.lines {
			for c := range strings.SplitSeq(strings.ToLower(l), ",") {
				if c = strings.TrimSpace(c); c != "" && c != "identity" {
					wire = encode(t, c, wire)
				}
			}
		}
		for _, f := range []func(testing.TB, http.RoundTripper) ([]byte, error){fetch, fetchTo} {
			got, err := f(t, (&Transport{}).Wrap(serve(bytes.NewReader(wire), tt.lines...)))
			if err != nil || !bytes.Equal(got, data) {
				t.Errorf("%s: %d bytes, %v", tt.why, len(got), err)
			}
		}
	}
	for _, a := range names {
		for _, b := range names {
			got, err := fetch(t, (&Transport{}).Wrap(serve(bytes.NewReader(encode(t, b, encode(t, a, data))), a+", "+b)))
			if err != nil || !bytes.Equal(got, data) {
				t.Errorf("%s, %s: %d bytes, %v", a, b, len(got), err)
			}
		}
	}
}

func TestTooManyCodings(t *testing.T) {
	base := rttest.NewScript(t, rttest.Respond("HTTP/1.1 200 OK\nContent-Encoding: gzip, gzip, gzip\nContent-Encoding: br, gzip, gzip\n\nbody"))
	req, _ := http.NewRequestWithContext(t.Context(), "GET", "http://example.com/", nil)
	_, err := (&Transport{}).Wrap(base).RoundTrip(req)
	var e *Error
	if !errors.Is(err, ErrTooManyCodings) || !errors.As(err, &e) {
		t.Fatalf("error %v, want ErrTooManyCodings", err)
	}
	kept, _ := io.ReadAll(e.HTTPResponse().Body)
	if string(kept) != "body" || e.HTTPResponse().Header.Get("Content-Encoding") == "" {
		t.Errorf("the response kept is %q, %v", kept, e.HTTPResponse().Header)
	}
}

func TestResponseFields(t *testing.T) {
	base := rttest.NewScript(t, rttest.Func(func(req *http.Request) (*http.Response, error) {
		wire := encode(t, "gzip", text(5000))
		return rttest.Respond(fmt.Sprintf("HTTP/1.1 404 Not Found\nContent-Encoding: gzip\nContent-Length: %d\nETag: \"e\"\nVary: Accept-Encoding\n\n%s",
			len(wire), wire))(req)
	}))
	var events []string
	ctx := trace.WithHook(tracetest.Context(t, ".."), func(e trace.Event) { events = append(events, e.Action) })
	req, _ := http.NewRequestWithContext(ctx, "GET", "http://example.com/", nil)
	resp, err := (&Transport{}).Wrap(base).RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	want := http.Header{"Etag": {`"e"`}, "Vary": {"Accept-Encoding"}}
	if diff := compare.Diff(want, resp.Header); diff != "" {
		t.Errorf("header mismatch (-want +got):\n%s", diff)
	}
	if resp.ContentLength != -1 || !resp.Uncompressed {
		t.Errorf("ContentLength %d, Uncompressed %v", resp.ContentLength, resp.Uncompressed)
	}
	body, err := io.ReadAll(resp.Body)
	if err != nil || len(body) != 5000 {
		t.Errorf("an error response is decoded like any other: %d, %v", len(body), err)
	}
	_ = resp.Body.Close()
	o := Original(resp)
	if o == nil || o.ContentEncoding != "gzip" || o.ContentLength <= 0 {
		t.Fatalf("Original: %+v", o)
	}
	if wire, decoded := o.Sizes(); wire != o.ContentLength || decoded != 5000 {
		t.Errorf("Sizes: %d, %d; want %d, 5000", wire, decoded, o.ContentLength)
	}
	if !slices.Equal(events, []string{"decode", "decoded"}) {
		t.Errorf("events %q", events)
	}
	if got := base.Requests()[0].Header; got.Get("Accept-Encoding") != "zstd, br, gzip, deflate" || len(got) != 1 {
		t.Errorf("header sent: %v", got)
	}
}

func TestLeftAlone(t *testing.T) {
	gz := string(encode(t, "gzip", []byte("hello")))
	for _, tt := range []struct {
		name, why, method, wire string
		header                  http.Header
		layer                   *Transport
		uncompressed            bool
	}{
		{name: "HEAD", why: "RFC 9110 §9.3.2: no content, but its fields", method: "HEAD", wire: "200 OK\nContent-Encoding: gzip\nContent-Length: 25\n\n"},
		{name: "204", why: "no content", wire: "204 No Content\nContent-Encoding: gzip\n\n"},
		{name: "205", why: "no content", wire: "205 Reset Content\nContent-Encoding: gzip\nContent-Length: 0\n\n"},
		{name: "304", why: "no content", wire: "304 Not Modified\nContent-Encoding: gzip\n\n"},
		{name: "206", why: "a part of the encoded bytes", wire: "206 Partial Content\nContent-Encoding: gzip\nContent-Range: bytes 0-9/25\n\n0123456789"},
		{name: "206 always", why: "not even then", wire: "206 Partial Content\nContent-Encoding: gzip\nContent-Range: bytes 0-9/25\n\n0123456789", layer: &Transport{Always: true}},
		{name: "empty", why: "httplib2 crashes on it", wire: "200 OK\nContent-Encoding: gzip\nContent-Length: 0\n\n"},
		{name: "unknown", why: "passed through whole", wire: "200 OK\nContent-Encoding: gzip, compress\n\n" + gz},
		{name: "unknown outer", why: "all or nothing", wire: "200 OK\nContent-Encoding: exi, gzip\n\n" + gz},
		{name: "not offered", why: "what was not offered is not decoded", wire: "200 OK\nContent-Encoding: br\n\n" + gz, layer: &Transport{Codings: []string{"gzip"}}},
		{name: "refused", why: "a weight of zero refuses", wire: "200 OK\nContent-Encoding: gzip\n\n" + gz, layer: &Transport{Codings: []string{"br", "gzip;q=0.0"}}},
		{name: "own", why: "the caller's own Accept-Encoding", wire: "200 OK\nContent-Encoding: gzip\n\n" + gz, header: http.Header{"Accept-Encoding": {"gzip"}}},
		{name: "own empty", why: "an empty one is one", wire: "200 OK\nContent-Encoding: gzip\n\n" + gz, header: http.Header{"Accept-Encoding": {""}}},
		{name: "range", why: "nothing is offered with Range", wire: "200 OK\nContent-Encoding: gzip\n\n" + gz, header: http.Header{"Range": {"bytes=0-"}}},
		{name: "below", why: "net/http has decoded it", wire: "200 OK\nContent-Encoding: gzip\n\nplain", uncompressed: true},
		{name: "plain", why: "no coding", wire: "200 OK\n\nplain"},
		{name: "identity", why: "nothing to undo", wire: "200 OK\nContent-Encoding: identity, Identity\n\nplain"},
		{name: "odd", why: "no coding in it", wire: "200 OK\nContent-Encoding: \"gzip\n\n" + gz},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var sent http.Header
			base := rttest.NewScript(t, rttest.Func(func(req *http.Request) (*http.Response, error) {
				sent = req.Header.Clone()
				resp, err := rttest.Respond("HTTP/1.1 " + tt.wire)(req)
				if err == nil {
					resp.Uncompressed = tt.uncompressed
				}
				return resp, err
			}))
			layer := tt.layer
			if layer == nil {
				layer = &Transport{}
			}
			req, _ := http.NewRequestWithContext(t.Context(), tt.method, "http://example.com/", nil)
			maps.Copy(req.Header, tt.header)
			resp, err := layer.Wrap(base).RoundTrip(req)
			if err != nil {
				t.Fatalf("%v (%s)", err, tt.why)
			}
			head, want, _ := strings.Cut(tt.wire, "\n\n")
			got, err := io.ReadAll(resp.Body)
			_ = resp.Body.Close()
			if err != nil || string(got) != want {
				t.Errorf("body %q, %v (%s)", got, err, tt.why)
			}
			if has := strings.Contains(head, "Content-Encoding"); has != (len(resp.Header["Content-Encoding"]) > 0) {
				t.Errorf("header %v (%s)", resp.Header, tt.why)
			}
			if cl := strings.Contains(head, "Content-Length"); cl && resp.Header.Get("Content-Length") == "" {
				t.Errorf("Content-Length is gone (%s)", tt.why)
			}
			if Original(resp) != nil {
				t.Errorf("Original says it was decoded (%s)", tt.why)
			}
			if len(tt.header) > 0 {
				if diff := compare.Diff(tt.header, sent); diff != "" {
					t.Errorf("sent (-want +got):\n%s", diff)
				}
			}
		})
	}
}

func TestAlways(t *testing.T) {
	data := text(1000)
	for _, h := range []http.Header{{"Accept-Encoding": {"gzip"}}, {"Range": {"bytes=0-"}}} {
		req, _ := http.NewRequestWithContext(t.Context(), "GET", "http://example.com/", nil)
		req.Header = h
		resp, err := (&Transport{Always: true}).Wrap(serve(bytes.NewReader(encode(t, "gzip", data)), "gzip")).RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := io.ReadAll(resp.Body); err != nil || !bytes.Equal(got, data) {
			t.Errorf("%v: %d bytes, %v", h, len(got), err)
		}
		_ = resp.Body.Close()
	}
}

func TestOffer(t *testing.T) {
	for _, tt := range []struct {
		why     string
		codings []string
		want    []string
	}{
		{"the default", nil, []string{"zstd, br, gzip, deflate"}},
		{"in the caller's order", []string{"gzip", "br"}, []string{"gzip, br"}},
		{"with weights", []string{"br;q=0.9", " gzip ; q=0.5 "}, []string{"br;q=0.9, gzip ; q=0.5"}},
		{"identity can be forbidden", []string{"gzip", "identity;q=0"}, []string{"gzip, identity;q=0"}},
		{"nothing", []string{}, nil},
		{"nothing either", []string{"", " "}, nil},
	} {
		var got []string
		_, err := fetch(t, (&Transport{Codings: tt.codings}).Wrap(rttest.Func(func(req *http.Request) (*http.Response, error) {
			got = req.Header["Accept-Encoding"]
			return serve(strings.NewReader("x"), "identity")(req)
		})))
		if err != nil || !slices.Equal(got, tt.want) {
			t.Errorf("%s: %q, %v; want %q", tt.why, got, err, tt.want)
		}
	}
}

func TestDecoders(t *testing.T) {
	closed := 0
	layer := &Transport{
		Codings: []string{"rot13", "gzip"},
		Decoders: map[string]Decoder{
			"rot13": func(r io.Reader) (io.ReadCloser, error) { return &rot13{r: r, closed: &closed}, nil },
		},
	}
	got, err := fetch(t, layer.Wrap(serve(strings.NewReader("uryyb"), "ROT13")))
	if err != nil || string(got) != "hello" || closed != 1 {
		t.Errorf("got %q, %v, closed %d times", got, err, closed)
	}
	got, err = fetchTo(t, layer.Wrap(serve(bytes.NewReader(encode(t, "gzip", []byte("uryyb"))), "rot13, gzip")))
	if err != nil || string(got) != "hello" || closed != 2 {
		t.Errorf("got %q, %v, closed %d times", got, err, closed)
	}
	for name, d := range map[string]Decoder{
		"error": func(io.Reader) (io.ReadCloser, error) { return nil, errors.New("no") },
		"nil":   func(io.Reader) (io.ReadCloser, error) { return nil, nil },
	} {
		layer := &Transport{Codings: []string{"x"}, Decoders: map[string]Decoder{"x": d}}
		_, err := fetch(t, layer.Wrap(serve(strings.NewReader("z"), "x")))
		var e *Error
		if !errors.As(err, &e) || e.Coding != "x" {
			t.Errorf("%s: %v", name, err)
		}
	}
}

type rot13 struct {
	r      io.Reader
	closed *int
}

func (r *rot13) Read(p []byte) (int, error) {
	n, err := r.r.Read(p)
	for i, c := range p[:n] {
		if c >= 'a' && c <= 'z' {
			p[i] = 'a' + (c-'a'+13)%26
		}
	}
	return n, err
}

func (r *rot13) Close() error { *r.closed++; return nil }

func TestWireErrorsComeThrough(t *testing.T) {
	data := text(200_000)
	broken := errors.New("connection reset")
	for _, c := range wireCodings {
		wire := encode(t, c.name, data)
		for _, cause := range []error{broken, context.Canceled, context.DeadlineExceeded} {
			for _, at := range []int{0, 1, 5, len(wire) / 2, len(wire) - 1, len(wire)} {
				for _, f := range []func(testing.TB, http.RoundTripper) ([]byte, error){fetch, fetchTo} {
					got, err := f(t, (&Transport{}).Wrap(serve(io.MultiReader(bytes.NewReader(wire[:at]), iotest.ErrReader(cause)), c.label)))
					if err != cause || !bytes.HasPrefix(data, got) {
						t.Errorf("%s, cut at %d: %v after %d bytes, want %v as it is", c.name, at, err, len(got), cause)
					}
				}
			}
		}
	}
}
