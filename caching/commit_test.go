package caching

import (
	"context"
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

// slowCommits is a Store that takes a second to commit.
type slowCommits struct {
	*memorystore.Store
	committing atomic.Int32
}

func (s *slowCommits) Create(ctx context.Context, key string, size int64) (store.Writer, error) {
	w, err := s.Store.Create(ctx, key, size)
	return &slowCommit{w, s}, err
}

type slowCommit struct {
	store.Writer
	s *slowCommits
}

func (w *slowCommit) Commit(ctx context.Context, m *store.Meta) error {
	w.s.committing.Add(1)
	defer w.s.committing.Add(-1)
	time.Sleep(time.Second)
	return w.Writer.Commit(ctx, m)
}

// Who has the whole body finds it in the store, also if he does not wait for the
// end to be said: the length tells.
func TestWholeBodyIsStored(t *testing.T) {
	for _, kind := range contexts {
		t.Run(kind, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := &Transport{StoreWait: -1, Store: &slowCommits{Store: memorystore.New(memorystore.DefaultMaxBytes)}}
				c.Base = originFunc(func(req *http.Request) (*http.Response, error) {
					// The end comes with the last bytes, or after them.
					var body io.Reader = strings.NewReader("body")
					if req.URL.Path == "/later" {
						body = io.MultiReader(strings.NewReader("bo"), strings.NewReader("dy"))
					}
					return respond(req, 200, body, 4, "Cache-Control: max-age=60"), nil
				})
				defer c.Close()
				for _, path := range []string{"/", "/later"} {
					req, _ := http.NewRequestWithContext(contextOf(t, kind), "GET", "http://example.com"+path, nil)
					resp, err := c.RoundTrip(req)
					if err != nil {
						t.Fatal(err)
					}
					if _, err := io.ReadFull(resp.Body, make([]byte, 4)); err != nil {
						t.Error(err)
					}
					if again, _ := get(t, c, contextOf(t, kind), "http://example.com"+path); !FromCache(again) {
						t.Errorf("%s: not there yet: %s", path, again.Header.Get("Cache-Status"))
					}
					_ = resp.Body.Close()
				}
			})
		})
	}
}

// Close waits for what is being stored: afterwards the store may be closed.
func TestCloseWaitsForCommits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &slowCommits{Store: memorystore.New(memorystore.DefaultMaxBytes)}
		c := &Transport{StoreWait: -1, Store: store, Base: originFunc(func(req *http.Request) (*http.Response, error) {
			return text(req, 200, "body", "Cache-Control: max-age=60"), nil
		})}
		ctx, cancel := context.WithCancel(t.Context())
		go func() { _, _, _ = try(c, ctx, "GET", "http://example.com/") }()
		time.Sleep(time.Second / 2)
		cancel() // the caller is gone, the response is worth keeping
		synctest.Wait()
		if store.committing.Load() != 1 {
			t.Fatal("nothing is being stored")
		}
		if err := c.Close(); err != nil || store.committing.Load() != 0 {
			t.Errorf("%v, %d entries are still being stored", err, store.committing.Load())
		}
	})
}
