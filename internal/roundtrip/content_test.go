package roundtrip

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
)

// TestGetBody is about layers below that send the request again themselves.
func TestGetBody(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		why           string
		length, limit int64
		src           io.ReadCloser
		want          bool
	}{
		{"all of it is kept", 20, 20, &source{Reader: strings.NewReader(payload)}, true},
		{"it may be short", -1, 19, &source{Reader: strings.NewReader(payload)}, true},
		{"it is known to be too long", 20, 19, &source{Reader: strings.NewReader(payload)}, false},
		{"nothing is kept", -1, -1, &source{Reader: strings.NewReader(payload)}, false},
		{"it can seek", 20, -1, newSeekable(), true},
	} {
		c := kept(row.src, row.length, row.limit)
		body, get := c.First(), c.GetBody()
		if (get != nil) != row.want {
			t.Errorf("GetBody is there: %v: %s", get != nil, row.why)
		}
		mustRead(t, body, 99, payload, row.why)
		_ = body.Close()
		_ = body.Close() // does no harm
		c.Finish()
		if get == nil {
			continue
		}
		if _, err := get(); err != http.ErrBodyReadAfterClose {
			t.Errorf("%v, once the body is closed: %s", err, row.why)
		}
	}
	for limit, want := range map[int64]error{20: nil, 19: ErrTooLong} {
		src := &source{Reader: strings.NewReader(payload)}
		c := kept(src, -1, limit)
		body, get := c.First(), c.GetBody()
		mustRead(t, body, 99, payload, "the first")
		_ = body.Close()
		again, err := get()
		if err != want {
			t.Fatalf("limit %d: %v, want %v", limit, err, want)
		}
		if c.Finish(); err != nil {
			continue
		}
		mustRead(t, again, 99, payload, "what is kept")
		if _ = again.Close(); src.closed != 1 {
			t.Errorf("closed %d times: the body is closed with its last reader", src.closed)
		}
	}
}

// TestContent is about bodies that need no keeping.
func TestContent(t *testing.T) {
	t.Parallel()
	getBody := func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(payload)), nil }
	own := io.NopCloser(strings.NewReader(payload))
	for _, row := range []struct {
		why           string
		req           http.Request
		exists, ready bool
	}{
		{"nil is no body", http.Request{}, false, true},
		{"nor is NoBody", http.Request{Body: http.NoBody, ContentLength: -1}, false, true},
		{"GetBody makes new ones", http.Request{Body: own, GetBody: getBody, ContentLength: 1 << 30}, true, true},
		{"without Keep there is one", http.Request{Body: own}, true, false},
	} {
		c := ContentOf(&row.req)
		if row.ready {
			c.Keep(1)
		}
		if c.Exists() != row.exists || c.Ready() != row.ready || c.Repeatable() != row.ready || c.Wrapped() || c.MayOutgrow() || !c.Untouched() {
			t.Errorf("exists %v, ready %v, wrapped %v: %s", c.Exists(), c.Ready(), c.Wrapped(), row.why)
		}
		if c.First() != row.req.Body {
			t.Errorf("the caller's own body is not the first: %s", row.why)
		}
		if row.exists && row.ready {
			mustRead(t, again(t, &c), 99, payload, row.why)
		}
		if row.ready {
			if look, err := c.Look(t.Context()); err != nil || !row.exists && look != http.NoBody {
				t.Errorf("look: %v, %v: %s", look, err, row.why)
			}
		}
		c.Finish()
		c.Close()
	}
}

// TestNested is about a layer below another one that keeps the body.
func TestNested(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		why     string
		src     io.ReadCloser
		length  int64
		wrapped bool
	}{
		{"the GetBody of the layer above will not fail", &source{Reader: strings.NewReader(payload)}, 20, false},
		{"it may fail, since the length is unknown", &source{Reader: strings.NewReader(payload)}, -1, true},
		{"nor does a body that can seek need to be kept", newSeekable(), -1, false},
	} {
		above := kept(row.src, row.length, 20)
		below := ContentOf(&http.Request{Body: above.First(), GetBody: above.GetBody(), ContentLength: row.length})
		below.Keep(9)
		if below.Wrapped() != row.wrapped || below.MayOutgrow() != row.wrapped || below.Repeatable() == row.wrapped {
			t.Errorf("wrapped %v, may outgrow %v, repeatable %v: %s", below.Wrapped(), below.MayOutgrow(), below.Repeatable(), row.why)
		}
		mustRead(t, below.First(), 10, payload[:10], row.why)
		if below.Ready() == row.wrapped {
			t.Errorf("ready %v after more was read than is kept below: %s", below.Ready(), row.why)
		}
	}
}

