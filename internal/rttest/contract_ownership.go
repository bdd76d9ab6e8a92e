package rttest

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tripper-go/tripper/internal/roundtrip"
)

// keeper is a RoundTripper that keeps the responses it has returned, as a recorder
// or another cache does, with copies to compare them with.
type keeper struct {
	next http.RoundTripper

	mu   sync.Mutex
	kept []keptResponse
}

type keptResponse struct {
	resp   *http.Response
	before http.Response
	header http.Header
}

func (k *keeper) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := k.next.RoundTrip(req)
	if resp != nil {
		k.mu.Lock()
		defer k.mu.Unlock()
		k.kept = append(k.kept, keptResponse{resp, *resp, resp.Header.Clone()})
	}
	return resp, err
}

// responsesUnchanged tests that a layer copies what it changes of a response.
func (c contract) responsesUnchanged(t *testing.T, l Layer) {
	for name, steps := range ownershipSituations() {
		for _, method := range []string{"GET", "HEAD", "PUT"} {
			k := &keeper{next: play(steps)}
			resp, err := l.Wrap(k).RoundTrip(NewRequest(t, method, "http://example.com/kept/"+url.PathEscape(name), strings.NewReader("payload")))
			if err == nil {
				_, _ = io.Copy(io.Discard, resp.Body)
				_ = resp.Body.Close()
			}
			synctest.Wait()
			k.mu.Lock()
			for _, was := range k.kept {
				was.compare(t, name+", "+method)
			}
			k.mu.Unlock()
		}
	}
}

func (k keptResponse) compare(t *testing.T, situation string) {
	t.Helper()
	if !reflect.DeepEqual(k.header, k.resp.Header) {
		t.Errorf("%s: the header of the response of the layer below changed from %v to %v", situation, k.header, k.resp.Header)
	}
	before, after := reflect.ValueOf(k.before), reflect.ValueOf(*k.resp)
	for i := range before.NumField() {
		field := before.Type().Field(i).Name
		a, b := before.Field(i), after.Field(i)
		same := false
		switch a.Kind() {
		case reflect.Map, reflect.Slice:
			same = a.Pointer() == b.Pointer() && a.Len() == b.Len()
		default:
			same = a.Equal(b)
		}
		if !same {
			t.Errorf("%s: %s of the response of the layer below changed from %v to %v", situation, field, a, b)
		}
	}
}

// ownershipSituations are those in which a layer has something to change.
func ownershipSituations() map[string][]Step {
	all := situations()
	var coded bytes.Buffer
	z := gzip.NewWriter(&coded)
	_, _ = io.WriteString(z, "plain text")
	_ = z.Close()
	all["gzip"] = []Step{Respond("HTTP/1.1 200 OK\nContent-Encoding: gzip\nCache-Control: max-age=60\nETag: \"a\"\n\n" + coded.String())}
	all["stored, then 304"] = []Step{
		Respond("HTTP/1.1 200 OK\nETag: \"a\"\nCache-Control: max-age=0\n\nhello"),
		Respond("HTTP/1.1 304 Not Modified\nETag: \"a\"\nX-New: 1\n\n"),
	}
	all["bare"] = []Step{Func(func(*http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: 200, Status: "200 OK", Header: http.Header{}, Body: http.NoBody}, nil
	})}
	all["broken off"] = []Step{
		Respond("HTTP/1.1 200 OK\nETag: \"a\"\nAccept-Ranges: bytes\nContent-Length: 10\n\nhello"),
		Respond("HTTP/1.1 206 Partial Content\nETag: \"a\"\nContent-Range: bytes 5-9/10\nContent-Length: 5\n\nthere"),
	}
	all["cookie"] = []Step{Respond("HTTP/1.1 302 Found\nLocation: /in\nSet-Cookie: a=b\n\n"), Respond("HTTP/1.1 200 OK\n\nin")}
	return all
}

// requestAsked tests that a layer asks a request what it has to know before it
// hands it down: the RoundTripper below may give it another body, method or
// header, as doubles of tests and signing middleware do, and what the layer does
// next must not depend on that.
func (c contract) requestAsked(t *testing.T, _ Layer) {
	for name, steps := range ownershipSituations() {
		for _, method := range []string{"GET", "PUT"} {
			for _, body := range []string{"", "payload"} {
				want := c.outcome(t, steps, method, body, nil)
				for how, rude := range rudeNexts() {
					if got := c.outcome(t, steps, method, body, rude); got != want {
						t.Errorf("%s, %s with body %q, below %s: got %s; want %s", name, method, body, how, got, want)
					}
				}
			}
		}
	}
}

