package caching

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tripper-go/tripper/internal/roundtrip"
)

func TestBodyEnds(t *testing.T) {
	much := strings.Repeat("x", roundtrip.DrainBytes+100)
	type row struct {
		name, why string
		source    source
		pieces    []string
		end       error // of the source, io.EOF if nil
		takes     int   // by the sink, 0 for all
		trailer   bool  // is announced
		read      int   // bytes before the reader is closed, 0 for all
		want      ending
		got       string // what the reader reads
		err       error  // and why no more
	}
	for _, r := range []row{{
		name: "whole", why: "all announced bytes have come", source: source{Size: 4}, pieces: []string{"bo", "dy"},
		want: ending{N: 4, Whole: true, Cause: io.EOF}, got: "body",
	}, {
		name: "length not known", why: "the end of the source is the end of the body", source: source{Size: -1}, pieces: []string{"body"},
		want: ending{N: 4, Whole: true, Cause: io.EOF}, got: "body",
	}, {
		name: "empty", why: "nothing is to come: it ends before it is read", source: source{Size: 0},
		want: ending{N: 0, Whole: true, Cause: io.EOF},
	}, {
		name: "empty, but for a trailer", why: "the trailer comes at the end of the source", source: source{Size: 0}, trailer: true,
		want: ending{N: 0, Whole: true, Cause: io.EOF},
	}, {
		name: "short", why: "RFC 9112 §8: fewer bytes than announced are incomplete", source: source{Size: 5}, pieces: []string{"body"},
		want: ending{N: 4, Cause: io.ErrUnexpectedEOF}, got: "body", err: io.ErrUnexpectedEOF,
	}, {
		name: "long", why: "more bytes than announced are not what was announced", source: source{Size: 3}, pieces: []string{"body"},
		want: ending{N: 4, Cause: io.EOF}, got: "body",
	}, {
		name: "more than nothing", why: "as above", source: source{Size: 0}, pieces: []string{"x"}, trailer: true,
		want: ending{N: 1, Cause: io.EOF}, got: "x",
	}, {
		name: "broken", why: "the error is the readers'", source: source{Size: -1}, pieces: []string{"bo"}, end: errSource,
		want: ending{N: 2, Cause: errSource}, got: "bo", err: errSource,
	}, {
		name: "too long to be stored", why: "the limit is the sink's, not the readers'", source: source{Size: -1, Limit: 3}, pieces: []string{"bo", "dy"},
		want: ending{Sink: errTooLong, Cause: io.EOF}, got: "body",
	}, {
		name: "at the limit", why: "the limit is the largest that is stored", source: source{Size: 4, Limit: 4}, pieces: []string{"bo", "dy"},
		want: ending{N: 4, Whole: true, Cause: io.EOF}, got: "body",
	}, {
		name: "full sink", why: "readers get what the sink does not take", source: source{Size: 4}, pieces: []string{"b", "od", "y"}, takes: 1,
		want: ending{Sink: errSink, Cause: io.EOF}, got: "body",
	}, {
		name: "the rest of a part", why: "what the sink has already is part of the body", source: source{Size: 6, Stored: 2}, pieces: []string{"body"},
		want: ending{N: 6, Whole: true, Cause: io.EOF}, got: "__body",
	}, {
		name: "a part after a part", why: "the caller asked for the new part only", source: source{Size: 6, Stored: 2, First: 2}, pieces: []string{"body"},
		want: ending{N: 6, Whole: true, Cause: io.EOF}, got: "body",
	}, {
		name: "little is left", why: "it is drained: decoders stop before the end", source: source{Size: -1}, pieces: []string{"bo", "dy"}, read: 2,
		want: ending{N: 4, Whole: true, Cause: io.EOF}, got: "bo",
	}, {
		name: "much is left", why: "it is not worth the network", source: source{Size: int64(len(much)) + 2}, pieces: []string{"bo", much}, read: 2,
		want: ending{N: 2, Cause: errAbandoned}, got: "bo",
	}, {
		name: "as much is left as is drained", why: "the bound is the largest", source: source{Size: roundtrip.DrainBytes + 2}, pieces: []string{"bo", much[:roundtrip.DrainBytes]}, read: 2,
		want: ending{N: roundtrip.DrainBytes + 2, Whole: true, Cause: io.EOF}, got: "bo",
	}, {
		name: "more is left than it seemed", why: "the drain is bounded", source: source{Size: -1}, pieces: []string{"bo", much, "end"}, read: 2,
		want: ending{N: int64(len(much)) + 2, Cause: errAbandoned}, got: "bo",
	}, {
		name: "left with a full sink", why: "there is nothing to complete", source: source{Size: 4}, pieces: []string{"bo", "dy"}, takes: 1, read: 2,
		want: ending{Sink: errSink, Cause: errAbandoned}, got: "bo",
	}, {
		name: "left before the trailer", why: "all announced bytes are there: whole, without a trailer", source: source{Size: 2}, pieces: []string{"bo"}, trailer: true, read: 2,
		want: ending{N: 2, Whole: true, Cause: io.EOF}, got: "bo",
	}, {
		name: "left before a trailer that does not come", why: "nobody waits for it", source: source{Size: 2}, pieces: []string{"bo"}, trailer: true, end: errSource, read: 2,
		want: ending{N: 2, Whole: true, Cause: errSource}, got: "bo",
	}, {
		name: "the trailer does not come", why: "it may say that the body is wrong", source: source{Size: 4}, pieces: []string{"body"}, trailer: true, end: errSource,
		want: ending{N: 4, Cause: errSource}, got: "body", err: errSource,
	}} {
		for _, way := range ways {
			t.Run(r.name+"/"+way, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					b := prepareBody(t, r.pieces...)
					b.from.end = r.end
					close(b.from.pieces)
					if r.takes > 0 {
						b.to.takes = r.takes
					}
					b.to.b = []byte("__")[:r.source.Stored]
					if r.trailer {
						b.resp.Trailer = http.Header{"Checksum": nil}
					}
					b.start(r.source)
					body, _ := b.open(way)
					from := io.Reader(body)
					if r.read > 0 {
						from = io.LimitReader(body, int64(r.read))
					}
					got, err := io.ReadAll(from)
					if string(got) != r.got || err != r.err {
						t.Errorf("read %q, %v; want %q, %v: %s", got, err, r.got, r.err, r.why)
					}
					if err := body.Close(); err != nil {
						t.Error(err)
					}
					synctest.Wait()
					b.ended(r.want)
					if r.want.Whole && int64(len(b.to.b)) != r.want.N {
						t.Errorf("the sink has %q: %s", b.to.b, r.why)
					}
				})
			})
		}
	}
}

