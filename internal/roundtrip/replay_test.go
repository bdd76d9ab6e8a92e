package roundtrip

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// A source is a body that counts how often it is closed. Step, if not nil, is called
// before each Read.
type source struct {
	io.Reader
	step   func()
	closed int
}

func (s *source) Read(p []byte) (int, error) {
	if s.step != nil {
		s.step()
	}
	return s.Reader.Read(p)
}

func (s *source) Close() error { s.closed++; return nil }

// seekable is a source that can seek, and had been read up to the payload.
type seekable struct {
	source
	io.Seeker
}

const payload = "0123456789abcdefghij"

func newSeekable() *seekable {
	r := strings.NewReader("skipped" + payload)
	_, _ = r.Seek(7, io.SeekStart)
	return &seekable{source{Reader: r}, r}
}

// kept returns the content of a request with the body src, of which limit bytes are kept.
func kept(src io.ReadCloser, length, limit int64) *Content {
	c := ContentOf(&http.Request{Body: src, ContentLength: length})
	c.Keep(limit)
	return &c
}

func again(tb testing.TB, c *Content) io.ReadCloser {
	tb.Helper()
	body, err := c.Again()
	if err != nil {
		tb.Fatal(err)
	}
	return body
}

func mustRead(tb testing.TB, r io.Reader, n int, want, why string) {
	tb.Helper()
	b, err := io.ReadAll(io.LimitReader(r, int64(n)))
	if string(b) != want || err != nil {
		tb.Errorf("read %q, %v, want %q: %s", b, err, want, why)
	}
}

// TestReady reads the first n bytes of a body, in pieces of 4.
func TestReady(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		why   string
		limit int64
		n     int
		ready bool
	}{
		{"nothing was read", -1, 0, true},
		{"nothing is kept", -1, 1, false},
		{"all that was read is kept", 8, 5, true},
		{"the bound is inclusive", 20, 20, true},
		{"one byte more was read than is kept", 8, 9, false},
		{"a zero bound is the default", 0, 20, true},
	} {
		src := &source{Reader: strings.NewReader(payload)}
		c := kept(src, -1, row.limit)
		body := c.First()
		for left := row.n; left > 0; left -= 4 {
			if _, err := io.ReadFull(body, make([]byte, min(left, 4))); err != nil {
				t.Fatal(err)
			}
		}
		if c.Ready() != row.ready || c.Untouched() != (row.n == 0) || c.Repeatable() {
			t.Errorf("limit %d, %d read: ready %v, untouched %v, repeatable %v: %s", row.limit, row.n, c.Ready(), c.Untouched(), c.Repeatable(), row.why)
		}
		mustRead(t, body, 99, payload[row.n:], "this time goes on whatever becomes of the next")
		_ = body.Close()
		if src.closed != 0 {
			t.Error("closed before Finish: it may be needed again")
		}
		if c.Finish(); src.closed != 1 {
			t.Errorf("closed %d times", src.closed)
		}
	}
}

// TestKeptSize checks the buffer itself.
func TestKeptSize(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		why          string
		length, size int64
		limit        int64
		most         int
	}{
		{"a known length is allocated at once", 1000, 1000, 4096, 1000},
		{"an unknown one grows to the bound", -1, 5000, 5000, 5000},
		{"a wrong one too", 10, 5000, 5000, 5000},
		{"beyond the bound nothing is kept", -1, 5001, 5000, 0},
	} {
		c := kept(&source{Reader: bytes.NewReader(make([]byte, row.size))}, row.length, row.limit)
		if n, err := io.CopyBuffer(io.Discard, struct{ io.Reader }{c.First()}, make([]byte, 7)); n != row.size || err != nil {
			t.Fatalf("copied %d, %v", n, err)
		}
		if got := cap(c.replay.kept); got > row.most || c.Ready() != (row.most > 0) {
			t.Errorf("kept %d bytes, ready %v: %s", got, c.Ready(), row.why)
		}
	}
}

