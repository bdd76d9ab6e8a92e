package caching

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
)

func TestWriterState(t *testing.T) {
	t.Parallel()
	done, cancel := context.WithCancel(t.Context())
	cancel()
	type w = *writerState
	check := func(n int64) func(w) error { return func(s w) error { return s.check(n) } }
	commit := func(n int64) func(w) error {
		return func(s w) error { return s.commit(t.Context(), n, &Meta{}) }
	}
	failWith := func(err error) func(w) error { return func(s w) error { s.err = err; return nil } }
	shorten := func(s w) error { s.size = -1; return nil }
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
		{"an error of Write stays", -1, []func(w) error{failWith(ErrTooLarge), check(1)}, ErrTooLarge},
		{"and is that of Commit", -1, []func(w) error{failWith(ErrTooLarge), commit(1)}, ErrTooLarge},
		{"Abort after an error of Write is none", -1, []func(w) error{failWith(ErrTooLarge), w.abort}, nil},
		{
			"no commit for a request that is over", -1,
			[]func(w) error{func(s w) error { return s.commit(done, 0, &Meta{}) }},
			context.Canceled,
		},
		{"no entry without metadata", -1, []func(w) error{func(s w) error { return s.commit(t.Context(), 0, nil) }}, errNoMeta},
		{"a Writer ends once: Write after Commit", -1, []func(w) error{commit(0), check(1)}, ErrClosed},
		{"Commit after Commit", -1, []func(w) error{commit(0), commit(0)}, ErrClosed},
		{"Abort after Commit", -1, []func(w) error{commit(0), w.abort}, ErrClosed},
		{"Commit after Abort", -1, []func(w) error{w.abort, commit(0)}, ErrClosed},
		{"Abort after Abort", -1, []func(w) error{w.abort, w.abort}, ErrClosed},
		{"a Commit that failed is an end too", 5, []func(w) error{commit(3), commit(5)}, ErrClosed},
	} {
		s := &writerState{size: row.size}
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
		n, err := readAt(p, row.off, int64(len(body)), func(p []byte, off int64) (int, error) {
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

func TestEntryRecord(t *testing.T) {
	t.Parallel()
	meta := &Meta{ID: newID(), URL: "http://example.com/", Status: 200, Proto: "HTTP/1.1"}
	b, err := appendEntryRecord([]byte("before"), "key", meta)
	if err != nil || !bytes.HasPrefix(b, []byte("before")) {
		t.Fatalf("%q, %v", b, err)
	}
	b = b[len("before"):]
	if key, got, err := parseEntryRecord(b); err != nil || string(key) != "key" || got.ID != meta.ID || got.URL != meta.URL {
		t.Errorf("%q, %v, %v", key, got, err)
	}
	for n := range b {
		if _, _, err := parseEntryRecord(b[:n]); !errors.Is(err, ErrCorrupt) {
			t.Errorf("the first %d bytes of %d: %v, want ErrCorrupt", n, len(b), err)
		}
	}
	if _, _, err := parseEntryRecord(append(b, 0)); !errors.Is(err, ErrCorrupt) {
		t.Errorf("with a byte more: %v, want ErrCorrupt", err)
	}
	meta.URL = strings.Repeat("x", maxRecord)
	if _, err := appendEntryRecord(nil, "key", meta); !errors.Is(err, ErrTooLarge) {
		t.Errorf("a record of a megabyte: %v, want ErrTooLarge", err)
	}
	if other := newID(); other == newID() {
		t.Error("two bodies have one ID")
	}
}

func FuzzEntryRecord(f *testing.F) {
	b, err := appendEntryRecord(nil, "key", &Meta{URL: "http://example.com/", Status: 200, Proto: "HTTP/1.1", Header: http.Header{"A": {"b", ""}}})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add([]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1})
	f.Fuzz(func(t *testing.T, b []byte) {
		key, meta, err := parseEntryRecord(b)
		if err != nil {
			return
		}
		again, err := appendEntryRecord(nil, string(key), meta)
		if err != nil {
			return // too large to be written
		}
		key2, meta2, err := parseEntryRecord(again)
		if err != nil || !bytes.Equal(key, key2) || meta2.ID != meta.ID || len(meta2.Header) != len(meta.Header) {
			t.Errorf("what was written is not read: %v", err)
		}
	})
}
