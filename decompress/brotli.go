package decompress

import (
	"io"
	"sync"

	"github.com/andybalholm/brotli"
)

// brotliDecoder undoes br (RFC 7932).
type brotliDecoder struct {
	zr  *brotli.Reader
	src brotliSource
}

// brotliSource reads the size of the window from the first byte: the library has no limit
// for it.
type brotliSource struct {
	r      io.Reader
	max    int64
	window int64 // zero before the first byte
}

var brotlis = sync.Pool{New: func() any { return &brotliDecoder{zr: brotli.NewReader(nil)} }}

// keepWindow is the largest window whose memory stays in a pool.
const keepWindow = 8 << 20

func newBrotli(src io.Reader, maxWindow int64) *brotliDecoder {
	d := brotlis.Get().(*brotliDecoder)
	d.src = brotliSource{r: src, max: maxWindow}
	_ = d.zr.Reset(&d.src) // never fails
	return d
}

func (d *brotliDecoder) release() {
	keep := d.src.window <= keepWindow
	d.src.r = nil
	if keep {
		brotlis.Put(d)
	}
}

// buffered is zero, since the library has no method for it. The library reads 32 KiB ahead
// at most, so content may exceed the ratio by as many bytes.
func (d *brotliDecoder) buffered() int { return 0 }

func (d *brotliDecoder) Read(p []byte) (int, error) {
	n, err := d.zr.Read(p)
	if err != nil && err != io.EOF && err.Error() == excessiveInput {
		err = ErrTrailing
	}
	return n, err
}

// excessiveInput is the text of the library's error about bytes after the end, which has no
// exported name. TestTrailing fails if it changes.
const excessiveInput = "brotli: excessive input"

func (s *brotliSource) Read(p []byte) (int, error) {
	n, err := s.r.Read(p)
	if s.window == 0 && n > 0 {
		s.window = brotliWindow(p[0])
		if s.window > s.max {
			return 0, ErrWindow
		}
	}
	return n, err
}

// brotliWindow returns the window size that the first byte of a stream asks for
// (RFC 7932 §9.1), and more than any limit for the "large window" format, which
// is not br.
func brotliWindow(b byte) int64 {
	bits := 16
	if b&1 != 0 {
		if n := b >> 1 & 7; n != 0 {
			bits = 17 + int(n)
		} else {
			switch n := b >> 4 & 7; n {
			case 0:
				bits = 17
			case 1:
				return 1 << 62
			default:
				bits = 8 + int(n)
			}
		}
	}
	return 1 << bits
}
