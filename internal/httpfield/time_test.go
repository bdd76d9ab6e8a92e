package httpfield

import (
	"strings"
	"testing"
	"time"
)

func TestDeltaSeconds(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		in   string
		want int64
		ok   bool
		why  string
	}{
		{"0", 0, true, ""},
		{"300", 300, true, ""},
		{"007", 7, true, "leading zeros are digits"},
		{"2147483648", MaxDeltaSeconds, true, "RFC 9111 §1.2.2: 2^31 is the most"},
		{"99999999999999999999999", MaxDeltaSeconds, true, "RFC 9111 §1.2.2: overflow is the most"},
		{"", 0, false, ""},
		{"-1", 0, false, "not negative"},
		{"+1", 0, false, "digits only"},
		{"1.5", 0, false, "digits only"},
		{"1 ", 0, false, "digits only"},
		{"0x1", 0, false, "digits only"},
		{"١", 0, false, "ASCII digits only"},
	} {
		if got, ok := DeltaSeconds(row.in); got != row.want || ok != row.ok {
			t.Errorf("DeltaSeconds(%q) = %d, %v; want %d, %v (%s)", row.in, got, ok, row.want, row.ok, row.why)
		}
	}
}

// Each day of 900 years is read as package time reads it.
func TestParseFixdate(t *testing.T) {
	t.Parallel()
	for d := time.Date(0, 1, 1, 0, 0, 0, 0, time.UTC); d.Year() < 10000; d = d.AddDate(0, 0, 1) {
		if d.Year() == 400 {
			d = d.AddDate(1400, 0, 0)
		} else if d.Year() == 2200 {
			d = d.AddDate(7700, 0, 0)
		}
		if got, ok := parseFixdate(FormatDate(d)); !ok || got != d {
			t.Fatalf("%s is read as %v, %v", FormatDate(d), got, ok)
		}
	}
	const good = "Sun, 06 Nov 1994 08:49:37 GMT"
	for i := range len(good) {
		for _, c := range []byte{0, ' ', '/', ':', 'x', 0xff} {
			bad := good[:i] + string([]byte{c}) + good[i+1:]
			if got, ok := parseFixdate(bad); ok && bad != good {
				t.Errorf("%q is read as %v", bad, got)
			}
		}
	}
}

func TestParseDate(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 7, 1, 0, 0, 0, 0, time.UTC)
	nov94 := time.Date(1994, 11, 6, 8, 49, 37, 0, time.UTC)
	for _, row := range []struct {
		in   string
		want time.Time
		why  string
	}{
		{"Sun, 06 Nov 1994 08:49:37 GMT", nov94, "IMF-fixdate"},
		{"Sunday, 06-Nov-94 08:49:37 GMT", nov94, "RFC 850"},
		{"Sun Nov  6 08:49:37 1994", nov94, "asctime"},
		{"Wed Nov 16 08:49:37 1994", nov94.AddDate(0, 0, 10), "asctime with a day of two digits"},
		{"Mon, 06 Nov 1994 08:49:37 GMT", nov94, "the name of the day is not checked against the date: clocks and calendars of servers vary"},
		{"Friday, 01-Jan-70 00:00:00 GMT", time.Date(2070, 1, 1, 0, 0, 0, 0, time.UTC), "RFC 9110 §5.6.7: 2070 is 44 years from now, which is not more than 50"},
		{"Friday, 01-Jan-77 00:00:00 GMT", time.Date(1977, 1, 1, 0, 0, 0, 0, time.UTC), "RFC 9110 §5.6.7: 2077 would be more than 50 years from now"},
		{"Fri, 31 Dec 9999 23:59:60 GMT", time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC), "a leap second"},
	} {
		got, ok := ParseDate(row.in, now)
		if !ok || !got.Equal(row.want) {
			t.Errorf("ParseDate(%q) = %v, %v; want %v (%s)", row.in, got, ok, row.want, row.why)
		}
	}
	for _, in := range []string{
		"", "0", "-1", "Sun, 06 Nov 1994 08:49:37 UTC", "Sun, 06 Nov 1994 08:49:37 gmt", "Sun, 06 Nov 1994 08:49:37 +0000",
		"Sun, 6 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 1994 8:49:37 GMT", "sun, 06 nov 1994 08:49:37 GMT", "Sun, 06 Nov 94 08:49:37 GMT",
		"Sun,06 Nov 1994 08:49:37 GMT", "Sun, 06  Nov 1994 08:49:37 GMT", " Sun, 06 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 1994 08:49:37 GMT ",
		"Sun, 31 Feb 1994 08:49:37 GMT", "Sun, 00 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 1994 24:00:00 GMT", "Sun, 06 Nov 1994 08:60:37 GMT",
		"Sunday, 6-Nov-94 08:49:37 GMT", "Sunday, 06-Nov-1994 08:49:37 GMT", "Sun Nov 6 08:49:37 1994", "Sun Nov 06 08:49:37  994",
		"Sun, 06-Nov-1994 08:49:37 GMT", "1994-11-06T08:49:37Z", strings.Repeat("x", 29), strings.Repeat("x", 24), "Wednesday, " + strings.Repeat("9", 22),
	} {
		if got, ok := ParseDate(in, now); ok {
			t.Errorf("ParseDate(%q) = %v; the grammar has no such date", in, got)
		}
	}
	if got := FormatDate(nov94.In(time.FixedZone("x", 3600))); got != "Sun, 06 Nov 1994 08:49:37 GMT" {
		t.Errorf("FormatDate = %q", got)
	}
}
