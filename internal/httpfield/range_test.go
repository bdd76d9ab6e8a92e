package httpfield

import (
	"testing"
)

func TestRanges(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]ContentRange{
		"bytes 0-1/2": {0, 1, 2}, "BYTES 0-0/*": {0, 0, -1}, "bytes */10": {-1, -1, 10},
		"bytes 5-6/9999999999999999999999": {5, 6, 1<<63 - 1},
	} {
		got, ok := ParseContentRange(in)
		if !ok || got != want {
			t.Errorf("ParseContentRange(%q) = %v, %v; want %v", in, got, ok, want)
		}
	}
	if got := (ContentRange{0, 1, 2}).String() + (ContentRange{0, 1, -1}).String() + (ContentRange{-1, -1, 2}).String(); got != "bytes 0-1/2bytes 0-1/*bytes */2" {
		t.Errorf("String: %s", got)
	}
	for _, in := range []string{"", "bytes", "bytes x", "bytes 0-1", "bytes 1-0/2", "bytes 0-2/2", "bytes */*", "items 0-1/2", "bytes -1/2", "bytes 0-/2", "bytes a-b/c", "bytes 0-1/-2", "bytes=0-1/2"} {
		if got, ok := ParseContentRange(in); ok {
			t.Errorf("ParseContentRange(%q) = %v, want none", in, got)
		}
	}
	for _, row := range []struct {
		in          string
		first, last int64
		ok          bool
		why         string
	}{
		{"bytes=0-4", 0, 4, true, ""},
		{"Bytes = 5-", 5, 9, true, "units fold; an open range"},
		{"bytes=-3", 7, 9, true, "a suffix"},
		{"bytes=-30", 0, 9, true, "a suffix longer than the whole is the whole"},
		{"bytes=8-100", 8, 9, true, "cut to what is there"},
		{"bytes=10-", 0, 0, false, "beyond the end"},
		{"bytes=-0", 0, 0, false, "an empty suffix"},
		{"bytes=5-99999999999999999999", 5, 9, true, "overflow is the largest"},
	} {
		specs, ok := ParseRange(row.in)
		if !ok || len(specs) != 1 {
			t.Errorf("ParseRange(%q) = %v, %v", row.in, specs, ok)
			continue
		}
		first, last, ok := specs[0].Resolve(10)
		if first != row.first || last != row.last || ok != row.ok {
			t.Errorf("%q of 10 bytes: %d-%d, %v; want %d-%d, %v (%s)", row.in, first, last, ok, row.first, row.last, row.ok, row.why)
		}
	}
	if _, _, ok := (RangeSpec{First: -1, Last: 5}).Resolve(0); ok {
		t.Error("nothing has a suffix")
	}
	if specs, ok := ParseRange("bytes=0-0, ,-1"); !ok || len(specs) != 2 {
		t.Errorf("two ranges: %v, %v", specs, ok)
	}
	for _, in := range []string{"", "bytes", "bytes=", "bytes=a-b", "bytes=-", "bytes=5", "bytes=4-3", "items=0-1", "bytes=0-1,x"} {
		if specs, ok := ParseRange(in); ok {
			t.Errorf("ParseRange(%q) = %v, want none", in, specs)
		}
	}
	for _, row := range []struct {
		lines []string
		want  int64
		ok    bool
	}{
		{[]string{"5"}, 5, true},
		{[]string{"5, 5", "5"}, 5, true},
		{[]string{"5", "6"}, -1, false},
		{[]string{"-5"}, -1, false},
		{nil, -1, false},
	} {
		if n, ok := ContentLength(row.lines); n != row.want || ok != row.ok {
			t.Errorf("ContentLength(%q) = %d, %v", row.lines, n, ok)
		}
	}
}
