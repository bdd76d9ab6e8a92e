package collapse

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
)

var (
	errSource = errors.New("the source broke off")
	errSink   = errors.New("the sink is full")
)

// A testSource is a source that gives one piece a Read, when it is told to.
type testSource struct {
	pieces chan string
	// end is the error after the last piece, io.EOF if nil, and atEnd is called before it.
	end   error
	atEnd func()
	// atPiece is called when a piece has come.
	atPiece func()
	closed  chan struct{}
	once    sync.Once
	rest    string
}

func newTestSource(pieces ...string) *testSource {
	s := &testSource{pieces: make(chan string, 64), closed: make(chan struct{})}
	for _, p := range pieces {
		s.pieces <- p
	}
	return s
}

func (s *testSource) Read(p []byte) (int, error) {
	if s.rest == "" {
		select {
		case <-s.closed:
			return 0, errSource
		default:
		}
		select {
		case piece, ok := <-s.pieces:
			if !ok {
				if s.atEnd != nil {
					s.atEnd()
				}
				if s.end != nil {
					return 0, s.end
				}
				return 0, io.EOF
			}
			if s.rest = piece; s.atPiece != nil {
				s.atPiece()
			}
		case <-s.closed:
			return 0, errSource
		}
	}
	n := copy(p, s.rest)
	s.rest = s.rest[n:]
	return n, nil
}

func (s *testSource) Close() error {
	s.once.Do(func() { close(s.closed) })
	return nil
}

func (s *testSource) isClosed() bool {
	select {
	case <-s.closed:
		return true
	default:
		return false
	}
}

// A testSink takes that many bytes, or all if negative.
type testSink struct {
	takes  int
	before func()                // is called before each Write
	lost   func(off int64) error // what ReadAt returns

	mu     sync.Mutex
	b      []byte
	full   bool
	closed int
}

func (s *testSink) Write(p []byte) (int, error) {
	if s.before != nil {
		s.before()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(p) == 0 || s.full {
		panic("a Write of nothing, or after an error")
	}
	if s.full = s.takes >= 0 && len(s.b)+len(p) > s.takes; s.full {
		return 0, errSink
	}
	s.b = append(s.b, p...)
	return len(p), nil
}

func (s *testSink) ReadAt(p []byte, off int64) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.lost != nil {
		if err := s.lost(off); err != nil {
			return 0, err
		}
	}
	return bytes.NewReader(s.b).ReadAt(p, off)
}

func (s *testSink) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed++
	return nil
}

// A testOwner notes how its body ends.
type testOwner struct {
	before func()
	rest   func(off, end int64, cause error) (io.ReadCloser, error)
	ends   []Ending
}

func (o *testOwner) Finish(e Ending) {
	o.ends = append(o.ends, e)
	if o.before != nil {
		o.before()
	}
}

func (o *testOwner) Rest(_ context.Context, off, end int64, cause error) (io.ReadCloser, error) {
	return o.rest(off, end, cause)
}

// A testBody is a body with all that is around it.
type testBody struct {
	Body
	t      *testing.T
	from   *testSource
	to     *testSink
	by     *testOwner
	resp   *http.Response
	landed int
	trip   context.Context
	cancel context.CancelCauseFunc // of trip
}

// startBody makes a body of size bytes from pieces, the last of which is followed by the
// end of the source.
func startBody(t *testing.T, size int64, pieces ...string) *testBody {
	t.Helper()
	b := prepareBody(t, pieces...)
	close(b.from.pieces)
	b.start(Source{Size: size})
	return b
}

func prepareBody(t *testing.T, pieces ...string) *testBody {
	t.Helper()
	b := &testBody{t: t, from: newTestSource(pieces...), to: &testSink{takes: -1}, by: &testOwner{}}
	b.trip, b.cancel = context.WithCancelCause(context.Background())
	b.resp = &http.Response{ProtoMajor: 1, Body: b.from}
	return b
}

func (b *testBody) start(s Source) {
	s.Origin = b.resp
	b.Start(s, b.to, b.by)
	b.Bind(b.cancel, func() { b.landed++ })
}

// open returns a reader that takes the way of the name.
func (b *testBody) open(way string) (io.ReadCloser, *http.Response) {
	ctx, resp := context.Background(), new(http.Response)
	if way == "pump" {
		ctx = b.t.Context()
	}
	resp.Body = b.Open(ctx, resp, true)
	return resp.Body, resp
}

// ended checks that the body has ended as wanted, once, and that nothing is left open.
func (b *testBody) ended(want Ending) {
	b.t.Helper()
	synctest.Wait()
	if len(b.by.ends) != 1 || b.by.ends[0] != want {
		b.t.Errorf("ended %v, want %v", b.by.ends, want)
	}
	b.nothingLeft()
}

// nothingLeft checks that nothing is left open of a body that all have left.
func (b *testBody) nothingLeft() {
	b.t.Helper()
	synctest.Wait()
	if !b.from.isClosed() || b.to.closed != 1 || b.landed != 1 || b.trip.Err() == nil || b.buf != nil {
		b.t.Errorf("source closed %v, sink closed %d times, landed %d times, %v, buffer %v", b.from.isClosed(), b.to.closed, b.landed, context.Cause(b.trip), b.buf != nil)
	}
}

// ways are the two ways to read a source.
var ways = []string{"inline", "pump"}

// reads checks that want is what r reads next.
func reads(t *testing.T, r io.Reader, want string) {
	t.Helper()
	p := make([]byte, len(want))
	if _, err := io.ReadFull(r, p); err != nil || string(p) != want {
		t.Errorf("read %q, %v; want %q", p, err, want)
	}
}

// readsAll checks that want, and io.EOF, is what r reads next.
func readsAll(t *testing.T, r io.Reader, want string) {
	t.Helper()
	if p, err := io.ReadAll(r); err != nil || string(p) != want {
		t.Errorf("read %q, %v; want %q", p, err, want)
	}
}

// panicOf runs fn in a goroutine and returns what it panicked with, nil if it came to its
// end and errGoexit if it ended the goroutine.
func panicOf(fn func()) (v any) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		v = errGoexit
		defer func() {
			if p := recover(); p != nil {
				v = p
			}
		}()
		fn()
		v = nil
	}()
	<-done
	return v
}

var errGoexit = errors.New("runtime.Goexit")
