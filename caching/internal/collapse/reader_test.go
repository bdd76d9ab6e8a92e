package collapse

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
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

// A reader that is closed in the middle of its own Read, with little left: the rest is drained.
func TestBodyClosedInReadIsDrained(t *testing.T) {
	for _, way := range ways {
		synctest.Test(t, func(t *testing.T) {
			b := startBody(t, 6, "one", "two")
			r, _ := b.open(way)
			b.from.atPiece = func() {
				b.from.atPiece = nil
				go func() { _ = r.Close() }()
				time.Sleep(time.Millisecond) // Close waits then
			}
			_, _ = r.Read(make([]byte, 10))
			time.Sleep(time.Second)
			b.ended(Ending{N: 6, Whole: true, Cause: io.EOF})
		})
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
					for _, v := range resp.Trailer["Checksum"] {
						resp.Trailer["Checksum"] = append(resp.Trailer["Checksum"][:0], "not "+v) // is not the others'
					}
					resp.Trailer = http.Header{"Checksum": {"mine"}}
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