// Nothing is read before a reader wants it, and a piece is there for all readers at once.
func TestBodyOfMany(t *testing.T) {
	for _, way := range ways {
		synctest.Test(t, func(t *testing.T) {
			b := prepareBody(t, "one ")
			b.resp.TLS, b.resp.Uncompressed = nil, true
			b.start(source{Size: -1})
			b.Share(1)
			first, _ := b.open(way)
			synctest.Wait()
			if len(b.from.pieces) != 1 {
				t.Error("the source was read for nobody")
			}
			reads(t, first, "one ")
			second := b.Response(t.Context())
			if second.ContentLength != -1 || !second.Uncompressed {
				t.Errorf("a response that shares is %+v", second)
			}
			reads(t, second.Body, "one ")
			if !b.Join() {
				t.Fatal("too late to join an open body")
			}
			third := b.Response(t.Context())
			b.from.pieces <- "two "
			reads(t, second.Body, "two ")
			reads(t, third.Body, "one two ")
			b.from.pieces <- "three"
			close(b.from.pieces)
			for _, r := range []io.ReadCloser{first, second.Body, third.Body} {
				rest, err := io.ReadAll(r)
				if !strings.HasSuffix(string(rest), "three") || err != nil {
					t.Errorf("the rest is %q, %v", rest, err)
				}
			}
			for _, r := range []io.ReadCloser{first, second.Body, third.Body} {
				if b.to.closed != 0 {
					t.Error("the sink is closed while it may be read")
				}
				_ = r.Close()
				_ = r.Close()
				if n, err := r.Read(make([]byte, 1)); n != 0 || err != http.ErrBodyReadAfterClose {
					t.Errorf("a closed reader reads %d, %v", n, err)
				}
			}
			b.ended(ending{N: 13, Whole: true, Cause: io.EOF})
		})
	}
}

