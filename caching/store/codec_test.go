package store

import (
	"bytes"
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/tripper-go/tripper/internal/compare"
)

// diffMeta compares metadata but for memos, and times as instants.
func diffMeta(want, got *Meta) string {
	var w, g Meta
	want.CopyTo(&w)
	got.CopyTo(&g)
	for _, pair := range [][2]*time.Time{{&w.RequestTime, &g.RequestTime}, {&w.ResponseTime, &g.ResponseTime}, {&w.Expires, &g.Expires}} {
		if pair[0].Equal(*pair[1]) {
			*pair[1] = *pair[0]
		}
	}
	return compare.Diff(&w, &g)
}

func sampleMeta() *Meta {
	return &Meta{
		ID:         [16]byte{1, 2, 3},
		Version:    1<<63 + 7,
		URL:        "http://example.com/a?b",
		Status:     200,
		StatusText: "OK",
		Proto:      "HTTP/1.1",
		Header: FieldsOf(http.Header{
			"Content-Type": {"text/plain"},
			"Set-Cookie":   {"a=1", "b=2"},
			"X-Empty":      {""},
			"X-Bytes":      {"caf\xe9"},
		}),
		Trailer:      FieldsOf(http.Header{"Digest": {"x"}}),
		RequestTime:  time.Unix(1700000000, 5).UTC(),
		ResponseTime: time.Unix(1700000001, 999999999).UTC(),
		Extra:        "\x00\xff\x07",
	}
}

func TestMetaCodec(t *testing.T) {
	t.Parallel()
	for name, m := range map[string]*Meta{
		"full":  sampleMeta(),
		"empty": {Status: 204, Proto: "HTTP/2.0"},
		"years": {Status: 200, Proto: "HTTP/1.0", Expires: time.Date(9999, 1, 2, 3, 4, 5, 6, time.UTC), RequestTime: time.Date(1, 1, 1, 0, 0, 1, 0, time.UTC)},
	} {
		b, err := m.AppendBinary([]byte("prefix"))
		if err != nil {
			t.Fatal(err)
		}
		got, err := ParseMeta(b[len("prefix"):])
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if diff := diffMeta(m, got); diff != "" {
			t.Errorf("%s: mismatch (-want +got)\n%s", name, diff)
		}
	}
}

// The strings of a Meta are parts of one, which is none of the bytes that were read.
func TestParseMetaShares(t *testing.T) {
	want, b := sampleMeta(), []byte(nil)
	b, _ = want.AppendBinary(b)
	if n := testing.AllocsPerRun(100, func() { _, _ = ParseMeta(b) }); n > 2 {
		t.Errorf("%v allocations: the Meta and its text", n)
	}
	m, err := ParseMeta(b)
	if err != nil {
		t.Fatal(err)
	}
	clear(b)
	if diff := diffMeta(want, m); diff != "" {
		t.Errorf("mismatch (-want +got)\n%s", diff)
	}
}

// Every cut and every longer form must be refused: a Store that lost the tail
// of a record may not have it taken for a whole one.
func TestParseMetaRefuses(t *testing.T) {
	t.Parallel()
	b, _ := sampleMeta().AppendBinary(nil)
	for i := range b {
		if m, err := ParseMeta(b[:i]); err == nil || m != nil || !errors.Is(err, ErrCorrupt) {
			t.Fatalf("ParseMeta of the first %d of %d bytes = %v, %v; want ErrCorrupt", i, len(b), m, err)
		}
	}
	if _, err := ParseMeta(append(bytes.Clone(b), 0)); !errors.Is(err, ErrCorrupt) {
		t.Errorf("one byte too many: %v; want ErrCorrupt", err)
	}
	for name, change := range map[string]func(*Meta){
		"line break in a value": func(m *Meta) { m.Header = FieldsOf(http.Header{"A": {"b\r\nSet-Cookie: c"}}) },
		"name is no token":      func(m *Meta) { m.Header = FieldsOf(http.Header{"a b": {"c"}}) },
		"line break in reason":  func(m *Meta) { m.StatusText = "OK\n" },
		"status":                func(m *Meta) { m.Status = 99 },
		"negative status":       func(m *Meta) { m.Status = -200 },
		"proto":                 func(m *Meta) { m.Proto = "ICY" },
	} {
		m := sampleMeta()
		change(m)
		b, _ := m.AppendBinary(nil)
		if _, err := ParseMeta(b); !errors.Is(err, ErrCorrupt) {
			t.Errorf("%s: err = %v; want ErrCorrupt", name, err)
		}
	}
}

func FuzzParseMeta(f *testing.F) {
	b, _ := sampleMeta().AppendBinary(nil)
	f.Add(b)
	f.Add([]byte{})
	f.Add([]byte{metaVersion})
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := ParseMeta(b)
		if err != nil {
			if m != nil || !errors.Is(err, ErrCorrupt) {
				t.Fatalf("ParseMeta = %v, %v; want nil and ErrCorrupt", m, err)
			}
			return
		}
		again, _ := m.AppendBinary(nil)
		n, err := ParseMeta(again)
		if err != nil {
			t.Fatalf("what was read and written cannot be read: %v", err)
		}
		if diff := diffMeta(m, n); diff != "" {
			t.Fatalf("mismatch (-want +got)\n%s", diff)
		}
	})
}