// An errSeeker fails when it is sought to its beginning, after a number of times.
type errSeeker struct {
	source
	err   error
	after int
	end   int64
	at    int64
}

func (s *errSeeker) Read(p []byte) (int, error) {
	n, err := s.source.Read(p)
	s.at += int64(n)
	return n, err
}

func (s *errSeeker) Seek(_ int64, whence int) (int64, error) {
	switch whence {
	case io.SeekEnd:
		return s.end, nil
	case io.SeekStart:
		if s.after--; s.after < 0 {
			return 0, s.err
		}
	}
	return s.at, nil
}

// TestCallerErrors: what the caller's body fails with is his, and not the server's.
func TestCallerErrors(t *testing.T) {
	t.Parallel()
	errMine := errors.New("disk on fire")
	_, lost := kept(&errSeeker{err: errMine, end: 9}, -1, 0).First().Read(make([]byte, 1))

	c := kept(&errSeeker{source: source{Reader: strings.NewReader(payload)}, err: errMine, after: 1, end: 9}, -1, 0)
	mustRead(t, c.First(), 1, payload[:1], "it need not seek")
	_, sought := again(t, c).Read(make([]byte, 1))

	c = kept(&source{Reader: io.MultiReader(strings.NewReader("x"), errReader{errMine})}, -1, 0)
	_, read := io.ReadAll(c.First())
	_, kept := io.ReadAll(again(t, c))

	c2 := ContentOf(&http.Request{Body: http.NoBody, GetBody: func() (io.ReadCloser, error) { return nil, errMine }})
	c2.body = io.NopCloser(strings.NewReader(""))
	_, got := c2.Again()
	for what, err := range map[string]error{"Seek": sought, "the first Seek": lost, "Read": read, "Read, when it is sent again": kept, "GetBody": got} {
		var own *CallerError
		if !errors.As(err, &own) || own.Unwrap() != errMine || !Permanent(err) || err.Error() != errMine.Error() {
			t.Errorf("%s: %#v", what, err)
		}
	}
}

type errReader struct{ err error }

func (r errReader) Read([]byte) (int, error) { return 0, r.err }

// TestLook reads a body for its hash before it is sent.
func TestLook(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		why   string
		limit int64
		want  error
	}{
		{"it is kept", 20, nil},
		{"it is too long, and can still be sent", 18, ErrTooLong},
		{"it is not kept, and can still be sent", -1, ErrTooLong},
	} {
		c := kept(&source{Reader: strings.NewReader(payload)}, -1, row.limit)
		for range 2 {
			body, err := c.Look(t.Context())
			if err != row.want {
				t.Errorf("limit %d: %v, want %v: %s", row.limit, err, row.want, row.why)
			}
			if err == nil {
				mustRead(t, body, 99, payload, row.why)
			}
		}
		mustRead(t, c.First(), 99, payload, row.why)
		if c.Ready() != (row.want == nil) {
			t.Errorf("limit %d: ready %v: %s", row.limit, c.Ready(), row.why)
		}
	}
}

// TestLookCancelled has the source stay silent while it is read for its hash.
func TestLookCancelled(t *testing.T) {
	for _, row := range []struct {
		why  string
		look func(c *Content) *Content
	}{
		{"by the layer that keeps it", func(c *Content) *Content { return c }},
		{"by a layer below, with the GetBody of that layer", func(above *Content) *Content {
			below := ContentOf(&http.Request{Body: above.First(), GetBody: above.GetBody(), ContentLength: 20})
			below.Keep(0)
			return &below
		}},
	} {
		synctest.Test(t, func(t *testing.T) {
			pr, pw := io.Pipe()
			c := kept(pr, 20, 0)
			ctx, cancel := context.WithCancelCause(t.Context())
			stop := errors.New("the caller has enough")
			go func() {
				_, _ = pw.Write([]byte("x"))
				synctest.Wait()
				cancel(stop)
				synctest.Wait()
				_ = pw.Close() // ends what does not obey
			}()
			body, err := row.look(c).Look(ctx)
			if err == nil {
				_, err = io.ReadAll(body)
			}
			if err != stop {
				t.Errorf("got %v: %s", err, row.why)
			}
			if _, err := pw.Write([]byte("x")); err != io.ErrClosedPipe {
				t.Errorf("the body is not closed: %v: %s", err, row.why)
			}
			c.Close()
		})
	}
}
