package decompress

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/flate"
	"github.com/klauspost/compress/zstd"
)

// bomb returns size zero bytes in the coding, made as they are read, so that
// the test itself needs no memory for them.
func bomb(tb testing.TB, coding string, size int64) io.Reader {
	tb.Helper()
	switch coding {
	case "gzip":
		return io.MultiReader(strings.NewReader("\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"), deflateZeros(size))
	case "deflate":
		return io.MultiReader(strings.NewReader("\x78\x9c"), deflateZeros(size))
	case "zstd":
		// One frame with a window of 1 MiB, of RLE blocks of 128 KiB.
		return io.MultiReader(strings.NewReader("\x28\xb5\x2f\xfd\x00\x50"), &repeat{block: []byte("\x02\x00\x10\x00"), n: size >> 17})
	case "br":
		return brotliZeros(size)
	}
	tb.Fatal(coding)
	return nil
}

// repeat gives a block n times.
type repeat struct {
	block []byte
	n     int64
	off   int
}

func (r *repeat) Read(p []byte) (int, error) {
	total := 0
	for total < len(p) && r.n > 0 {
		m := copy(p[total:], r.block[r.off:])
		total += m
		if r.off += m; r.off == len(r.block) {
			r.off = 0
			r.n--
		}
	}
	if total == 0 {
		return 0, io.EOF
	}
	return total, nil
}

// deflateZeros compresses 8 MiB once and repeats that: zeros refer to no others
// than the zeros before them.
func deflateZeros(size int64) io.Reader {
	return &repeat{block: deflatePiece(), n: size >> 23}
}

var deflatePiece = sync.OnceValue(func() []byte {
	var buf bytes.Buffer
	w, err := flate.NewWriter(&buf, 9)
	if err != nil {
		panic(err)
	}
	z := make([]byte, 1<<20)
	for range 8 {
		_, _ = w.Write(z)
	}
	_ = w.Flush()
	return buf.Bytes()
})

// brotliZeros compresses 16 MiB, as two pieces, and repeats the second: of
// zeros after zeros all are alike.
func brotliZeros(size int64) io.Reader {
	b, cuts := brotliPieces()
	return io.MultiReader(bytes.NewReader(b[:cuts[0]]), &repeat{block: b[cuts[0]:cuts[1]], n: size/half - 1}, bytes.NewReader(b[cuts[1]:]))
}

const half = 8 << 20

var brotliPieces = sync.OnceValues(func() ([]byte, []int) {
	var buf bytes.Buffer
	w := brotli.NewWriterOptions(&buf, brotli.WriterOptions{Quality: 5, LGWin: 22})
	z, cuts := make([]byte, 1<<20), []int{}
	for range 2 {
		for range half / len(z) {
			_, _ = w.Write(z)
		}
		_ = w.Flush()
		cuts = append(cuts, buf.Len())
	}
	_ = w.Close()
	return buf.Bytes(), cuts
})

var bombCodings = []string{"gzip", "deflate", "br", "zstd"}

// peak runs f and returns how much the heap grew meanwhile, sampled by f
// through its argument.
func peak(f func(sample func())) uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	base, most := m.HeapAlloc, m.HeapAlloc
	f(func() {
		runtime.ReadMemStats(&m)
		most = max(most, m.HeapAlloc)
	})
	return most - base
}

// drain reads a body as a caller that is not interested does, sampling the heap
// now and then.
func drain(body io.Reader, sample func()) (int64, error) {
	var total int64
	buf := make([]byte, 32<<10)
	for i := 0; ; i++ {
		n, err := body.Read(buf)
		total += int64(n)
		if i%256 == 0 {
			sample()
		}
		if err != nil {
			sample()
			return total, err
		}
	}
}

