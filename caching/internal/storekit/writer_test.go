package storekit

import (
	"context"
	"errors"
	"io"
	"testing"

	"github.com/tripper-go/tripper/caching/store"
)

func TestWriterState(t *testing.T) {
	t.Parallel()
	done, cancel := context.WithCancel(t.Context())
	cancel()
	type w = *WriterState
	check := func(n int64) func(w) error { return func(s w) error { return s.Check(n) } }
	commit := func(n int64) func(w) error {
		return func(s w) error { return s.EndCommit(t.Context(), n, &store.Meta{}) }
	}
	failWith := func(err error) func(w) error { return func(s w) error { s.Err = err; return nil } }
	shorten := func(s w) error { s.Shorten(); return nil }
	for _, row := range []struct {
		why   string
		size  int64
		steps []func(w) error
		want  error // of the last step; the others succeed unless they are the cause
	}{
		{"an announced length may be reached", 5, []func(w) error{check(3), check(5), commit(5)}, nil},
		{"but not exceeded", 5, []func(w) error{check(6)}, errBodySize},
		{"and then no shorter body is taken for the whole", 5, []func(w) error{check(6), commit(5)}, errBodySize},
		{"nor is more written", 5, []func(w) error{check(6), check(5)}, errBodySize},
		{"a body cut short is never committed", 5, []func(w) error{check(3), commit(3)}, errBodySize},
		{"unless the Writer was told so", 5, []func(w) error{check(3), shorten, commit(3)}, nil},
		{"any length will do if none was announced", -1, []func(w) error{check(1 << 40), commit(1 << 40)}, nil},
		{"an empty body is a body", 0, []func(w) error{commit(0)}, nil},
		{"an empty body has no bytes", 0, []func(w) error{check(1)}, errBodySize},
		{"an error of Write stays", -1, []func(w) error{failWith(store.ErrTooLarge), check(1)}, store.ErrTooLarge},
		{"and is that of Commit", -1, []func(w) error{failWith(store.ErrTooLarge), commit(1)}, store.ErrTooLarge},
		{"Abort after an error of Write is none", -1, []func(w) error{failWith(store.ErrTooLarge), w.Abort}, nil},
		{
			"no commit for a request that is over", -1,
			[]func(w) error{func(s w) error { return s.EndCommit(done, 0, &store.Meta{}) }},
			context.Canceled,
		},
		{"no entry without metadata", -1, []func(w) error{func(s w) error { return s.EndCommit(t.Context(), 0, nil) }}, errNoMeta},
		{"a Writer ends once: Write after Commit", -1, []func(w) error{commit(0), check(1)}, store.ErrClosed},
		{"Commit after Commit", -1, []func(w) error{commit(0), commit(0)}, store.ErrClosed},
		{"Abort after Commit", -1, []func(w) error{commit(0), w.Abort}, store.ErrClosed},
		{"Commit after Abort", -1, []func(w) error{w.Abort, commit(0)}, store.ErrClosed},
		{"Abort after Abort", -1, []func(w) error{w.Abort, w.Abort}, store.ErrClosed},
		{"a Commit that failed is an end too", 5, []func(w) error{commit(3), commit(5)}, store.ErrClosed},
	} {
		s := &WriterState{Size: row.size}
		var err error
		for _, step := range row.steps {
			err = step(s)
		}
		if !errors.Is(err, row.want) {
			t.Errorf("%s: %v, want %v", row.why, err, row.want)
		}
	}
}

func TestReadAt(t *testing.T) {
	t.Parallel()
	const body = "0123456789"
	damaged := errors.New("damaged")
	for _, row := range []struct {
		why       string
		off, n    int64
		step, bad int // bytes a call reads, and where it fails
		want      string
		err       error
	}{
		{"all in one", 0, 10, 10, 99, body, nil},
		{"all in pieces", 0, 10, 3, 99, body, nil},
		{"from the middle", 4, 3, 2, 99, "456", nil},
		{"io.ReaderAt: fewer bytes than asked for are an error", 8, 5, 3, 99, "89", io.EOF},
		{"at the end", 10, 1, 3, 99, "", io.EOF},
		{"beyond the end", 99, 1, 3, 99, "", io.EOF},
		{"nothing is read for nothing", 3, 0, 3, 99, "", nil},
		{"no byte is before the first", -1, 1, 3, 99, "", errNegativeOffset},
		{"what was read before an error counts", 0, 10, 3, 6, "012345", damaged},
	} {
		p := make([]byte, row.n)
		n, err := ReadAt(p, row.off, int64(len(body)), func(p []byte, off int64) (int, error) {
			if off >= int64(row.bad) {
				return 0, damaged
			}
			return copy(p[:min(len(p), row.step)], body[off:]), nil
		})
		if string(p[:n]) != row.want || !errors.Is(err, row.err) {
			t.Errorf("%s: %q, %v; want %q, %v", row.why, p[:n], err, row.want, row.err)
		}
	}
}
