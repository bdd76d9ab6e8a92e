package collapse

import (
	"context"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// spilling is a body of which the sink takes only so many bytes.
func spilling(t *testing.T, takes, size int) *testBody {
	t.Helper()
	b := prepareBody(t)
	b.to.takes = takes
	go func() {
		piece := strings.Repeat("x", 32<<10)
		for range size / len(piece) {
			b.from.pieces <- piece
		}
		close(b.from.pieces)
	}()
	b.start(Source{Size: -1})
	b.Share(1)
	return b
}

// discard reads all there is, and sends how much it was and why it ended.
func discard(r io.Reader) <-chan error {
	done := make(chan error, 1)
	go func() { _, err := io.Copy(io.Discard, r); done <- err }()
	return done
}

// What is kept for a reader that reads nothing, or for a share that nobody has used, is
// bounded, however the other reader reads. After a while others do not wait for it.
func TestSpillIsBounded(t *testing.T) {
	for _, way := range ways {
		for _, opened := range []bool{true, false} {
			synctest.Test(t, func(t *testing.T) {
				b := spilling(t, 1<<10, 5*maxLag)
				fast, _ := b.open(way)
				var stalled io.ReadCloser
				if opened {
					stalled, _ = b.open("pump")
				}
				done := discard(fast)
				synctest.Wait()
				b.mu.Lock()
				n := b.n
				b.mu.Unlock()
				if n < maxLag || n > 2*maxLag {
					t.Errorf("%d bytes are kept for one that reads nothing; want about %d", n, maxLag)
				}
				began := time.Now()
				if !opened {
					b.Release()
					if err := <-done; err != nil || time.Now() != began {
						t.Errorf("without the share: %v after %v", err, time.Since(began))
					}
				} else {
					if err := <-done; err != nil || time.Since(began) != maxStall {
						t.Errorf("who reads got %v after %v", err, time.Since(began))
					}
					if _, err := stalled.Read(make([]byte, 1)); err != ErrLagging {
						t.Errorf("who does not read got %v", err)
					}
					_ = stalled.Close()
				}
				_ = fast.Close()
				b.ended(Ending{Sink: errSink, Cause: io.EOF})
			})
		}
	}
}

// Nobody is cut off when nobody waits any more.
func TestSpillWaiterLeaves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := spilling(t, 1<<10, 5*maxLag)
		ctx, cancel := context.WithCancel(t.Context())
		waiting, slow := b.Response(ctx).Body, b.Response(t.Context()).Body
		done := discard(waiting)
		synctest.Wait()
		cancel()
		if err := <-done; err != context.Canceled {
			t.Errorf("who has left got %v", err)
		}
		time.Sleep(2 * maxStall)
		reads(t, slow, "xxxx")
		_ = slow.Close()
		for range b.from.pieces { // let the writer of the pieces end
		}
		b.ended(Ending{Sink: errSink, Cause: ErrAbandoned})
	})
}

// A reader that reads all the time is waited for, be it from the sink or from memory.
func TestSpillBusyReader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const size = 7 * maxLag
		b := spilling(t, 4*maxLag, size)
		fast, _ := b.open("pump")
		busy, _ := b.open("pump")
		done := discard(fast)
		total, p := 0, make([]byte, 64<<10)
		for err := error(nil); err == nil; time.Sleep(time.Second) {
			var n int
			if n, err = busy.Read(p); err != nil && err != io.EOF {
				t.Errorf("after %d bytes: %v", total, err)
			}
			total += n
		}
		if err := <-done; total != size || err != nil {
			t.Errorf("read %d bytes of %d; the other %v", total, size, err)
		}
		_, _ = busy.Close(), fast.Close()
		b.ended(Ending{Sink: errSink, Cause: io.EOF})
	})
}

// Whoever had a share when the sink failed reads it all, however late.
func TestSpillForShares(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := startBody(t, -1, "bo", "dy", "!")
		b.to.takes = 2
		b.Share(2)
		first, _ := b.open("inline")
		readsAll(t, first, "body!")
		b.Release()
		second, _ := b.open("inline")
		readsAll(t, second, "body!")
		_, _ = first.Close(), second.Close()
		b.ended(Ending{Sink: errSink, Cause: io.EOF})
	})
}

// A single inline reader needs nothing kept: what the sink does not take goes by.
func TestSpillForOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := startBody(t, -1, "bo", "dy", "!")
		b.to.takes = 2
		r, _ := b.open("inline")
		readsAll(t, r, "body!")
		if b.tail == nil || b.tail.off != 2 || b.tail.next != nil {
			t.Errorf("kept for nobody: %+v", b.tail)
		}
		_ = r.Close()
		b.ended(Ending{Sink: errSink, Cause: io.EOF})
	})
}

// A share that is used late gets as much time as any other reader, and no more.
func TestSpillLateShare(t *testing.T) {
	for _, used := range []time.Duration{maxStall / 2, 2 * maxStall} {
		synctest.Test(t, func(t *testing.T) {
			b := spilling(t, 1<<10, 5*maxLag)
			fast, _ := b.open("pump")
			done := discard(fast)
			time.Sleep(used)
			late, _ := b.open("pump")
			began := time.Now()
			if err := <-done; err != nil || time.Since(began) != maxStall {
				t.Errorf("used after %v: the other got %v after %v", used, err, time.Since(began))
			}
			_, _ = late.Close(), fast.Close()
			b.ended(Ending{Sink: errSink, Cause: io.EOF})
		})
	}
}

// What the sink does not take is kept for the other reader, although the one that has read it was
// closed meanwhile.
func TestSpillReaderIsClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := prepareBody(t, "bo")
		b.to.takes = 2
		b.start(Source{Size: -1})
		b.Share(1)
		first, _ := b.open("inline")
		other, _ := b.open("pump")
		reads(t, first, "bo")
		reads(t, other, "bo")
		read := discard(first)
		synctest.Wait()
		_ = first.Close()
		b.from.pieces <- "dy"
		close(b.from.pieces)
		<-read
		p := make([]byte, 4)
		if n, err := other.Read(p); string(p[:n]) != "dy" || err != nil {
			t.Fatalf("read %q, %v", p[:n], err)
		}
		readsAll(t, other, "")
		_ = other.Close()
		b.ended(Ending{Sink: errSink, Cause: io.EOF})
	})
}
