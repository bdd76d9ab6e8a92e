package retry

import (
	"crypto/sha256"
	"errors"
	"io"
	"net/http"
	"os"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tripper-go/tripper/internal/rttest"
)

// A source is a request body without GetBody that tells what happens to it.
type source struct {
	io.Reader
	reads, closes atomic.Int32
}

func (s *source) Read(p []byte) (int, error) { s.reads.Add(1); return s.Reader.Read(p) }

func (s *source) Close() error { s.closes.Add(1); return nil }

// streamed returns a PUT whose body has no GetBody.
func streamed(tb testing.TB, r io.Reader) (*http.Request, *source) {
	tb.Helper()
	src := &source{Reader: r}
	return rttest.NewRequest(tb, "PUT", "http://example.com/", src), src
}

// TestPartlySent has the first attempt read a part of the body only: the next one
// sends what was kept, and goes on with the source.
func TestPartlySent(t *testing.T) {
	const payload = "0123456789abcdefghij"
	for first := range len(payload) + 1 {
		synctest.Test(t, func(t *testing.T) {
			req, src := streamed(t, iotestOneByte{strings.NewReader(payload)})
			var got string
			calls := 0
			base := roundTripper(func(req *http.Request) (*http.Response, error) {
				defer req.Body.Close()
				if calls++; calls == 1 {
					_, _ = io.ReadFull(req.Body, make([]byte, first))
					return nil, errReset
				}
				b, err := io.ReadAll(req.Body)
				got = string(b)
				return &http.Response{StatusCode: 200, Body: http.NoBody}, err
			})
			_, err := (&Transport{}).Wrap(base).RoundTrip(req)
			if err != nil || got != payload {
				t.Errorf("after %d bytes: got %q, %v", first, got, err)
			}
			if n := src.closes.Load(); n != 1 {
				t.Errorf("after %d bytes: closed %d times", first, n)
			}
		})
	}
}

type iotestOneByte struct{ r io.Reader }

func (o iotestOneByte) Read(p []byte) (int, error) { return o.r.Read(p[:min(1, len(p))]) }

// TestSeekableBody sends a body that can seek again, from where it stood.
func TestSeekableBody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := strings.NewReader("skipped, payload")
		_, _ = r.Seek(9, io.SeekStart)
		req := rttest.NewRequest(t, "PUT", "http://example.com/", struct {
			io.ReadSeeker
			io.Closer
		}{r, io.NopCloser(nil)})
		script := rttest.NewScript(t, rttest.Fail(errReset), rttest.Respond("HTTP/1.1 200 OK\n\n"))
		resp, err := (&Transport{MaxReplay: -1}).Wrap(script).RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		for _, sent := range script.Requests() {
			if sent.Body != "payload" {
				t.Errorf("sent %q", sent.Body)
			}
		}
	})
}

// TestNothingReadAhead looks when the source is read.
func TestNothingReadAhead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		req, src := streamed(t, strings.NewReader("payload"))
		base := roundTripper(func(req *http.Request) (*http.Response, error) {
			if n := src.reads.Load(); n != 0 {
				t.Errorf("the source was read %d times before the first attempt", n)
			}
			p := make([]byte, 3)
			if _, err := io.ReadFull(req.Body, p); err != nil {
				t.Error(err)
			}
			if n := src.reads.Load(); n != 1 {
				t.Errorf("one read of the body was %d of the source", n)
			}
			_ = req.Body.Close()
			return &http.Response{StatusCode: 200, Body: http.NoBody}, nil
		})
		if _, err := (&Transport{}).Wrap(base).RoundTrip(req); err != nil {
			t.Fatal(err)
		}
		if n := src.closes.Load(); n != 1 {
			t.Errorf("closed %d times", n)
		}
	})
}

