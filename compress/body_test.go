package compress

import (
	"errors"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/iotest"
	"testing/synctest"
)

// noise is what cannot be compressed, and so comes out of an encoder soon.
func noise(n int) string {
	b := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{}).Read(b)
	return string(b)
}

// source counts how often it is closed.
type source struct {
	*io.PipeReader
	closes int
}

func (s *source) Close() error { s.closes++; return s.PipeReader.Close() }

// TestBodyClose: a transport that gives up closes the body while it reads it, and what
// it reads then is no end.
func TestBodyClose(t *testing.T) {
	for _, coding := range []string{"gzip", "zstd"} {
		synctest.Test(t, func(t *testing.T) {
			var e encoders
			r, w := io.Pipe()
			src := &source{PipeReader: r}
			b := &body{src: src, coding: coding, pool: e.of(coding)}
			done := make(chan error, 1)
			go func() { _, err := io.Copy(io.Discard, b); done <- err }()
			_, _ = io.WriteString(w, noise(300_000))
			synctest.Wait() // it waits for more
			for range 2 {
				if err := b.Close(); err != nil {
					t.Errorf("%s: Close: %v", coding, err)
				}
			}
			if err := <-done; err != io.ErrClosedPipe {
				t.Errorf("%s: Read ended with %v", coding, err)
			}
			if src.closes != 1 {
				t.Errorf("%s: the caller's body was closed %d times", coding, src.closes)
			}
			if n, err := b.Read(make([]byte, 1)); n != 0 || err != errClosed {
				t.Errorf("%s: Read after Close: %d, %v", coding, n, err)
			}
		})
	}
}

// TestBodyReadNoMore: once its body is closed, the caller may use what is under it again. A
// NopCloser does not end the reading.
func TestBodyReadNoMore(t *testing.T) {
	for _, coding := range []string{"gzip", "zstd"} {
		synctest.Test(t, func(t *testing.T) {
			var e encoders
			r, w := io.Pipe()
			b := &body{src: io.NopCloser(r), coding: coding, pool: e.of(coding)}
			done := make(chan error, 1)
			go func() { _, err := io.Copy(io.Discard, b); done <- err }()
			synctest.Wait() // it waits for the first bytes
			_ = b.Close()
			_, _ = io.WriteString(w, "x")
			synctest.Wait()
			select {
			case err := <-done:
				if err != errClosed {
					t.Errorf("%s: Read ended with %v", coding, err)
				}
			default:
				t.Errorf("%s: the caller's reader is read on after Close", coding)
			}
			_ = w.Close()
		})
	}
}

// TestBodyFails: what the caller's body says is what the transport hears, before any end,
// and each time.
func TestBodyFails(t *testing.T) {
	t.Parallel()
	broken := errors.New("disk")
	var e encoders
	src := io.MultiReader(strings.NewReader(noise(50_000)), iotest.ErrReader(broken))
	b := &body{src: io.NopCloser(src), coding: "gzip", pool: e.of("gzip")}
	for range 2 {
		if _, err := io.ReadAll(b); err != broken {
			t.Errorf("%v, want %v", err, broken)
		}
	}
}

// TestBodyPooled: the encoder of a body that was read to its end serves the next one.
func TestBodyPooled(t *testing.T) {
	var e encoders
	for _, coding := range []string{"gzip", "zstd"} {
		// What is left of a body that broke belongs to no other.
		broken := iotest.ErrReader(io.ErrUnexpectedEOF)
		b := &body{src: io.NopCloser(io.MultiReader(strings.NewReader(noise(300_000)), broken)), coding: coding, pool: e.of(coding)}
		if _, err := io.ReadAll(b); err != io.ErrUnexpectedEOF {
			t.Errorf("%s: %v", coding, err)
		}
		first, pooled := "", false
		for i := range 50 { // with -race a pool forgets some
			b := &body{src: io.NopCloser(strings.NewReader("content")), coding: coding, pool: e.of(coding)}
			got, err := io.ReadAll(iotest.OneByteReader(b))
			if err != nil || i > 0 && string(got) != first {
				t.Errorf("%s, body %d: %q, %v, want %q", coding, i, got, err, first)
			}
			if first = string(got); b.enc != nil {
				t.Errorf("%s: the encoder is still the body's", coding)
			}
			enc, _ := b.pool.Get().(*encoder)
			if pooled = pooled || enc != nil; enc != nil {
				b.pool.Put(enc)
			}
		}
		if !pooled {
			t.Errorf("%s: no encoder was pooled", coding)
		}
	}
}