// rudeNexts are what RoundTrippers do to requests that they may not modify.
func rudeNexts() map[string]func(*http.Request) {
	return map[string]func(*http.Request){
		"the body is taken away": func(req *http.Request) { req.Body, req.GetBody, req.ContentLength = nil, nil, 0 },
		"a body is put there":    func(req *http.Request) { req.Body, req.GetBody = io.NopCloser(strings.NewReader("")), nil },
		"the method is another":  func(req *http.Request) { req.Method = "DELETE" },
		"the header is another":  func(req *http.Request) { req.Header = http.Header{"X-Rude": {"1"}} },
	}
}

// outcome sends one request through a new layer and describes what came of it.
func (c contract) outcome(t *testing.T, steps []Step, method, payload string, rude func(*http.Request)) string {
	t.Helper()
	l := c.newLayer()
	base := play(steps)
	var seen []string
	rt := l.Wrap(Func(func(req *http.Request) (*http.Response, error) {
		seen = append(seen, req.Method+" "+req.URL.Host+req.URL.Path)
		consume(req)
		asked := req.Clone(req.Context())
		asked.Body = nil
		if rude != nil {
			rude(req)
		}
		return base.RoundTrip(asked)
	}))
	var body io.Reader
	if payload != "" {
		body = strings.NewReader(payload)
	}
	resp, err := rt.RoundTrip(NewRequest(t, method, "http://example.com/asked", body))
	status, content := 0, ""
	if err == nil {
		b, readErr := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		status, content, err = resp.StatusCode, string(b), readErr
	}
	synctest.Wait()
	if closer, ok := l.(io.Closer); ok {
		_ = closer.Close()
	}
	return fmt.Sprintf("%d %q, error %v, after %v", status, content, err, seen)
}

// deadline tests that every request that the layer sends for a caller knows when
// the caller gives up, also if it does not end with the caller's context.
func (c contract) deadline(t *testing.T, l Layer) {
	for name, steps := range ownershipSituations() {
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		want, _ := ctx.Deadline()
		base := play(steps)
		rt := l.Wrap(Func(func(req *http.Request) (*http.Response, error) {
			if got, ok := roundtrip.DeadlineOf(req.Context()); !ok || got.After(want) {
				t.Errorf("%s: a request is sent with deadline %v (%v), the caller's is %v", name, got, ok, want)
			}
			return base.RoundTrip(req)
		}))
		resp, err := rt.RoundTrip(NewRequest(t, "GET", "http://example.com/deadline/"+url.PathEscape(name), nil).WithContext(ctx))
		if err == nil {
			_, _ = io.Copy(io.Discard, resp.Body)
			_ = resp.Body.Close()
		}
		synctest.Wait()
		cancel()
	}
}

// permanentError says that the same request would fail again.
type permanentError struct{}

func (permanentError) Error() string   { return "it fails for ever" }
func (permanentError) Permanent() bool { return true }

// permanent tests that a layer does not send a request again that cannot succeed,
// and does not hide that from the layers above.
func (c contract) permanent(t *testing.T, l Layer) {
	for method, payload := range map[string]io.Reader{"GET": nil, "PUT": strings.NewReader("payload")} {
		var sent atomic.Int32
		rt := l.Wrap(Func(func(req *http.Request) (*http.Response, error) {
			consume(req)
			sent.Add(1)
			return nil, permanentError{}
		}))
		resp, err := rt.RoundTrip(NewRequest(t, method, "http://example.com/permanent", payload))
		synctest.Wait()
		if n := sent.Load(); n != 1 {
			t.Errorf("%s: sent %d times, though the error is permanent", method, n)
		}
		if err == nil {
			_ = resp.Body.Close() // A layer may turn errors into responses.
			continue
		}
		var p interface{ Permanent() bool }
		if !errors.As(err, &p) || !p.Permanent() {
			t.Errorf("%s: error %q hides that it is permanent", method, err)
		}
	}
}

// typedNil tests that a nil pointer in an interface is no worse than nil.
func (c contract) typedNil(t *testing.T) {
	saved := http.DefaultTransport
	defer func() { http.DefaultTransport = saved }()
	var calls atomic.Int32
	http.DefaultTransport = Func(func(req *http.Request) (*http.Response, error) {
		consume(req)
		calls.Add(1)
		return answer(req, 200, http.Header{"Cache-Control": {"no-store"}}, "ok"), nil
	})
	l := c.newLayer()
	var none *http.Transport
	all := map[string]http.RoundTripper{"Wrap": l.Wrap(none)}
	if setBase(l, none) {
		all["Base"] = l
	}
	for _, name := range slices.Sorted(maps.Keys(all)) {
		calls.Store(0)
		resp, err := all[name].RoundTrip(NewRequest(t, "GET", "http://example.com/typed", nil))
		if err != nil {
			t.Errorf("%s of a nil *http.Transport: %v", name, err)
			continue
		}
		_ = resp.Body.Close()
		if n := calls.Load(); n != 1 {
			t.Errorf("%s of a nil *http.Transport: http.DefaultTransport was called %d times, want 1", name, n)
		}
	}
	if closer, ok := l.(io.Closer); ok {
		_ = closer.Close()
	}
}