func TestBombs(t *testing.T) {
	const size, growth = 10 << 30, 16 << 20
	for _, c := range bombCodings {
		for name, tt := range map[string]struct {
			layer *Transport
			want  error
			most  int64
		}{
			"ratio":    {&Transport{}, ErrRatio, 16 << 20},
			"MaxBytes": {&Transport{MaxRatio: -1, MaxBytes: 24 << 20}, ErrTooLarge, 24 << 20},
		} {
			t.Run(c+" "+name, func(t *testing.T) {
				resp := get(t, tt.layer.Wrap(serve(bomb(t, c, size), c)))
				defer resp.Body.Close()
				var n int64
				var err error
				grown := peak(func(sample func()) { n, err = drain(resp.Body, sample) })
				if !errors.Is(err, tt.want) || n > tt.most {
					t.Errorf("%v after %d bytes, want %v within %d", err, n, tt.want, tt.most)
				}
				if tt.want == ErrTooLarge && n != tt.most {
					t.Errorf("%d bytes, want exactly %d", n, tt.most)
				}
				if grown > growth {
					t.Errorf("heap grew by %d bytes, want at most %d", grown, growth)
				}
			})
		}
		t.Run(c+" WriteTo", func(t *testing.T) {
			resp := get(t, (&Transport{}).Wrap(serve(bomb(t, c, size), c)))
			defer resp.Body.Close()
			if n, err := io.Copy(io.Discard, resp.Body); !errors.Is(err, ErrRatio) || n > 16<<20 {
				t.Errorf("%v after %d bytes, want ErrRatio", err, n)
			}
		})
	}
}

// TestWholeBombs goes through all of a 10 GiB bomb, to the default MaxBytes.
func TestWholeBombs(t *testing.T) {
	if os.Getenv("TRIPPER_STRESS") == "" {
		t.Skip("set TRIPPER_STRESS=1")
	}
	for _, c := range bombCodings {
		resp := get(t, (&Transport{MaxRatio: -1}).Wrap(serve(bomb(t, c, 11<<30), c)))
		var n int64
		var err error
		grown := peak(func(sample func()) { n, err = drain(resp.Body, sample) })
		_ = resp.Body.Close()
		if !errors.Is(err, ErrTooLarge) || n != DefaultMaxBytes || grown > 16<<20 {
			t.Errorf("%s: %v after %d bytes, heap grew by %d", c, err, n, grown)
		}
	}
}

// TestStackedBombs: the limits hold between the codings too. Here gzip expands
// into zstd frames that are skipped, and nothing ever comes out.
func TestStackedBombs(t *testing.T) {
	skip := append([]byte("\x50\x2a\x4d\x18\x00\x00\x10\x00"), make([]byte, 1<<20)...)
	var plain []byte
	for range 20 {
		plain = append(plain, skip...)
	}
	wire := encode(t, "gzip", plain)
	for _, f := range []func(testing.TB, http.RoundTripper) ([]byte, error){fetch, fetchTo} {
		_, err := f(t, (&Transport{}).Wrap(serve(bytes.NewReader(wire), "zstd, gzip")))
		var e *Error
		if !errors.Is(err, ErrRatio) || !errors.As(err, &e) || e.Coding != "gzip" {
			t.Errorf("skipped frames: %v, want ErrRatio from gzip", err)
		}
	}
	quine := encode(t, "gzip", encode(t, "gzip", encode(t, "gzip", make([]byte, 16<<20))))
	if _, err := fetch(t, (&Transport{}).Wrap(serve(bytes.NewReader(quine), "gzip, gzip, gzip"))); !errors.Is(err, ErrRatio) {
		t.Errorf("gzip of gzip of gzip: %v, want ErrRatio", err)
	}
}

