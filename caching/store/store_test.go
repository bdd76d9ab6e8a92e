package store

import (
	"io"
	"testing"
)

// closer is a body that says how often it was closed.
type closer struct {
	io.ReaderAt
	n int
}

func (c *closer) Close() error { c.n++; return io.ErrClosedPipe }

func TestEntryClose(t *testing.T) {
	t.Parallel()
	c := new(closer)
	for _, row := range []struct {
		why  string
		e    *Entry
		want error
	}{
		{"what Get returned for a miss", nil, nil},
		{"a body in memory has nothing to release", &Entry{Bytes: []byte("x")}, nil},
		{"the error is that of the body", &Entry{Body: c}, io.ErrClosedPipe},
	} {
		if err := row.e.Close(); err != row.want {
			t.Errorf("%s: %v, want %v", row.why, err, row.want)
		}
	}
	if c.n != 1 {
		t.Errorf("closed %d times", c.n)
	}
}
