package collapse

import (
	"io"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tripper-go/tripper/internal/roundtrip"
)

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

func (s endless) Close() error { return nil }

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

// A reader that keeps up with the pump does not ask the sink.
func TestPumpKeepsUp(t *testing.T) {
	for _, size := range []int64{-1, 7} {
		synctest.Test(t, func(t *testing.T) {
			b := startBody(t, size, "one ", "two")
			b.to.lost = func(int64) error { return errSink }
			r, _ := b.open("pump")
			readsAll(t, r, "one two")
			_ = r.Close()
			b.ended(Ending{N: 7, Whole: true, Cause: io.EOF})
		})
	}
}

// A hooked source calls a function when it has filled the buffer.
type hooked struct {
	*testSource
	filled func(p []byte)
}

func (s *hooked) Read(p []byte) (int, error) {
	n, err := s.testSource.Read(p)
	s.filled(p[:n])
	return n, err
}

// The buffer of the pump is read by nobody while the source fills it, and is the pump's until
// the body is over.
func TestPumpOwnsItsBuffer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := prepareBody(t, "one ", "two ", "three")
		close(b.from.pieces)
		var slow io.ReadCloser
		b.resp.Body = &hooked{b.from, func(p []byte) {
			switch string(p) {
			case "two ":
				reads(t, slow, "one ")
			case "three":
				b.mu.Lock()
				defer b.mu.Unlock()
				if b.buf == nil {
					t.Error("the buffer is given back while the source fills it")
				}
			}
		}}
		b.start(Source{Size: -1})
		b.Share(1)
		fast, _ := b.open("pump")
		slow, _ = b.open("pump")
		reads(t, fast, "one two ")
		_, _ = fast.Close(), slow.Close() // the rest is drained
		b.ended(Ending{N: 13, Whole: true, Cause: io.EOF})
	})
}
