package decompress

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/tripper-go/tripper/internal/rttest"
)

// holding is somebody's error that holds a response.
type holding struct{ response *http.Response }

func (*holding) Error() string                  { return "held" }
func (h *holding) HTTPResponse() *http.Response { return h.response }

func zipped(text string) []byte {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, _ = io.WriteString(z, text)
	_ = z.Close()
	return b.Bytes()
}

// What an error holds is decoded like a response that is returned.
func TestHeldResponse(t *testing.T) {
	plain := func(err error) error { return err }
	wrapped := func(err error) error { return fmt.Errorf("outer: %w", err) }
	for _, tt := range []struct {
		name, why      string
		transport      *Transport
		wrap           func(error) error
		coding, accept string
		body           []byte
		want, left     string // the text, and the coding that is left
		fails          bool
	}{
		{"gzip", "the caller reads text, whichever way the response comes", &Transport{}, plain, "gzip", "", zipped("moved"), "moved", "", false},
		{"in a chain of errors", "errors.As finds it there", &Transport{}, wrapped, "gzip", "", zipped("moved"), "moved", "", false},
		{"not asked for", "the caller asked for gzip itself", &Transport{}, plain, "gzip", "gzip", zipped("x"), string(zipped("x")), "gzip", false},
		{"always", "then too", &Transport{Always: true}, plain, "gzip", "gzip", zipped("x"), "x", "", false},
		{"no coding", "nothing to do", &Transport{}, plain, "", "", []byte("text"), "text", "", false},
		{"not gzip", "the limits and errors of reading are the same", &Transport{}, plain, "gzip", "", []byte("not gzip"), "", "", true},
		{"not gzip, probed", "the error that was on its way is the one to return", &Transport{Probe: true}, plain, "gzip", "", []byte("not gzip"), "not gzip", "gzip", false},
		{"too many codings", "likewise", &Transport{MaxCodings: 1}, plain, "gzip, gzip", "", zipped("x"), string(zipped("x")), "gzip, gzip", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			inner := &holding{}
			base := rttest.Func(func(req *http.Request) (*http.Response, error) {
				inner.response = &http.Response{
					StatusCode: 302, Status: "302 Found", Header: http.Header{}, Request: req,
					Body: io.NopCloser(bytes.NewReader(tt.body)), ContentLength: int64(len(tt.body)),
				}
				if tt.coding != "" {
					inner.response.Header.Set("Content-Encoding", tt.coding)
				}
				return nil, tt.wrap(inner)
			})
			req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://example.com/", nil)
			if err != nil {
				t.Fatal(err)
			}
			if tt.accept != "" {
				req.Header.Set("Accept-Encoding", tt.accept)
			}
			_, err = tt.transport.Wrap(base).RoundTrip(req) //nolint:bodyclose // there is none
			held, ok := errors.AsType[*holding](err)
			if !ok || held != inner {
				t.Fatalf("error %v: the chain is broken", err)
			}
			b, err := io.ReadAll(held.HTTPResponse().Body)
			if string(b) != tt.want || (err != nil) != tt.fails {
				t.Errorf("read %q, %v; want %q: %s", b, err, tt.want, tt.why)
			}
			if got := held.response.Header.Get("Content-Encoding"); got != tt.left {
				t.Errorf("Content-Encoding %q is left, want %q", got, tt.left)
			}
			if tt.left == "" && tt.coding != "" && Original(held.response) == nil {
				t.Error("Original does not know it")
			}
		})
	}
}

func TestHeldNothing(t *testing.T) {
	base := rttest.Func(func(*http.Request) (*http.Response, error) { return nil, &holding{} })
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://example.com/", nil)
	if err != nil {
		t.Fatal(err)
	}
	_, err = (&Transport{}).Wrap(base).RoundTrip(req) //nolint:bodyclose // there is none
	if _, ok := errors.AsType[*holding](err); !ok {
		t.Errorf("error %v", err)
	}
}

// A trailer that was not announced is known only when the body has been read; it
// must reach the response that the caller has.
func TestTrailerReachesTheCopy(t *testing.T) {
	var below *http.Response
	base := rttest.Func(func(req *http.Request) (*http.Response, error) {
		below = &http.Response{
			StatusCode: 200, Status: "200 OK", Header: http.Header{"Content-Encoding": {"gzip"}, "X": {"1"}}, Request: req, ContentLength: -1,
		}
		below.Body = io.NopCloser(io.MultiReader(bytes.NewReader(zipped("text")), atEnd(func() { below.Trailer = http.Header{"Sum": {"1"}} })))
		return below, nil
	})
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://example.com/", strings.NewReader(""))
	if err != nil {
		t.Fatal(err)
	}
	resp, err := (&Transport{}).Wrap(base).RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	if _, err := io.ReadAll(resp.Body); err != nil || resp.Trailer.Get("Sum") != "1" {
		t.Errorf("trailer %v, %v", resp.Trailer, err)
	}
	if below.Header.Get("Content-Encoding") != "gzip" || below.Uncompressed || resp == below {
		t.Errorf("the response of the layer below has changed: %+v", below)
	}
}

type atEnd func()

func (f atEnd) Read([]byte) (int, error) {
	f()
	return 0, io.EOF
}
