package caching

import (
	"context"
	"errors"
	"io"
	"net/http"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// filler is a body that knows how much of it was read.
type filler struct {
	size   int64
	read   atomic.Int64
	closed atomic.Bool
}

func (b *filler) Read(p []byte) (int, error) {
	switch left := b.size - b.read.Load(); {
	case b.closed.Load():
		return 0, errors.New("body closed")
	case left == 0:
		return 0, io.EOF
	default:
		n := min(int64(len(p)), left)
		clear(p[:n])
		b.read.Add(n)
		return int(n), nil
	}
}

func (b *filler) Close() error {
	b.closed.Store(true)
	return nil
}

// filling is a cache whose store takes that many bytes of body.
func filling(body *filler, takes int) (*Transport, *writers) {
	store := &writers{Store: &failing{Store: NewMemory(DefaultMemory), write: takes}}
	return &Transport{Store: store, Base: originFunc(func(req *http.Request) (*http.Response, error) {
		return reply(req, 200, body, -1, "Cache-Control: max-age=600"), nil
	})}, store
}

// What is kept for a reader who reads nothing is bounded, however the one before
// it reads.
func TestLagIsBounded(t *testing.T) {
	for _, kind := range contexts {
		t.Run(kind, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				body := &filler{size: 5 * maxLag}
				c, _ := filling(body, 1<<10)
				first := send(t, c, contextOf(t, kind))
				stalled := send(t, c, t.Context())
				go func() {
					_, _ = io.Copy(io.Discard, first.Body)
					_ = first.Body.Close()
				}()
				synctest.Wait()
				if n := body.read.Load(); n > 2*maxLag {
					t.Errorf("%d bytes are kept for one who reads nothing; want about %d", n, maxLag)
				}
				time.Sleep(2 * maxStall)
				_ = stalled.Body.Close()
				synctest.Wait()
				if !body.closed.Load() {
					t.Error("all have left, and the body is open")
				}
			})
		})
	}
}

// Nobody is cut off when nobody waits any more, and nothing is left when all have
// gone.
func TestWaitingReaderLeaves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		body := &filler{size: 5 * maxLag}
		c, store := filling(body, 1<<10)
		ctx, cancel := context.WithCancel(t.Context())
		waiting, slow := send(t, c, ctx), send(t, c, t.Context())
		done := make(chan error)
		go func() {
			_, err := io.Copy(io.Discard, waiting.Body)
			done <- err
		}()
		synctest.Wait() // it waits for the other
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Errorf("who has left got %v", err)
		}
		_ = waiting.Body.Close()
		time.Sleep(2 * maxStall)
		if _, err := slow.Body.Read(make([]byte, 10)); err != nil {
			t.Errorf("cut off for nobody: %v", err)
		}
		_ = slow.Body.Close()
		synctest.Wait()
		if n, flights := store.open.Load(), underWay(c); n != 0 || flights != 0 || !body.closed.Load() {
			t.Errorf("left: %d writers, %d flights, body closed %v", n, flights, body.closed.Load())
		}
	})
}

// A reader who reads all the time is waited for, be it from the store or not.
func TestBusyReaderIsNotCutOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		body := &filler{size: 7 * maxLag}
		c, _ := filling(body, 4*maxLag)
		fast, busy := send(t, c, t.Context()), send(t, c, t.Context())
		done := make(chan bool)
		go func() {
			defer close(done)
			readAll(t, fast.Body)
			_ = fast.Body.Close()
		}()
		var total int64
		for err := error(nil); err == nil; time.Sleep(time.Second) {
			var n int
			if n, err = busy.Body.Read(make([]byte, 64<<10)); err != nil && err != io.EOF {
				t.Errorf("after %d bytes: %v", total, err)
			}
			total += int64(n)
		}
		if total != body.size {
			t.Errorf("read %d bytes of %d", total, body.size)
		}
		_ = busy.Body.Close()
		<-done
	})
}
