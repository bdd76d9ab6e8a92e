package caching

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tripper-go/tripper/caching/memorystore"
	"github.com/tripper-go/tripper/caching/store"
)

// panickyStore panics when it is to commit.
type panickyStore struct{ *memorystore.Store }

func (s panickyStore) Create(ctx context.Context, key string, size int64) (store.Writer, error) {
	w, err := s.Store.Create(ctx, key, size)
	return panickyWriter{w}, err
}

type panickyWriter struct{ store.Writer }

func (panickyWriter) Commit(context.Context, *store.Meta) error { panic("oops") }

// The panic of a store is that of the one who reads in place; who shares the body
// gets an error and does not wait for ever, nor does who comes later.
func TestPanicOfStoreInPlace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &Transport{Store: panickyStore{memorystore.New(memorystore.DefaultMaxBytes)}}
		c.Base = originFunc(func(req *http.Request) (*http.Response, error) {
			return respond(req, 200, strings.NewReader("body"), -1, "Cache-Control: max-age=60"), nil
		})
		defer c.Close()
		first, second := send(t, c, context.WithoutCancel(t.Context())), send(t, c, t.Context())
		func() {
			defer func() {
				if recover() != "oops" {
					t.Error("the panic was swallowed")
				}
			}()
			_, _ = io.ReadAll(first.Body)
		}()
		if _, err := io.ReadAll(second.Body); !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("who shares the body: %v", err)
		}
		third := send(t, c, t.Context())
		_ = third.Body.Close()
		_ = second.Body.Close()
	})
}

// The panic of a store that is asked again ends the flight of the request, so that nobody
// waits for that.
func TestPanicOfStoreAskedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		key, _ := keysOfPage()
		var asked atomic.Int32
		s := &faulty{Store: memorystore.New(0), get: func(k string) error {
			if k != key {
				return nil
			}
			if asked.Add(1) == 2 {
				panic("oops")
			}
			time.Sleep(100 * time.Millisecond)
			return nil
		}}
		c := &Transport{Store: s, Base: origin200("body")}
		defer c.Close()
		go func() {
			time.Sleep(50 * time.Millisecond) // a flight is over meanwhile
			get(t, c, t.Context(), "http://example.com/other")
		}()
		func() {
			defer func() {
				if recover() != "oops" {
					t.Error("the panic was swallowed")
				}
			}()
			send(t, c, t.Context())
		}()
		began := time.Now()
		get(t, c, t.Context(), "http://example.com/")
		if took := time.Since(began); took > time.Second || underWay(c) != 0 {
			t.Errorf("the next request took %v, %d flights are left", took, underWay(c))
		}
	})
}

// A store that panics when a response is validated in the background does so once: the next
// request has it validated.
func TestPanicOfStoreInBackground(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var asked, trips atomic.Int32
		s := &faulty{Store: memorystore.New(0), get: func(string) error {
			if asked.Add(1) == 4 { // after the first request, which asked twice, and the second
				panic("oops")
			}
			return nil
		}}
		c := &Transport{Store: s, Base: originFunc(func(req *http.Request) (*http.Response, error) {
			trips.Add(1)
			return text(req, 200, "body", "Cache-Control: max-age=1, stale-while-revalidate=60"), nil
		})}
		defer c.Close()
		for range 3 {
			get(t, c, t.Context(), "http://example.com/")
			time.Sleep(5 * time.Second)
		}
		if trips.Load() != 2 || underWay(c) != 0 {
			t.Errorf("%d trips after %d questions, %d flights are left", trips.Load(), asked.Load(), underWay(c))
		}
	})
}
