package decompress

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"

	"github.com/tripper-go/tripper/internal/rttest"
	"github.com/tripper-go/tripper/internal/tracetest"
	"github.com/tripper-go/tripper/trace"
)

// TestTruncated cuts content of every coding at every byte.
func TestTruncated(t *testing.T) {
	data := text(3000)
	named := namedGzip(data)
	for _, c := range append(slices.Clone(wireCodings), struct{ name, label string }{"named", "gzip"}) {
		wire := named
		if c.name != "named" {
			wire = encode(t, c.name, data)
		}
		for n := 1; n < len(wire); n++ {
			for _, f := range []func(testing.TB, http.RoundTripper) ([]byte, error){fetch, fetchTo} {
				got, err := f(t, (&Transport{}).Wrap(serve(bytes.NewReader(wire[:n]), c.label)))
				var e *Error
				if !errors.Is(err, io.ErrUnexpectedEOF) || !errors.As(err, &e) || e.Coding != strings.TrimPrefix(c.label, "x-") {
					t.Fatalf("%s cut at %d of %d: %v, want io.ErrUnexpectedEOF in an Error", c.name, n, len(wire), err)
				}
				if !bytes.HasPrefix(data, got) {
					t.Fatalf("%s cut at %d: wrong bytes", c.name, n)
				}
			}
		}
	}
}

// namedGzip returns a gzip stream whose header has everything a header can.
func namedGzip(data []byte) []byte {
	var buf bytes.Buffer
	w := gzip.NewWriter(&buf)
	w.Name, w.Comment, w.Extra = "name", "comment", bytes.Repeat([]byte("x"), 3000)
	_, _ = w.Write(data)
	_ = w.Close()
	b := buf.Bytes()
	// The standard library does not write a header checksum.
	end := 10 + 2 + 3000 + len("name\x00comment\x00")
	b[3] |= flagHeaderCRC
	return slices.Insert(b, end, binary.LittleEndian.AppendUint16(nil, uint16(crc32.ChecksumIEEE(b[:end])))...)
}

func TestGzipHeader(t *testing.T) {
	data := text(3000)
	wire := namedGzip(data)
	if got, err := fetch(t, (&Transport{}).Wrap(serve(bytes.NewReader(wire), "gzip"))); err != nil || !bytes.Equal(got, data) {
		t.Fatalf("%d bytes, %v", len(got), err)
	}
	for _, at := range []int{2, 3, 100, 3020} { // method, flags, extra, comment: the checksum notices
		bad := slices.Clone(wire)
		bad[at] ^= 0x80
		if _, err := fetch(t, (&Transport{}).Wrap(serve(bytes.NewReader(bad), "gzip"))); !errors.Is(err, gzip.ErrHeader) {
			t.Errorf("bit flipped at %d: %v, want gzip.ErrHeader", at, err)
		}
	}
}

// TestMembers reads what consists of several streams in full.
func TestMembers(t *testing.T) {
	a, b, skip := text(1000), text(70_000), []byte("\x50\x2a\x4d\x18\x05\x00\x00\x00skip!")
	for _, tt := range []struct {
		coding string
		wire   [][]byte
	}{
		{"gzip", [][]byte{encode(t, "gzip", a), encode(t, "gzip", nil), encode(t, "gzip", b)}},
		{"zstd", [][]byte{encode(t, "zstd", a), encode(t, "zstd", b)}},
		{"zstd", [][]byte{skip, encode(t, "zstd", a), skip, skip, encode(t, "zstd", b), skip}},
	} {
		wire := slices.Concat(tt.wire...)
		for _, f := range []func(testing.TB, http.RoundTripper) ([]byte, error){fetch, fetchTo} {
			got, err := f(t, (&Transport{Strict: true}).Wrap(serve(bytes.NewReader(wire), tt.coding)))
			if err != nil || !bytes.Equal(got, slices.Concat(a, b)) {
				t.Errorf("%s: %d bytes, %v", tt.coding, len(got), err)
			}
		}
	}
}

