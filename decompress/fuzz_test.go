package decompress

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
)

// FuzzDecode feeds arbitrary bytes under arbitrary labels: the content comes out
// the same by Read, by small Reads and by WriteTo, or the same kind of error
// does, and no limit is exceeded.
func FuzzDecode(f *testing.F) {
	data := text(2000)
	for _, c := range wireCodings {
		wire := encode(f, c.name, data)
		f.Add(wire, c.label, false)
		f.Add(wire[:len(wire)/2], c.label, true)
		f.Add(slices.Concat(wire, wire), c.label, true)
		f.Add(slices.Concat(wire[:len(wire)/3], wire[len(wire)/2:]), c.label, true)
		f.Add(encode(f, "gzip", wire), c.label+", gzip", true)
		f.Add([]byte{}, c.label, false)
	}
	f.Add([]byte("\x28\xb5\x2f\xfd\xa0\x01\x00\x80\x00"), "zstd", true)
	f.Add([]byte("\x11\x1e\x00\x00"), "br", true)
	const most = 1 << 20
	layer := &Transport{MaxBytes: most, RatioAfter: 1 << 18, MaxWindow: 1 << 20}
	strict := &Transport{MaxBytes: most, RatioAfter: 1 << 18, MaxWindow: 1 << 20, Strict: true}
	f.Fuzz(func(t *testing.T, wire []byte, label string, beStrict bool) {
		l := layer
		if beStrict {
			l = strict
		}
		req, _ := http.NewRequest("GET", "http://example.com/", nil)
		run := func(src io.Reader, read func(io.Reader) ([]byte, error)) ([]byte, error) {
			resp, err := l.Wrap(serve(src, label)).RoundTrip(req)
			if err != nil {
				return nil, err
			}
			got, err := read(resp.Body)
			if cerr := resp.Body.Close(); cerr != nil {
				t.Errorf("Close: %v", cerr)
			}
			if len(got) > most && resp.Uncompressed {
				t.Errorf("%d bytes came out", len(got))
			}
			return got, err
		}
		a, errA := run(bytes.NewReader(wire), io.ReadAll)
		b, errB := run(iotest.OneByteReader(bytes.NewReader(wire)), func(r io.Reader) ([]byte, error) {
			return io.ReadAll(iotest.HalfReader(struct{ io.Reader }{r}))
		})
		c, errC := run(bytes.NewReader(wire), func(r io.Reader) ([]byte, error) {
			var buf bytes.Buffer
			_, err := io.Copy(&buf, r)
			return buf.Bytes(), err
		})
		// Where the ratio stops it depends on how much is read at a time.
		if errors.Is(errA, ErrRatio) || errors.Is(errB, ErrRatio) || errors.Is(errC, ErrRatio) {
			return
		}
		for _, x := range []struct {
			how string
			got []byte
			err error
		}{{"small reads", b, errB}, {"WriteTo", c, errC}} {
			if (errA == nil) != (x.err == nil) || errA == nil && !bytes.Equal(a, x.got) {
				t.Errorf("%s: %d bytes, %v; Read: %d bytes, %v", x.how, len(x.got), x.err, len(a), errA)
			}
		}
		if errA != nil && !errors.As(errA, new(*Error)) {
			t.Errorf("error %T: %v", errA, errA)
		}
	})
}

// FuzzRoundTrip encodes arbitrary content in arbitrary stacks of codings, and
// decodes it through decoders that have been used for something broken before.
func FuzzRoundTrip(f *testing.F) {
	f.Add(text(100), uint(0), 50)
	f.Add(noise(70_000), uint(1234), 1)
	f.Add([]byte{}, uint(99), 0)
	layer := &Transport{MaxRatio: -1}
	f.Fuzz(func(t *testing.T, data []byte, stack uint, cut int) {
		if len(data) > 1<<20 {
			return
		}
		wire, labels := data, []string(nil)
		for range 1 + stack%3 {
			c := wireCodings[stack/3%uint(len(wireCodings))]
			stack /= 7
			wire = encode(t, c.name, wire)
			labels = append(labels, c.label)
		}
		label := strings.Join(labels, ", ")
		if cut > 0 && cut < len(wire) {
			got, err := fetch(t, layer.Wrap(serve(bytes.NewReader(wire[:cut]), label)))
			if err == nil || !bytes.HasPrefix(data, got) {
				t.Errorf("%s cut at %d of %d: %d bytes, %v", label, cut, len(wire), len(got), err)
			}
			flipped := slices.Clone(wire)
			flipped[cut] ^= byte(1 + cut%255)
			_, _ = fetch(t, layer.Wrap(serve(bytes.NewReader(flipped), label)))
		}
		if got, err := fetch(t, layer.Wrap(serve(bytes.NewReader(wire), label))); err != nil || !bytes.Equal(got, data) {
			t.Errorf("%s: %d bytes of %d, %v", label, len(got), len(data), err)
		}
	})
}

// FuzzHeader puts arbitrary values into the field that decides.
func FuzzHeader(f *testing.F) {
	for _, s := range []string{"gzip", "gzip, br", `"gzip`, ",,,", "x-gzip;q=1", "gzip\x00", "identity, identity"} {
		f.Add(s, s)
	}
	f.Fuzz(func(t *testing.T, a, b string) {
		req, _ := http.NewRequest("GET", "http://example.com/", nil)
		resp, err := (&Transport{}).Wrap(serve(strings.NewReader("content"), a, b)).RoundTrip(req)
		if err != nil {
			if !errors.Is(err, ErrTooManyCodings) {
				t.Error(err)
			}
			return
		}
		got, err := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if err == nil && string(got) != "content" && resp.Uncompressed != true {
			t.Errorf("%q, %q: %q", a, b, got)
		}
	})
}