// FuzzReplay reads a body in times that stop anywhere.
func FuzzReplay(f *testing.F) {
	f.Add([]byte("hello, world"), []byte{3, 5, 0, 200}, uint16(100))
	f.Add([]byte("hello, world"), []byte{3, 5, 0, 200}, uint16(4))
	f.Fuzz(func(t *testing.T, payload, cuts []byte, limit uint16) {
		src := &source{Reader: bytes.NewReader(payload)}
		c := kept(src, int64(len(payload)), int64(limit)+1)
		seen := 0
		for _, cut := range cuts {
			if !c.Ready() {
				if seen <= int(limit) {
					t.Fatalf("lost after %d bytes with a limit of %d", seen, limit+1)
				}
				break
			}
			body := again(t, c)
			mustRead(t, body, int(cut), string(payload[:min(int(cut), len(payload))]), "each time begins at the beginning")
			seen = max(seen, min(int(cut), len(payload)))
			_ = body.Close()
			if size := cap(c.replay.kept); size > int(limit)+1 {
				t.Fatalf("kept %d of at most %d", size, limit+1)
			}
		}
		c.Finish()
		c.Finish()
		if src.closed != 1 {
			t.Fatalf("closed %d times", src.closed)
		}
	})
}

// TestSeek: of a body that can seek nothing is kept, and readers of the same time each
// have their own place in it.
func TestSeek(t *testing.T) {
	t.Parallel()
	src := newSeekable()
	c := kept(src, int64(len(payload)), -1)
	first := c.First()
	mustRead(t, first, 5, payload[:5], "from where it stood")
	second := again(t, c)
	look, err := c.Look(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	mustRead(t, second, 8, payload[:8], "from there again")
	mustRead(t, look, 99, payload, "looking does not move the reader")
	mustRead(t, second, 99, payload[8:], "and goes on in the middle")
	if _, err := first.Read(make([]byte, 1)); err != http.ErrBodyReadAfterClose {
		t.Errorf("a reader of the time before: %v", err)
	}
	if !c.Ready() || !c.Repeatable() || c.MayOutgrow() || len(c.replay.kept) != 0 {
		t.Errorf("kept %d bytes, ready %v", len(c.replay.kept), c.Ready())
	}
	_ = first.Close()
	c.Finish()
	if _ = second.Close(); src.closed != 1 {
		t.Errorf("closed %d times", src.closed)
	}
}

// TestSeekIgnored: a terminal accepts a seek on some systems, and goes on where it was.
func TestSeekIgnored(t *testing.T) {
	t.Parallel()
	c := kept(&errSeeker{source: source{Reader: strings.NewReader(payload)}, after: 9}, -1, 0)
	mustRead(t, c.First(), 99, payload, "the first time")
	mustRead(t, again(t, c), 99, payload, "what is kept")
}

// TestSeekLies: no other bytes than the first time are sent, nor fewer.
func TestSeekLies(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		why    string
		src    func() io.ReadCloser
		length int64
		n      int // bytes read the first time
		want   string
		err    error
	}{
		{"the caller has read on meanwhile", func() io.ReadCloser {
			s := newSeekable()
			s.step = func() {
				if s.Reader.(*strings.Reader).Len() < 20 {
					_, _ = s.Reader.(*strings.Reader).ReadByte()
				}
			}
			return s
		}, -1, 8, "", errMoved},
		{"the end is that of Read, which Seek does not move", func() io.ReadCloser {
			s := newSeekable()
			s.Reader = io.LimitReader(s.Reader, 20)
			return s
		}, -1, 8, payload[:12], errMoved},
		{"it is decoded by Read, and Seek moves what is encoded", func() io.ReadCloser {
			s := newSeekable()
			s.Reader = bufio.NewReaderSize(s.Reader, 16)
			return s
		}, -1, 8, "", errMoved},
		{"a part of a file is kept, as its length says", func() io.ReadCloser {
			s := newSeekable()
			s.Reader = io.LimitReader(s.Reader, 12)
			return s
		}, 12, 8, payload[:12], nil},
	} {
		c := kept(row.src(), row.length, 20)
		first := c.First()
		for left := row.n; left > 0; left -= 4 {
			_, _ = io.ReadFull(first, make([]byte, 4))
		}
		second := again(t, c)
		b, err := io.ReadAll(second)
		if string(b) != row.want || !errors.Is(err, row.err) {
			t.Errorf("read %q, %v, want %q, %v: %s", b, err, row.want, row.err, row.why)
		}
		if _, err := again(t, c).Read(make([]byte, 1)); row.err != nil && !errors.Is(err, row.err) {
			t.Errorf("a third time: %v: %s", err, row.why)
		}
	}
}