// TestBodyOutlivesRoundTrip has Base answer before it has read the body, and close
// it later, as net/http may.
func TestBodyOutlivesRoundTrip(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		req, src := streamed(t, strings.NewReader("payload"))
		var rest []byte
		base := roundTripper(func(req *http.Request) (*http.Response, error) {
			go func() {
				time.Sleep(time.Second)
				rest, _ = io.ReadAll(req.Body)
				_ = req.Body.Close()
				_ = req.Body.Close() // twice does no harm
			}()
			return &http.Response{StatusCode: 200, Body: http.NoBody}, nil
		})
		if _, err := (&Transport{}).Wrap(base).RoundTrip(req); err != nil {
			t.Fatal(err)
		}
		if n := src.closes.Load(); n != 0 {
			t.Errorf("closed %d times while it is being sent", n)
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if n := src.closes.Load(); n != 1 || string(rest) != "payload" {
			t.Errorf("closed %d times, read %q", n, rest)
		}
	})
}

// TestReadDuringBackoff has the writer of the first attempt go on after an early 503, beyond
// what can be kept, while the second attempt waits: by then it was decided to send again.
func TestReadDuringBackoff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		req, src := streamed(t, iotestOneByte{strings.NewReader("0123456789")})
		calls, got := 0, ""
		base := roundTripper(func(req *http.Request) (*http.Response, error) {
			if calls++; calls == 1 {
				_, _ = io.ReadFull(req.Body, make([]byte, 5))
				time.AfterFunc(time.Millisecond, func() {
					_, _ = io.Copy(io.Discard, req.Body)
					_ = req.Body.Close()
				})
				return &http.Response{StatusCode: 503, Body: http.NoBody}, nil
			}
			b, err := io.ReadAll(req.Body)
			_ = req.Body.Close()
			got = string(b)
			return &http.Response{StatusCode: 200, Body: http.NoBody}, err
		})
		_, err := (&Transport{Backoff: Constant(time.Second), MaxReplay: 8}).Wrap(base).RoundTrip(req)
		if err != nil || got != "0123456789" {
			t.Errorf("got %q, %v", got, err)
		}
		if n := src.closes.Load(); n != 1 {
			t.Errorf("closed %d times", n)
		}
	})
}

// TestOldAttemptGoesOnReading has the writer of the first attempt read while the
// second does: it gets nothing any more, and the second gets everything in order.
func TestOldAttemptGoesOnReading(t *testing.T) {
	payload := strings.Repeat("0123456789", 5000)
	for range 20 {
		req, src := streamed(t, strings.NewReader(payload))
		var wg sync.WaitGroup
		calls := 0
		var got []byte
		base := roundTripper(func(req *http.Request) (*http.Response, error) {
			if calls++; calls == 1 {
				wg.Go(func() {
					_, _ = io.CopyBuffer(io.Discard, struct{ io.Reader }{req.Body}, make([]byte, 100))
					_ = req.Body.Close()
				})
				return &http.Response{StatusCode: 503, Body: http.NoBody}, nil
			}
			var err error
			got, err = io.ReadAll(req.Body)
			_ = req.Body.Close()
			return &http.Response{StatusCode: 200, Body: http.NoBody}, err
		})
		resp, err := (&Transport{Backoff: Constant(0)}).Wrap(base).RoundTrip(req)
		if err != nil || resp.StatusCode != 200 || string(got) != payload {
			t.Fatalf("got %d bytes, %v", len(got), err)
		}
		wg.Wait()
		if n := src.closes.Load(); n != 1 {
			t.Errorf("closed %d times", n)
		}
	}
}

// TestSourceFails has the caller's own body fail: nothing is sent again.
func TestSourceFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		errMine := errors.New("disk on fire")
		req, src := streamed(t, io.MultiReader(strings.NewReader("x"), errReader{errMine}))
		script := rttest.NewScript(t)
		_, err := (&Transport{Retryable: func(Attempt) bool { return true }}).Wrap(script).RoundTrip(req)
		if err != errMine { //nolint:errorlint // It must come back as it was.
			t.Errorf("got %v, want %v", err, errMine)
		}
		if n := src.closes.Load(); n != 1 {
			t.Errorf("closed %d times", n)
		}
	})
}

