package caching

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/tripper-go/tripper/caching/memorystore"
	"github.com/tripper-go/tripper/caching/store"
)

// taking is a Store whose Writers take everything and give nothing back.
type taking struct{ *memorystore.Store }

func (s taking) Promises() (store.Store, store.Promises) {
	return s, store.Promises{Timing: store.TimingImmediate}
}

func (s taking) Create(ctx context.Context, key string, size int64) (store.Writer, error) {
	w, err := s.Store.Create(ctx, key, size)
	return takingWriter{w}, err
}

type takingWriter struct{ store.Writer }

func (takingWriter) ReadAt([]byte, int64) (int, error) { return 0, errLost }

// TestBodyLostWhileStored: a store costs a request time, and never the request, also
// while the body is still on its way to it.
func TestBodyLostWhileStored(t *testing.T) {
	whole := strings.Repeat("0123456789abcdef", 10<<10)
	for _, row := range []struct {
		name, why string
		validator string
		late      bool // a second reader begins when the first has read everything
	}{
		{"one", "who keeps up needs no Store", "", false},
		{"two", "the rest comes from the origin under the same strong validator", `ETag: "a"`, true},
		{"two, weak", "nothing was delivered: begun again", `ETag: W/"a"`, true},
	} {
		pr, pw := io.Pipe()
		begun := make(chan struct{})
		asked := 0
		c := &Transport{Store: taking{memorystore.New(0)}, Base: originFunc(func(req *http.Request) (*http.Response, error) {
			if asked++; asked == 1 {
				resp := text(req, 200, "", "Cache-Control: max-age=60", "Content-Length: "+fmt.Sprint(len(whole)), row.validator)
				resp.ContentLength, resp.Body = int64(len(whole)), pr
				close(begun)
				return resp, nil
			}
			var first, last int
			if n, _ := fmt.Sscanf(req.Header.Get("Range"), "bytes=%d-%d", &first, &last); n != 2 || req.Header.Get("If-Range") != `"a"` {
				return text(req, 200, whole, "Cache-Control: max-age=60", row.validator), nil
			}
			return text(req, 206, whole[first:last+1], "Cache-Control: max-age=60", row.validator, fmt.Sprintf("Content-Range: bytes %d-%d/%d", first, last, len(whole))), nil
		})}
		ctx, cancel := context.WithCancel(t.Context())
		send := func() *http.Response {
			req, _ := http.NewRequestWithContext(ctx, http.MethodGet, "http://example.com/", nil)
			resp, err := c.RoundTrip(req)
			if err != nil {
				t.Fatalf("%s: %v", row.name, err)
			}
			return resp
		}
		first := send()
		<-begun
		last := first
		if row.late {
			last = send()
		}
		go func() {
			_, _ = io.WriteString(pw, whole)
			_ = pw.Close()
		}()
		body, err := io.ReadAll(first.Body)
		if string(body) != whole || err != nil {
			t.Errorf("%s: the first reader has %d of %d bytes, %v", row.name, len(body), len(whole), err)
		}
		if row.late {
			body, err = io.ReadAll(last.Body)
		}
		if string(body) != whole || err != nil {
			t.Errorf("%s: %d of %d bytes, %v: %s", row.name, len(body), len(whole), err, row.why)
		}
		if want := map[bool]int{false: 1, true: 2}[row.late]; asked != want {
			t.Errorf("%s: the origin was asked %d times: %s", row.name, asked, row.why)
		}
		_, _ = first.Body.Close(), last.Body.Close()
		cancel()
		_ = c.Close()
	}
}

// partial is a Store that has a part, loses most of it, and takes nothing new.
type partial struct {
	losing
	full bool
}

func (s *partial) Promises() (store.Store, store.Promises) {
	return s, store.Promises{Timing: store.TimingImmediate}
}

func (s *partial) Create(ctx context.Context, key string, size int64) (store.Writer, error) {
	if s.full {
		return nil, errLost
	}
	return s.losing.Create(ctx, key, size)
}

// TestPartLost: a stored part that the Store loses while the rest comes from the
// origin is completed like any other body (RFC 9110 §14, RFC 9111 §3.4).
func TestPartLost(t *testing.T) {
	whole := strings.Repeat("0123456789abcdef", 1<<10)
	store := &partial{losing: losing{Store: memorystore.New(0), keep: 10}}
	var ranges []string
	c := &Transport{Store: store, Base: originFunc(func(req *http.Request) (*http.Response, error) {
		ranges = append(ranges, req.Header.Get("Range"))
		var first, last int
		if n, _ := fmt.Sscanf(req.Header.Get("Range"), "bytes=%d-%d", &first, &last); n < 2 {
			last = len(whole) - 1
		}
		return text(req, 206, whole[first:last+1], "Cache-Control: max-age=60", `ETag: "a"`, fmt.Sprintf("Content-Range: bytes %d-%d/%d", first, last, len(whole))), nil
	})}
	get(t, c, t.Context(), "http://example.com/", "Range: bytes=0-999")
	store.full = true
	resp, body, err := try(c, t.Context(), "GET", "http://example.com/")
	if err != nil || resp.StatusCode != 200 || body != whole {
		t.Errorf("%d of %d bytes, %v; asked for %q", len(body), len(whole), err, ranges)
	}
}
