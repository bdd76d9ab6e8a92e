package collapse

import (
	"context"
	"errors"
	"io"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tripper-go/tripper/internal/roundtrip"
)

// The end of the reader's context ends its Read, with its cause, and no other's.
func TestBodyContextEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cause := errors.New("enough")
		b := prepareBody(t)
		b.start(Source{Size: -1})
		b.Share(1)
		ctx, cancel := context.WithCancelCause(t.Context())
		leaves, stays := b.Response(ctx).Body, b.Response(t.Context()).Body
		got := make(chan error)
		go func() { _, err := leaves.Read(make([]byte, 1)); got <- err }()
		go func() { _, err := io.ReadAll(stays); got <- err }()
		synctest.Wait()
		cancel(cause)
		if err := <-got; err != cause {
			t.Errorf("who has left got %v", err)
		}
		if _, err := leaves.Read(make([]byte, 1)); err != cause {
			t.Errorf("who has left got %v then", err)
		}
		b.from.pieces <- "x"
		close(b.from.pieces)
		if err := <-got; err != nil {
			t.Errorf("who has stayed got %v", err)
		}
		_, _ = leaves.Close(), stays.Close()
		b.ended(Ending{N: 1, Whole: true, Cause: io.EOF})
	})
}

// The last reader whose context ends abandons the body, with its cause, in whatever it is.
func TestBodyLastContextEnds(t *testing.T) {
	for _, row := range []struct {
		name string
		do   func(b *testBody, r io.Reader)
	}{
		{"before it reads", func(*testBody, io.Reader) {}},
		{"between reads", func(b *testBody, r io.Reader) { reads(b.t, r, "x") }},
		{"in a read", func(b *testBody, r io.Reader) { go func() { _, _ = io.ReadAll(r) }() }},
	} {
		synctest.Test(t, func(t *testing.T) {
			cause := errors.New("enough")
			b := prepareBody(t, "x")
			b.start(Source{Size: -1})
			ctx, cancel := context.WithCancelCause(t.Context())
			r := b.Response(ctx).Body
			row.do(b, r)
			synctest.Wait()
			cancel(cause)
			b.nothingLeft()
			if err := context.Cause(b.trip); err != cause && err != context.Canceled {
				t.Errorf("%s: the trip is cancelled because of %v", row.name, err)
			}
			if len(b.by.ends) != 1 || b.by.ends[0].Whole || b.by.ends[0].Cause == io.EOF {
				t.Errorf("%s: ended %v", row.name, b.by.ends)
			}
		})
	}
}

// A body of which all announced bytes have come is whole for those who do not wait for its
// trailer; but not if the source panics instead of giving it.
func TestBodyEndsBeforeItsTrailer(t *testing.T) {
	for _, panics := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			b := prepareBody(t, "x")
			b.resp.Trailer = http.Header{"Checksum": nil}
			b.start(Source{Size: 1})
			ctx, cancel := context.WithCancel(t.Context())
			r := b.Response(ctx).Body
			reads(t, r, "x")
			if panics {
				b.from.atEnd = func() { panic("fault") }
				close(b.from.pieces)
				if v := panicOf(func() { _, _ = r.Read(make([]byte, 1)) }); v != "fault" {
					t.Errorf("panicked with %v", v)
				}
			}
			cancel()
			b.nothingLeft()
			if len(b.by.ends) != 1 || b.by.ends[0].Whole == panics {
				t.Errorf("panics %v: ended %v", panics, b.by.ends)
			}
		})
	}
}

// A drain waits for a silent source only for a moment, and so does Close.
func TestBodyDrainIsBounded(t *testing.T) {
	for _, way := range ways {
		synctest.Test(t, func(t *testing.T) {
			b := prepareBody(t, "x")
			b.start(Source{Size: -1})
			r, _ := b.open(way)
			reads(t, r, "x")
			began := time.Now()
			_ = r.Close()
			if d := time.Since(began); d != roundtrip.DrainTime {
				t.Errorf("Close took %v", d)
			}
			b.nothingLeft()
		})
	}
}

// endless is a source that cannot be closed: it gives a byte each while, or none.
type endless struct{ while time.Duration }

func (s endless) Read(p []byte) (int, error) { time.Sleep(s.while); return copy(p, "x"), nil }
func (s endless) Close() error               { return nil }

// A source that goes on, or hangs, although it is closed is not drained for ever.
func TestBodyDrainOfEndlessSource(t *testing.T) {
	for _, while := range []time.Duration{time.Second, time.Hour} {
		synctest.Test(t, func(t *testing.T) {
			b := prepareBody(t)
			b.resp.Body = endless{while}
			b.start(Source{Size: -1})
			r, _ := b.open("pump")
			reads(t, r, "x")
			began := time.Now()
			_ = r.Close()
			if d := time.Since(began); d != roundtrip.DrainTime {
				t.Errorf("Close took %v", d)
			}
			time.Sleep(2 * while)
			synctest.Wait()
			if len(b.by.ends) != 1 || b.by.ends[0].Cause != ErrAbandoned || b.to.closed != 1 {
				t.Errorf("ended %v, sink closed %d times", b.by.ends, b.to.closed)
			}
		})
	}
}

// A reader that is closed in the middle of its own Read from the source leaves nothing
// behind.
func TestBodyClosedInRead(t *testing.T) {
	for _, way := range ways {
		synctest.Test(t, func(t *testing.T) {
			b := prepareBody(t)
			b.start(Source{Size: 2 * roundtrip.DrainBytes})
			r, _ := b.open(way)
			got := make(chan error)
			go func() { _, err := io.ReadAll(r); got <- err }()
			synctest.Wait()
			_ = r.Close()
			if err := <-got; err == nil {
				t.Error("a closed body is read without an error")
			}
			b.nothingLeft()
		})
	}
}

// A source that gives bytes although it was closed meanwhile is not read on.
func TestBodyClosedWithAPiece(t *testing.T) {
	for _, way := range ways {
		synctest.Test(t, func(t *testing.T) {
			b := prepareBody(t, "one", "two")
			b.start(Source{Size: 2 * roundtrip.DrainBytes})
			r, _ := b.open(way)
			if n, err := r.Read(nil); n != 0 || err != nil {
				t.Errorf("an empty read: %d, %v", n, err)
			}
			b.from.atPiece = func() { _ = r.Close() }
			_, _ = r.Read(make([]byte, 10))
			b.ended(Ending{N: 3, Cause: ErrAbandoned})
		})
	}
}

// The end of an HTTP/2 stream that was not seen is waited for, so that the stream is not
// reset; nobody else waits.
func TestBodyEndsBeforeItsStream(t *testing.T) {
	for _, way := range ways {
		for _, want := range []string{"body", ""} {
			synctest.Test(t, func(t *testing.T) {
				b := prepareBody(t, want)
				b.resp.ProtoMajor = 2
				b.start(Source{Size: int64(len(want))})
				r, _ := b.open(way)
				readsAll(t, r, want)
				_ = r.Close()
				if b.from.isClosed() || b.trip.Err() != nil {
					t.Error("the stream is reset at its last byte")
				}
				close(b.from.pieces)
				b.ended(Ending{N: int64(len(want)), Whole: true, Cause: io.EOF})
			})
		}
	}
}