type errReader struct{ err error }

func (r errReader) Read([]byte) (int, error) { return 0, r.err }

// TestGetBodyForLayersBelow is about a body that is not known to be long: a layer below
// (auth answering a challenge, net/http after GOAWAY) can send it again itself.
func TestGetBodyForLayersBelow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, row := range []struct {
			why    string
			length int64
			want   bool
		}{
			{"it can be kept", 7, true},
			{"its length is not known, but it may be short", -1, true},
			{"it is too long", 7 << 20, false},
		} {
			req, src := streamed(t, strings.NewReader("payload"))
			req.ContentLength = row.length
			base := roundTripper(func(req *http.Request) (*http.Response, error) {
				if (req.GetBody != nil) != row.want {
					t.Errorf("GetBody is there: %v, want %v: %s", req.GetBody != nil, row.want, row.why)
				}
				if req.GetBody != nil {
					again, err := req.GetBody()
					if err != nil {
						t.Fatal(err)
					}
					// First the copy, then the body: a hash over it, for instance.
					for _, r := range []io.ReadCloser{again, req.Body} {
						if b, err := io.ReadAll(r); string(b) != "payload" || err != nil {
							t.Errorf("got %q, %v", b, err)
						}
						_ = r.Close()
					}
				}
				_ = req.Body.Close()
				return &http.Response{StatusCode: 200, Body: http.NoBody}, nil
			})
			if _, err := (&Transport{}).Wrap(base).RoundTrip(req); err != nil {
				t.Fatal(err)
			}
			if req.GetBody != nil {
				t.Error("the caller's request was changed")
			}
			if n := src.closes.Load(); n != 1 {
				t.Errorf("closed %d times", n)
			}
		}
	})
}

// TestGetBodyFails has the caller's GetBody fail.
func TestGetBodyFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		errMine := errors.New("file is gone")
		req := rttest.NewRequest(t, "PUT", "http://example.com/", strings.NewReader("x"))
		req.GetBody = func() (io.ReadCloser, error) { return nil, errMine }
		_, err := (&Transport{Attempts: 5}).Wrap(rttest.NewScript(t, rttest.Fail(errReset))).RoundTrip(req)
		var e *Error
		if !errors.Is(err, errMine) || !errors.As(err, &e) || e.Attempts != 1 || len(e.Causes) != 2 {
			t.Errorf("got %v", err)
		}
	})
}

// TestBigUpload sends a body without GetBody that is much longer than MaxReplay:
// no more than that is held. It is 64 MiB, or 1 GiB with TRIPPER_STRESS=1.
func TestBigUpload(t *testing.T) {
	size := int64(64 << 20)
	if os.Getenv("TRIPPER_STRESS") == "1" {
		size = 1 << 30
	}
	req, _ := streamed(t, io.LimitReader(neverEnding{}, size))
	req.ContentLength = size
	hash := sha256.New()
	var peak uint64
	base := roundTripper(func(req *http.Request) (*http.Response, error) {
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		before := m.TotalAlloc
		n, err := io.CopyBuffer(hash, struct{ io.Reader }{req.Body}, make([]byte, 32<<10))
		runtime.ReadMemStats(&m)
		peak = m.TotalAlloc - before
		_ = req.Body.Close()
		if n != size || err != nil {
			t.Errorf("got %d bytes, %v", n, err)
		}
		return nil, errReset
	})
	_, err := (&Transport{}).Wrap(base).RoundTrip(req)
	if !errors.Is(err, errReset) || errors.Is(err, ErrExhausted) {
		t.Errorf("got %v: it cannot have been sent twice", err)
	}
	// The buffer doubles up to the bound, so that all it ever was is twice that;
	// the rest is what the test itself allocates.
	if most := uint64(2*DefaultMaxReplay + 64<<10); peak > most {
		t.Errorf("sending %d bytes allocated %d, want %d at most", size, peak, most)
	}
}
