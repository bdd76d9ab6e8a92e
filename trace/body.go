package trace

import (
	"errors"
	"io"
	"net/http"
	"sync"

	"github.com/tripper-go/tripper/internal/roundtrip"
)

// A finisher is told the end of a body: the number of bytes, and the error if the body broke.
// whole is true if it was read to its end.
type finisher interface {
	finish(n int64, err error, whole bool)
}

// body watches a response body until its end, its first error or its Close,
// whichever comes first, and then tells once.
type body struct {
	io.ReadCloser
	to   finisher
	keep func(p []byte) // is shown the bytes, if not nil

	from *http.Response // is watched
	own  http.Response  // is from with this body

	mu   sync.Mutex
	n    int64
	told bool
}

// watched returns a copy of resp whose body is watched by b.
func watched(resp *http.Response, b *body) *http.Response {
	b.ReadCloser, b.from, b.own = resp.Body, resp, *resp
	b.own.Body = b
	return &b.own
}

func (b *body) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.mu.Lock()
	b.n += int64(n)
	if b.keep != nil && n > 0 && !b.told {
		b.keep(p[:n])
	}
	b.mu.Unlock()
	if err != nil {
		roundtrip.CarryTrailer(&b.own, b.from)
		b.tell(err)
	}
	return n, err
}

func (b *body) Close() error {
	err := b.ReadCloser.Close()
	b.tell(err)
	return err
}

func (b *body) tell(err error) {
	whole := errors.Is(err, io.EOF)
	if whole {
		err = nil
	}
	b.mu.Lock()
	told, n := b.told, b.n
	b.told = true
	b.mu.Unlock()
	if !told {
		b.to.finish(n, err, whole || err == nil && n == b.from.ContentLength)
	}
}
