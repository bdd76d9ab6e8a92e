package collapse

import (
	"context"
	"errors"
	"io"
	"net/http"
)

// A Sink stores a body. Only one goroutine at a time writes, but readers read at any time
// what was written.
type Sink interface {
	io.Writer
	io.ReaderAt
	io.Closer
}

// An Owner decides what becomes of what the sink has.
type Owner interface {
	// Finish commits what was written to the sink, or drops it. It is called once, and
	// readers get the last bytes after it has returned: a caller that has read a whole
	// body finds it in the store.
	Finish(e Ending)
	// Rest returns the bytes from off up to end, which the sink has lost because of cause,
	// for a reader with the context ctx.
	Rest(ctx context.Context, off, end int64, cause error) (io.ReadCloser, error)
}

// An Ending says how a body ended.
type Ending struct {
	// N is the number of bytes that the sink has, zero if it has not taken all that came.
	N int64
	// Whole is true if the sink has the whole body.
	Whole bool
	// Sink is why the sink has not taken all that came: its error, or [ErrTooLong].
	Sink error
	// Cause is io.EOF, or why the source broke off, or [ErrAbandoned].
	Cause error
}

// A Source is what a body is made of.
type Source struct {
	// Origin is the response as it came from the layer below. It is not changed here, but
	// while its Body is read, the layer may write to its Trailer.
	Origin *http.Response
	// Size is the length of the body, -1 if it is not known.
	Size int64
	// Limit is the largest body that is stored, 0 for no limit.
	Limit int64
	// Stored is the number of bytes that the sink has already. They are part of Size.
	Stored int64
	// First is the offset where readers begin.
	First int64
}

var (
	// ErrTooLong is the [Ending.Sink] of a body that is longer than its [Source.Limit].
	ErrTooLong = errors.New("caching: body longer than MaxBody")
	// ErrAbandoned is the [Ending.Cause] of a body whose last reader has left.
	ErrAbandoned = errors.New("caching: nobody reads the body any more")
)