// TestLimits has the rows of httplib2's LimitDecoder tests.
func TestLimits(t *testing.T) {
	zeros, random := make([]byte, 10<<20), noise(20_000)
	encoded := make(map[string][]byte)
	for _, tt := range []struct {
		name, why string
		layer     *Transport
		data      []byte
		want      error
	}{
		{"random, no floor", "a ratio below one never fires", &Transport{RatioAfter: -1}, random, nil},
		{"random, low floor", "the same", &Transport{RatioAfter: 1000}, random, nil},
		{"random, high floor", "the same", &Transport{RatioAfter: 20_000}, random, nil},
		{"zeros, high ratio", "the ratio is below 2000", &Transport{RatioAfter: -1, MaxRatio: 2000}, zeros, nil},
		{"zeros, below the floor", "any ratio is fine for the first 10 MiB", &Transport{}, zeros, nil},
		{"zeros, above the floor", "one byte more is not", &Transport{}, append(zeros, 0), ErrRatio},
		{"zeros, no floor", "it fires early", &Transport{RatioAfter: -1}, zeros, ErrRatio},
		{"zeros, no ratio", "negative is none", &Transport{MaxRatio: -1}, append(zeros, 0), nil},
		{"hard limit", "whatever the ratio", &Transport{MaxRatio: -1, MaxBytes: 19_999}, random, ErrTooLarge},
		{"hard limit reached", "exactly so much is allowed", &Transport{MaxBytes: 20_000}, random, nil},
		{"no hard limit", "negative is none", &Transport{MaxBytes: -1}, random, nil},
	} {
		for _, c := range wireCodings {
			if (c.name == "br" || c.name == "zstd") && tt.name == "zeros, high ratio" {
				continue // they make less of them
			}
			if c.name == "x-gzip" || len(tt.data) > 1<<20 && c.name != "gzip" && c.name != "zstd" {
				continue // the others make no difference, and take time
			}
			key := fmt.Sprint(c.name, len(tt.data))
			if encoded[key] == nil {
				encoded[key] = encode(t, c.name, tt.data)
			}
			for _, f := range []func(testing.TB, http.RoundTripper) ([]byte, error){fetch, fetchTo} {
				got, err := f(t, tt.layer.Wrap(serve(bytes.NewReader(encoded[key]), c.label)))
				if !errors.Is(err, tt.want) || tt.want == nil && !bytes.Equal(got, tt.data) {
					t.Errorf("%s, %s: %v after %d bytes, want %v: %s", tt.name, c.name, err, len(got), tt.want, tt.why)
				}
				if !bytes.HasPrefix(tt.data, got) || tt.want == ErrTooLarge && len(got) != 19_999 {
					t.Errorf("%s, %s: %d bytes delivered", tt.name, c.name, len(got))
				}
			}
		}
	}
}

func zstdWindow(tb testing.TB, window int, data []byte) []byte {
	tb.Helper()
	var buf bytes.Buffer
	w, err := zstd.NewWriter(&buf, zstd.WithWindowSize(window), zstd.WithSingleSegment(false))
	if err != nil {
		tb.Fatal(err)
	}
	_, _ = w.Write(data)
	_ = w.Flush() // or the frame says its content is small
	_, _ = w.Write(data)
	_ = w.Close()
	return buf.Bytes()
}

