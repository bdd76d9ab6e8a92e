package caching

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"

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