func TestTrailing(t *testing.T) {
	data := text(50_000)
	for _, c := range wireCodings {
		for _, junk := range []string{"\x00", "\x00\x00\x00\x00\x00\x00\x00\x00", "\n", "ab", "abc", "trailing garbage", strings.Repeat("junk", 50_000)} {
			wire := append(encode(t, c.name, data), junk...)
			for _, f := range []func(testing.TB, http.RoundTripper) ([]byte, error){fetch, fetchTo} {
				var events []string
				rt := rttest.Func(func(req *http.Request) (*http.Response, error) {
					ctx := trace.WithHook(tracetest.Context(t, ".."), func(e trace.Event) { events = append(events, e.Action) })
					return (&Transport{}).Wrap(serve(bytes.NewReader(wire), c.label)).RoundTrip(req.WithContext(ctx))
				})
				got, err := f(t, rt)
				if err != nil || !bytes.Equal(got, data) {
					t.Errorf("%s followed by %.20q: %d bytes, %v", c.name, junk, len(got), err)
				}
				if !slices.Equal(events, []string{"decode", "trailing", "decoded"}) {
					t.Errorf("%s followed by %.20q: events %q", c.name, junk, events)
				}
				got, err = f(t, (&Transport{Strict: true}).Wrap(serve(bytes.NewReader(wire), c.label)))
				if !errors.Is(err, ErrTrailing) || !bytes.Equal(got, data) {
					t.Errorf("strict, %s followed by %.20q: %d bytes, %v, want ErrTrailing after all of them", c.name, junk, len(got), err)
				}
			}
		}
	}
}

func TestCorrupt(t *testing.T) {
	data := text(20_000)
	last := func(b []byte, back int) []byte {
		b = slices.Clone(b)
		b[len(b)-back] ^= 1
		return b
	}
	withSum := func() []byte {
		var buf bytes.Buffer
		w, err := zstd.NewWriter(&buf, zstd.WithEncoderCRC(true))
		if err != nil {
			t.Fatal(err)
		}
		_, _ = w.Write(data)
		_ = w.Close()
		return buf.Bytes()
	}
	for _, tt := range []struct {
		name, label string
		wire        []byte
		want        error
	}{
		{"gzip checksum", "gzip", last(encode(t, "gzip", data), 8), gzip.ErrChecksum},
		{"gzip length", "gzip", last(encode(t, "gzip", data), 1), gzip.ErrChecksum},
		{"zlib checksum", "deflate", last(encode(t, "zlib", data), 1), zlib.ErrChecksum},
		{"zlib dictionary", "deflate", []byte{0x78, 0xbb, 0, 0, 0, 0, 0}, zlib.ErrDictionary},
		{"zstd checksum", "zstd", last(withSum(), 1), zstd.ErrCRCMismatch},
		{"not gzip", "gzip", []byte("hello, world"), gzip.ErrHeader},
		{"not zstd", "zstd", []byte("hello, world"), zstd.ErrMagicMismatch},
		{"not deflate", "deflate", []byte("hello, world"), nil},
		{"not br", "br", []byte("hello, world"), nil},
	} {
		for _, f := range []func(testing.TB, http.RoundTripper) ([]byte, error){fetch, fetchTo} {
			got, err := f(t, (&Transport{}).Wrap(serve(bytes.NewReader(tt.wire), tt.label)))
			var e *Error
			if !errors.As(err, &e) || e.Coding != tt.label || tt.want != nil && !errors.Is(err, tt.want) {
				t.Errorf("%s: %v after %d bytes, want %v in an Error", tt.name, err, len(got), tt.want)
			}
			if err != nil && !strings.HasPrefix(err.Error(), "decompress: "+tt.label+": ") {
				t.Errorf("%s: text %q", tt.name, err)
			}
		}
	}
}

// TestMislabelled: what the first bytes show beyond doubt stands above the
// label, as in httplib2.
func TestMislabelled(t *testing.T) {
	data := text(5000)
	for _, tt := range []struct{ coding, label string }{{"gzip", "deflate"}, {"zlib", "gzip"}} {
		got, err := fetch(t, (&Transport{}).Wrap(serve(bytes.NewReader(encode(t, tt.coding, data)), tt.label)))
		if err != nil || !bytes.Equal(got, data) {
			t.Errorf("%s labelled %s: %d bytes, %v", tt.coding, tt.label, len(got), err)
		}
	}
}