func TestWindow(t *testing.T) {
	data := text(1000)
	single := "\x28\xb5\x2f\xfd\xa0\x01\x00\x80\x00" // single segment, 8 MiB + 1
	for _, tt := range []struct {
		name  string
		label string
		wire  []byte
		max   int64
		want  error
	}{
		{"zstd 8 MiB", "zstd", zstdWindow(t, 8<<20, data), 0, nil},
		{"zstd 16 MiB", "zstd", zstdWindow(t, 16<<20, data), 0, ErrWindow},
		{"zstd 16 MiB, allowed", "zstd", zstdWindow(t, 16<<20, data), 16 << 20, nil},
		{"zstd 1 MiB, not allowed", "zstd", zstdWindow(t, 1<<20, data), 1 << 19, ErrWindow},
		{"zstd single segment", "zstd", []byte(single), 0, ErrWindow},
		{"zstd second frame", "zstd", slices.Concat(zstdWindow(t, 1<<20, nil), zstdWindow(t, 32<<20, data)), 0, ErrWindow},
		{"zstd terabytes", "zstd", []byte("\x28\xb5\x2f\xfd\x00\xff\x01\x00\x00"), 1 << 62, ErrWindow},
		{"br 16 MiB", "br", brotliLG(t, 24, data), 0, nil},
		{"br 16 MiB, not allowed", "br", brotliLG(t, 24, data), 8 << 20, ErrWindow},
		{"br 1 KiB", "br", brotliLG(t, 10, data), 1 << 10, nil},
		{"br large window", "br", []byte("\x11\x1e\x00\x00\x00"), 1 << 62, ErrWindow},
	} {
		for _, f := range []func(testing.TB, http.RoundTripper) ([]byte, error){fetch, fetchTo} {
			_, err := f(t, (&Transport{MaxWindow: tt.max}).Wrap(serve(bytes.NewReader(tt.wire), tt.label)))
			if !errors.Is(err, tt.want) {
				t.Errorf("%s: %v, want %v", tt.name, err, tt.want)
			}
		}
	}
}

func brotliLG(tb testing.TB, lgwin int, data []byte) []byte {
	tb.Helper()
	var buf bytes.Buffer
	w := brotli.NewWriterOptions(&buf, brotli.WriterOptions{Quality: 2, LGWin: lgwin})
	_, _ = w.Write(data)
	_ = w.Flush()
	_, _ = w.Write(data)
	_ = w.Close()
	return buf.Bytes()
}

// TestBrotliWindow compares the reading of the first byte with what the encoder
// was asked for.
func TestBrotliWindow(t *testing.T) {
	for lg := 10; lg <= 24; lg++ {
		if got := brotliWindow(brotliLG(t, lg, text(100))[0]); got != 1<<lg {
			t.Errorf("lgwin %d: %d", lg, got)
		}
	}
}

// TestWindowMemory: a stream that asks for the largest window and fills it takes
// that and not much more.
func TestWindowMemory(t *testing.T) {
	for _, tt := range []struct {
		name, label string
		wire        io.Reader
		most        uint64
	}{
		{"zstd", "zstd", io.MultiReader(strings.NewReader("\x28\xb5\x2f\xfd\x00\x68"), &repeat{block: []byte("\x02\x00\x10\x00"), n: 1 << 13}), 10 << 20},
		// The library doubles the ring it has and copies: 16 MiB after 8.
		{"br", "br", bytes.NewReader(brotliLG(t, 24, make([]byte, 10<<20))), 26 << 20},
	} {
		resp := get(t, (&Transport{MaxRatio: -1, MaxBytes: 32 << 20}).Wrap(serve(tt.wire, tt.label)))
		var err error
		grown := peak(func(sample func()) { _, err = drain(resp.Body, sample) })
		_ = resp.Body.Close()
		if err != io.EOF && !errors.Is(err, ErrTooLarge) {
			t.Errorf("%s: %v", tt.name, err)
		}
		if grown > tt.most {
			t.Errorf("%s: heap grew by %d, want at most %d", tt.name, grown, tt.most)
		}
	}
}

func TestErrorText(t *testing.T) {
	for err, want := range map[error]string{
		&Error{Coding: "gzip", Err: ErrRatio}:               "decompress: gzip: expands too much",
		&Error{Coding: "br", Err: io.ErrUnexpectedEOF}:      "decompress: br: unexpected EOF",
		&Error{Coding: "zstd", Err: fmt.Errorf("x: %d", 1)}: "decompress: zstd: x: 1",
	} {
		if err.Error() != want {
			t.Errorf("%q, want %q", err, want)
		}
	}
	if !(&Error{Coding: "x", Err: os.ErrDeadlineExceeded}).Timeout() || (&Error{Coding: "x", Err: io.EOF}).Timeout() {
		t.Error("Timeout does not forward")
	}
}
