package collapse

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
)

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

// A sink that loses what it took is made up for by the owner, where the reader can go on
// with that.
func TestBodySinkLoses(t *testing.T) {
	for _, r := range []struct {
		name, why string
		source    Source
		lost      error // what the sink says
		read      string
		rest      io.Reader // nil if the owner has none
		got       string
		err       error
		asked     string // of the owner: from, to, cause
	}{{
		name: "all", why: "the owner has it from the beginning", source: Source{Size: 6}, lost: errSink,
		rest: strings.NewReader("foobar"), got: "foobar", asked: "0 6 the sink is full",
	}, {
		name: "the rest", why: "from where the reader is", source: Source{Size: 6}, lost: errSink, read: "foo",
		rest: strings.NewReader("bar"), got: "bar", asked: "3 6 the sink is full",
	}, {
		name: "without an error", why: "a sink that gives nothing has lost it", source: Source{Size: 6}, lost: io.EOF,
		rest: strings.NewReader("foobar"), got: "foobar", asked: "0 6 unexpected EOF",
	}, {
		name: "for good", why: "the owner says why", source: Source{Size: 6}, lost: errSink, err: errSource, asked: "0 6 the sink is full",
	}, {
		name: "length not known", why: "nobody can say where the rest ends", source: Source{Size: -1}, lost: errSink, err: errSink,
	}, {
		name: "of a part", why: "the owner counts from the beginning", source: Source{Size: 8, Stored: 2, First: 2}, lost: errSink, err: errSink,
	}} {
		synctest.Test(t, func(t *testing.T) {
			b := prepareBody(t, "foobar")
			close(b.from.pieces)
			b.to.b = []byte("__")[:r.source.Stored]
			asked := ""
			b.by.rest = func(off, end int64, cause error) (io.ReadCloser, error) {
				asked = fmt.Sprint(off, " ", end, " ", cause)
				if r.rest == nil {
					return nil, errSource
				}
				return io.NopCloser(r.rest), nil
			}
			b.start(r.source)
			b.Share(1)
			first, _ := b.open("inline")
			second, _ := b.open("inline")
			if _, err := io.ReadAll(first); err != nil {
				t.Error(err)
			}
			reads(t, second, r.read)
			b.to.lost = func(int64) error { return r.lost }
			got, err := io.ReadAll(second)
			if string(got) != r.got || err != r.err || asked != r.asked {
				t.Errorf("read %q, %v, asked for %q; want %q, %v, %q: %s", got, err, asked, r.got, r.err, r.asked, r.name+", "+r.why)
			}
			_, _ = first.Close(), second.Close()
			b.nothingLeft()
		})
	}
}

// A reader that is closed while the owner looks for the rest closes that.
func TestBodyClosedWhileRestIsOpened(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, early := range []bool{true, false} {
			b := startBody(t, 4, "body")
			rest := newTestSource("body")
			var r io.ReadCloser
			b.by.rest = func(int64, int64, error) (io.ReadCloser, error) {
				if early {
					_ = r.Close()
				}
				return rest, nil
			}
			b.to.lost = func(int64) error { return errSink }
			b.Share(1)
			first, _ := b.open("inline")
			r, _ = b.open("inline")
			readsAll(t, first, "body")
			if _, err := r.Read(make([]byte, 1)); (err != nil) != early {
				t.Errorf("closed %v: %v", early, err)
			}
			_, _ = r.Close(), first.Close()
			if !rest.isClosed() {
				t.Errorf("closed %v: the rest is open", early)
			}
			b.nothingLeft()
		}
	})
}

// The trailer is each reader's own, and is there when its Read has returned the end.
func TestBodyTrailer(t *testing.T) {
	for _, r := range []struct {
		name, why string
		size      int64
		announced http.Header
		end       error
		want      string
	}{
		{"announced", "RFC 9110 §6.5: it comes after the content", -1, http.Header{"Checksum": nil}, nil, "abc"},
		{"announced, and the length too", "the last byte is not the end", 4, http.Header{"Checksum": nil}, nil, "abc"},
		{"not announced", "net/http tells what it gets", -1, nil, nil, "abc"},
		{"cut", "the end was not seen", -1, http.Header{"Checksum": nil}, errSource, ""},
	} {
		for _, way := range ways {
			synctest.Test(t, func(t *testing.T) {
				b := prepareBody(t, "body")
				close(b.from.pieces)
				b.resp.Trailer, b.from.end = r.announced, r.end
				b.from.atEnd = func() { b.resp.Trailer = http.Header{"Checksum": {"abc"}} }
				b.start(Source{Size: r.size})
				b.Share(1)
				body, resp := b.open(way)
				second := b.Response(context.Background())
				for _, resp := range []*http.Response{resp, second} {
					if resp.Body == nil {
						resp.Body = body
					}
					_, _ = io.ReadAll(resp.Body)
					if got := resp.Trailer.Get("Checksum"); got != r.want {
						t.Errorf("%s/%s: %q, want %q: %s", r.name, way, got, r.want, r.why)
					}
					resp.Trailer = http.Header{"Checksum": {"mine"}} // is not the others'
					if n, err := resp.Body.Read(make([]byte, 1)); n != 0 || err == nil || resp.Trailer.Get("Checksum") != "mine" {
						t.Errorf("%s/%s: after the end: %d, %v, %v", r.name, way, n, err, resp.Trailer)
					}
					_ = resp.Body.Close()
				}
				b.nothingLeft()
			})
		}
	}
}
