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
	synctest.Test(t, func(t *testing.T) {
		b := startBody(t, -1, "one ", "two")
		b.to.lost = func(int64) error { return errSink }
		r, _ := b.open("pump")
		readsAll(t, r, "one two")
		_ = r.Close()
		b.ended(Ending{N: 7, Whole: true, Cause: io.EOF})
	})
}