// TestReadUnderWay has a response come while the body is being read: whether it can be
// sent again is not left to what that read will bring.
func TestReadUnderWay(t *testing.T) {
	for _, row := range []struct {
		why   string
		limit int64
		ready bool
	}{
		{"what comes will be kept, whatever room there is for it", 10, true},
		{"whatever comes is too much", 4, false},
	} {
		synctest.Test(t, func(t *testing.T) {
			pr, pw := io.Pipe()
			c := kept(pr, -1, row.limit)
			first := c.First()
			done := make(chan error)
			go func() {
				_, err := io.ReadAll(first)
				done <- err
			}()
			_, _ = io.WriteString(pw, payload[:4])
			synctest.Wait()
			if c.Ready() != row.ready {
				t.Fatalf("limit %d: ready %v: %s", row.limit, c.Ready(), row.why)
			}
			if row.ready {
				second := again(t, c)
				c.Finish() // there is no third time, but the second needs what that read brings
				mustRead(t, second, 4, payload[:4], "what is kept is there at once")
				go func() {
					_, _ = io.WriteString(pw, payload[4:])
					_ = pw.Close()
				}()
				mustRead(t, second, 99, payload[4:], "the read that was under way has brought some of it")
			}
			c.Finish()
			_ = pw.Close()
			if err := <-done; (err == nil) == row.ready {
				t.Errorf("limit %d: the read that was under way: %v", row.limit, err)
			}
		})
	}
}

// TestStuck closes the reader while the source stays silent.
func TestStuck(t *testing.T) {
	for _, row := range []struct {
		why   string
		again func(c *Content) (io.ReadCloser, error)
	}{
		{"nobody else reads the source", nil},
		{"it is being sent again: the source is waited for", func(c *Content) (io.ReadCloser, error) { return c.Again() }},
		{"a layer below sends it again", func(c *Content) (io.ReadCloser, error) { return c.GetBody()() }},
	} {
		synctest.Test(t, func(t *testing.T) {
			pr, pw := io.Pipe()
			c := kept(pr, -1, 0)
			first := c.First()
			done := make(chan error)
			go func() {
				_, err := first.Read(make([]byte, 9))
				done <- err
			}()
			synctest.Wait()
			_ = first.Close()
			if row.again != nil {
				second, err := row.again(c)
				if err != nil {
					t.Fatal(err)
				}
				go func() {
					time.Sleep(2 * closeGrace)
					_, _ = io.WriteString(pw, payload)
					_ = pw.Close()
				}()
				mustRead(t, second, 99, payload, row.why)
			}
			if err := <-done; (err == nil) != (row.again != nil) {
				t.Errorf("the read that was under way: %v: %s", err, row.why)
			}
			if row.again == nil && c.Ready() {
				t.Error("ready, though the source is closed")
			}
			c.Finish()
		})
	}
}

// TestSourcePanics has a Read panic, as a body of tests or a broken one may: nobody who
// recovers waits for ever, nor is a body sent in which bytes may be missing.
func TestSourcePanics(t *testing.T) {
	t.Parallel()
	src := &source{Reader: strings.NewReader(payload), step: func() { panic("broken") }}
	c := kept(src, -1, 0)
	first := c.First()
	func() {
		defer func() {
			if recover() == nil {
				t.Error("no panic")
			}
		}()
		_, _ = first.Read(make([]byte, 9))
	}()
	src.step = nil
	if _, err := io.ReadAll(again(t, c)); !errors.Is(err, errPanicked) {
		t.Errorf("sent again: %v", err)
	}
	_ = first.Close()
	c.Finish()
}