// TestEmptyBody: no bytes are empty content in every coding; httplib2 fails.
func TestEmptyBody(t *testing.T) {
	for _, label := range []string{"gzip", "deflate", "br", "zstd", "gzip, br", "zstd, zstd"} {
		for _, f := range []func(testing.TB, http.RoundTripper) ([]byte, error){fetch, fetchTo} {
			if got, err := f(t, (&Transport{Strict: true}).Wrap(serve(strings.NewReader(""), label))); err != nil || len(got) > 0 {
				t.Errorf("%s: %q, %v", label, got, err)
			}
		}
	}
	// But an inner coding that is missing is missing.
	_, err := fetch(t, (&Transport{}).Wrap(serve(bytes.NewReader(encode(t, "gzip", nil)), "br, gzip")))
	if !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("br of nothing in gzip: %v", err)
	}
}

func TestProbe(t *testing.T) {
	data := text(100_000)
	rt := &Transport{Probe: true}
	for _, c := range wireCodings {
		if got, err := fetch(t, rt.Wrap(serve(bytes.NewReader(encode(t, c.name, data)), c.label))); err != nil || !bytes.Equal(got, data) {
			t.Errorf("%s: %d bytes, %v", c.name, len(got), err)
		}
		if got, err := fetch(t, rt.Wrap(serve(strings.NewReader(""), c.label))); err != nil || len(got) > 0 {
			t.Errorf("%s, empty: %d bytes, %v", c.name, len(got), err)
		}
		req, _ := http.NewRequestWithContext(t.Context(), "GET", "http://example.com/", nil)
		_, err := rt.Wrap(serve(strings.NewReader("hello, world"), c.label)).RoundTrip(req)
		var e *Error
		if !errors.As(err, &e) || e.HTTPResponse() == nil {
			t.Fatalf("%s: %v, want an Error with a response", c.name, err)
		}
		resp := e.HTTPResponse()
		body, err := io.ReadAll(resp.Body)
		if err != nil || string(body) != "hello, world" || resp.Header.Get("Content-Encoding") != c.label || resp.ContentLength != 12 {
			t.Errorf("%s: the response kept: %q, %v, %v", c.name, body, err, resp.Header)
		}
		if !strings.HasPrefix(e.Reason(), "Content purported to be compressed with ") {
			t.Errorf("reason %q", e.Reason())
		}
	}
}

// TestZstdHeaders has frames with every form of header the encoder makes: with
// and without a content size of 1, 2, 4 bytes, checksum and single segment.
func TestZstdHeaders(t *testing.T) {
	for _, size := range []int{0, 1, 255, 256, 300, 65_791, 65_792, 200_000} {
		data := text(size)
		for _, opts := range [][]zstd.EOption{
			nil, {zstd.WithSingleSegment(true)}, {zstd.WithEncoderCRC(false)}, {zstd.WithSingleSegment(true), zstd.WithEncoderCRC(false)},
		} {
			w, err := zstd.NewWriter(nil, append(opts, zstd.WithEncoderConcurrency(1), zstd.WithZeroFrames(true))...)
			if err != nil {
				t.Fatal(err)
			}
			one := w.EncodeAll(data, nil)
			wire := slices.Concat(one, one)
			got, err := fetch(t, (&Transport{Strict: true}).Wrap(serve(bytes.NewReader(wire), "zstd")))
			if err != nil || !bytes.Equal(got, slices.Concat(data, data)) {
				t.Errorf("%d bytes, header % x: %d bytes, %v", size, one[:min(len(one), 14)], len(got), err)
			}
		}
	}
	// A single segment needs a window of its content size: here 16 MiB and 1 TiB.
	for _, header := range []string{"\xa0\x00\x00\x00\x01", "\xe0\x00\x00\x00\x00\x00\x01\x00\x00"} {
		_, err := fetch(t, (&Transport{}).Wrap(serve(strings.NewReader("\x28\xb5\x2f\xfd"+header), "zstd")))
		if !errors.Is(err, ErrWindow) {
			t.Errorf("header % x: %v, want ErrWindow", header, err)
		}
	}
}
