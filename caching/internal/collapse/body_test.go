package collapse

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/tripper-go/tripper/internal/roundtrip"
)

func TestBodyEnds(t *testing.T) {
	much := strings.Repeat("x", roundtrip.DrainBytes+100)
	type row struct {
		name, why string
		source    Source
		pieces    []string
		end       error // of the source, io.EOF if nil
		takes     int   // by the sink, 0 for all
		trailer   bool  // is announced
		read      int   // bytes before the reader is closed, 0 for all
		want      Ending
		got       string // what the reader reads
		err       error  // and why no more
	}
	for _, r := range []row{{
		name: "whole", why: "all announced bytes have come", source: Source{Size: 4}, pieces: []string{"bo", "dy"},
		want: Ending{N: 4, Whole: true, Cause: io.EOF}, got: "body",
	}, {
		name: "length not known", why: "the end of the source is the end of the body", source: Source{Size: -1}, pieces: []string{"body"},
		want: Ending{N: 4, Whole: true, Cause: io.EOF}, got: "body",
	}, {
		name: "empty", why: "nothing is to come: it ends before it is read", source: Source{Size: 0},
		want: Ending{N: 0, Whole: true, Cause: io.EOF},
	}, {
		name: "empty, but for a trailer", why: "the trailer comes at the end of the source", source: Source{Size: 0}, trailer: true,
		want: Ending{N: 0, Whole: true, Cause: io.EOF},
	}, {
		name: "short", why: "RFC 9112 §8: fewer bytes than announced are incomplete", source: Source{Size: 5}, pieces: []string{"body"},
		want: Ending{N: 4, Cause: io.ErrUnexpectedEOF}, got: "body", err: io.ErrUnexpectedEOF,
	}, {
		name: "long", why: "more bytes than announced are not what was announced", source: Source{Size: 3}, pieces: []string{"body", "more"},
		want: Ending{N: 4, Cause: io.EOF}, got: "body",
	}, {
		name: "more than nothing", why: "as above", source: Source{Size: 0}, pieces: []string{"x"}, trailer: true,
		want: Ending{N: 1, Cause: io.EOF}, got: "x",
	}, {
		name: "broken", why: "the error is the readers'", source: Source{Size: -1}, pieces: []string{"bo"}, end: errSource,
		want: Ending{N: 2, Cause: errSource}, got: "bo", err: errSource,
	}, {
		name: "too long to be stored", why: "the limit is the sink's, not the readers'", source: Source{Size: -1, Limit: 3}, pieces: []string{"bo", "dy"},
		want: Ending{Sink: ErrTooLong, Cause: io.EOF}, got: "body",
	}, {
		name: "at the limit", why: "the limit is the largest that is stored", source: Source{Size: 4, Limit: 4}, pieces: []string{"bo", "dy"},
		want: Ending{N: 4, Whole: true, Cause: io.EOF}, got: "body",
	}, {
		name: "full sink", why: "readers get what the sink does not take", source: Source{Size: 4}, pieces: []string{"b", "od", "y"}, takes: 1,
		want: Ending{Sink: errSink, Cause: io.EOF}, got: "body",
	}, {
		name: "the rest of a part", why: "what the sink has already is part of the body", source: Source{Size: 6, Stored: 2}, pieces: []string{"body"},
		want: Ending{N: 6, Whole: true, Cause: io.EOF}, got: "__body",
	}, {
		name: "a part after a part", why: "the caller asked for the new part only", source: Source{Size: 6, Stored: 2, First: 2}, pieces: []string{"body"},
		want: Ending{N: 6, Whole: true, Cause: io.EOF}, got: "body",
	}, {
		name: "little is left", why: "it is drained: decoders stop before the end", source: Source{Size: -1}, pieces: []string{"bo", "dy"}, read: 2,
		want: Ending{N: 4, Whole: true, Cause: io.EOF}, got: "bo",
	}, {
		name: "much is left", why: "it is not worth the network", source: Source{Size: int64(len(much)) + 2}, pieces: []string{"bo", much}, read: 2,
		want: Ending{N: 2, Cause: ErrAbandoned}, got: "bo",
	}, {
		name: "as much is left as is drained", why: "the bound is the largest", source: Source{Size: roundtrip.DrainBytes + 2}, pieces: []string{"bo", much[:roundtrip.DrainBytes]}, read: 2,
		want: Ending{N: roundtrip.DrainBytes + 2, Whole: true, Cause: io.EOF}, got: "bo",
	}, {
		name: "more is left than it seemed", why: "the drain is bounded", source: Source{Size: -1}, pieces: []string{"bo", much, "end"}, read: 2,
		want: Ending{N: int64(len(much)) + 2, Cause: ErrAbandoned}, got: "bo",
	}, {
		name: "left with a full sink", why: "there is nothing to complete", source: Source{Size: 4}, pieces: []string{"bo", "dy"}, takes: 1, read: 2,
		want: Ending{Sink: errSink, Cause: ErrAbandoned}, got: "bo",
	}, {
		name: "left before the trailer", why: "all announced bytes are there: whole, without a trailer", source: Source{Size: 2}, pieces: []string{"bo"}, trailer: true, read: 2,
		want: Ending{N: 2, Whole: true, Cause: io.EOF}, got: "bo",
	}, {
		name: "left before a trailer that does not come", why: "nobody waits for it", source: Source{Size: 2}, pieces: []string{"bo"}, trailer: true, end: errSource, read: 2,
		want: Ending{N: 2, Whole: true, Cause: errSource}, got: "bo",
	}, {
		name: "the trailer does not come", why: "it may say that the body is wrong", source: Source{Size: 4}, pieces: []string{"body"}, trailer: true, end: errSource,
		want: Ending{N: 4, Cause: errSource}, got: "body", err: errSource,
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
			b.start(Source{Size: -1})
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
			b.ended(Ending{N: 13, Whole: true, Cause: io.EOF})
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
		b.ended(Ending{Cause: ErrAbandoned})
		if err := context.Cause(b.trip); err != ErrAbandoned {
			t.Errorf("the trip is cancelled because of %v", err)
		}
	})
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

// The end of an HTTP/2 stream that was not seen is waited for, so that the stream is not
// reset; nobody else waits. A connection of HTTP/1 has nothing more to come.
func TestBodyEndsBeforeItsStream(t *testing.T) {
	for _, way := range ways {
		for _, want := range []string{"body", ""} {
			for _, proto := range []int{1, 2} {
				synctest.Test(t, func(t *testing.T) {
					b := prepareBody(t, want)
					b.resp.ProtoMajor = proto
					if want != "" {
						b.from.atPiece = func() { b.resp.Trailer = http.Header{"Checksum": {"half"}} }
					}
					b.start(Source{Size: int64(len(want))})
					r, resp := b.open(way)
					readsAll(t, r, want)
					if proto == 2 && len(resp.Trailer) > 0 {
						t.Errorf("the trailer is read while it is written: %v", resp.Trailer)
					}
					_ = r.Close()
					if early := b.from.isClosed() || b.trip.Err() != nil; early != (proto == 1) {
						t.Errorf("HTTP/%d: closed at the last byte: %v", proto, early)
					}
					close(b.from.pieces)
					b.ended(Ending{N: int64(len(want)), Whole: true, Cause: io.EOF})
				})
			}
		}
	}
}

// A stream that panics when its end is waited for does so for no reader, and is closed.
func TestBodyPanicsAfterItsEnd(t *testing.T) {
	for _, way := range ways {
		synctest.Test(t, func(t *testing.T) {
			b := startBody(t, 4, "body")
			b.resp.ProtoMajor = 2
			b.from.atEnd = func() { panic("fault") }
			r, _ := b.open(way)
			readsAll(t, r, "body")
			_ = r.Close()
			b.ended(Ending{N: 4, Whole: true, Cause: io.EOF})
		})
	}
}

// A panic below is that of the caller who reads, and ends the body for all.
func TestBodyPanics(t *testing.T) {
	for _, fault := range []struct {
		name string
		do   func()
		want any
	}{{"panic", func() { panic("fault") }, "fault"}, {"Goexit", runtime.Goexit, errGoexit}} {
		for _, row := range []struct {
			where string
			set   func(b *testBody, f func())
			ends  int
		}{
			{"source", func(b *testBody, f func()) { b.from.atEnd = f }, 1},
			{"sink", func(b *testBody, f func()) { b.to.before = f }, 1},
			{"owner", func(b *testBody, f func()) { b.by.before = f }, 1},
		} {
			for _, way := range ways {
				t.Run(fmt.Sprint(row.where, "/", fault.name, "/", way), func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) {
						b := prepareBody(t, "bo")
						close(b.from.pieces)
						row.set(b, fault.do)
						b.start(Source{Size: -1})
						b.Share(1)
						r, _ := b.open(way)
						other := b.Response(t.Context()).Body
						waited := make(chan error, 1)
						go func() { // it waits for what the first one reads
							synctest.Wait()
							defer func() {
								if v := recover(); v != nil {
									waited <- fmt.Errorf("panicked with %v", v)
								}
							}()
							_, err := io.ReadAll(other)
							waited <- err
						}()
						var err error
						v := panicOf(func() { _, err = io.ReadAll(r) })
						if way == "pump" && fault.want == errGoexit {
							if v != nil || err != io.ErrUnexpectedEOF {
								t.Errorf("a goroutine of the body ended: %v, %v", v, err)
							}
						} else if v != fault.want {
							t.Errorf("panicked with %v, %v; want %v", v, err, fault.want)
						}
						if err := <-waited; err == nil {
							t.Error("another reader heard nothing of it")
						}
						if b.Join() {
							t.Error("it can still be joined")
						}
						_, _ = r.Close(), other.Close()
						b.nothingLeft()
						if len(b.by.ends) != row.ends || row.where != "owner" && b.by.ends[0].Whole {
							t.Errorf("ended %v", b.by.ends)
						}
					})
				})
			}
		}
	}
}