// Who may join, by what has become of the body.
func TestBodyJoin(t *testing.T) {
	for _, r := range []struct {
		name, why string
		do        func(b *testBody)
		want      bool
	}{
		{"open", "it is read from its beginning", func(*testBody) {}, true},
		{"with its leader's share only", "the leader has not begun to read", func(b *testBody) { b.to.takes = 0 }, true},
		{"over", "the sink has it all", func(b *testBody) { r, _ := b.open("pump"); readsAll(b.t, r, "body") }, true},
		{"over and left", "the sink is closed", func(b *testBody) { r, _ := b.open("pump"); readsAll(b.t, r, "body"); _ = r.Close() }, false},
		{"released", "its last share is gone", func(b *testBody) { b.Release() }, false},
		{"full", "the sink does not have its beginning", func(b *testBody) {
			b.to.takes = 0
			r, _ := b.open("pump")
			reads(b.t, r, "bo")
		}, false},
		{"broken", "others need not share the failure", func(b *testBody) {
			b.from.end = errSource
			r, _ := b.open("pump")
			_, _ = io.ReadAll(r)
		}, false},
		{"being finished", "the sink will have it", func(b *testBody) {
			b.by.before = func() {
				if !b.Join() {
					b.t.Error("too late while it is finished")
				}
			}
			r, _ := b.open("pump")
			readsAll(b.t, r, "body")
		}, true},
	} {
		synctest.Test(t, func(t *testing.T) {
			b := startBody(t, -1, "bo", "dy")
			r.do(b)
			if ok := b.Join(); ok != r.want {
				t.Errorf("%s: Join is %v: %s", r.name, ok, r.why)
			}
			for len(b.readers) > 0 {
				_ = b.readers[0].Close()
			}
			for b.shares > 0 {
				b.Release()
			}
			synctest.Wait()
			b.nothingLeft()
		})
	}
}

func TestBodyBind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := startBody(t, 0)
		if b.landed != 1 {
			t.Error("a body that is over has not landed")
		}
		b.Release()
		if b.to.closed != 1 {
			t.Error("the sink is open, and the last share released")
		}

		b = startBody(t, -1, "x")
		b.Release()
		b.ended(ending{Cause: errAbandoned})
		if b.cancel != errAbandoned {
			t.Errorf("the trip is cancelled because of %v", b.cancel)
		}
	})
}

// The end of the reader's context ends its Read, with its cause, and no other's.
func TestBodyContextEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cause := errors.New("enough")
		b := prepareBody(t)
		b.start(source{Size: -1})
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
		b.ended(ending{N: 1, Whole: true, Cause: io.EOF})
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
			b.start(source{Size: -1})
			ctx, cancel := context.WithCancelCause(t.Context())
			r := b.Response(ctx).Body
			row.do(b, r)
			synctest.Wait()
			cancel(cause)
			synctest.Wait()
			b.nothingLeft()
			if b.cancel != cause && b.cancel != nil {
				t.Errorf("%s: the trip is cancelled because of %v", row.name, b.cancel)
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
			b.start(source{Size: 1})
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
			synctest.Wait()
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
			b.start(source{Size: -1})
			r, _ := b.open(way)
			reads(t, r, "x")
			began := time.Now()
			_ = r.Close()
			if d := time.Since(began); d != roundtrip.DrainTime {
				t.Errorf("Close took %v", d)
			}
			synctest.Wait()
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
			b.start(source{Size: -1})
			r, _ := b.open("pump")
			reads(t, r, "x")
			began := time.Now()
			_ = r.Close()
			if d := time.Since(began); d != roundtrip.DrainTime {
				t.Errorf("Close took %v", d)
			}
			time.Sleep(2 * while)
			if len(b.by.ends) != 1 || b.by.ends[0].Cause != errAbandoned || b.to.closed != 1 {
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
			b.start(source{Size: 2 * roundtrip.DrainBytes})
			r, _ := b.open(way)
			got := make(chan error)
			go func() { _, err := io.ReadAll(r); got <- err }()
			synctest.Wait()
			_ = r.Close()
			if err := <-got; err == nil {
				t.Error("a closed body is read without an error")
			}
			synctest.Wait()
			b.nothingLeft()
		})
	}
}

// A source that gives bytes although it was closed meanwhile is not read on.
func TestBodyClosedWithAPiece(t *testing.T) {
	for _, way := range ways {
		synctest.Test(t, func(t *testing.T) {
			b := prepareBody(t, "one", "two")
			b.start(source{Size: 2 * roundtrip.DrainBytes})
			r, _ := b.open(way)
			if n, err := r.Read(nil); n != 0 || err != nil {
				t.Errorf("an empty read: %d, %v", n, err)
			}
			b.from.atPiece = func() { _ = r.Close() }
			_, _ = r.Read(make([]byte, 10))
			synctest.Wait()
			b.ended(ending{N: 3, Cause: errAbandoned})
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
				b.start(source{Size: int64(len(want))})
				r, _ := b.open(way)
				readsAll(t, r, want)
				_ = r.Close()
				if b.from.isClosed() || b.cancel != errNotCancelled {
					t.Error("the stream is reset at its last byte")
				}
				close(b.from.pieces)
				synctest.Wait()
				b.ended(ending{N: int64(len(want)), Whole: true, Cause: io.EOF})
			})
		}
	}
}
