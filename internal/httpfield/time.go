package httpfield

import (
	"time"
)

// MaxDeltaSeconds is the value of all larger delta-seconds (RFC 9111 §1.2.2).
const MaxDeltaSeconds = 1 << 31

// DeltaSeconds parses a number of seconds (RFC 9111 §1.2.2), which consists of digits. The
// result is at most MaxDeltaSeconds.
func DeltaSeconds(s string) (seconds int64, ok bool) {
	if s == "" {
		return 0, false
	}
	for i := range len(s) {
		c := s[i]
		if c < '0' || c > '9' {
			return 0, false
		}
		if seconds < MaxDeltaSeconds {
			seconds = min(seconds*10+int64(c-'0'), MaxDeltaSeconds)
		}
	}
	return seconds, true
}

// FormatDate returns t as an IMF-fixdate (RFC 9110 §5.6.7).
func FormatDate(t time.Time) string { return t.UTC().Format("Mon, 02 Jan 2006 15:04:05 GMT") }

// ParseDate parses an HTTP-date (RFC 9110 §5.6.7): an IMF-fixdate, the RFC 850 form or the
// asctime form, each strictly by its grammar; http.ParseTime also accepts other zones,
// one-digit hours and any case. A two-digit year is the one within 50 years of now.
func ParseDate(s string, now time.Time) (t time.Time, ok bool) {
	switch {
	case len(s) == 29 && s[3] == ',':
		return parseFixdate(s)
	case len(s) == 24 && s[3] == ' ':
		return parseAsctime(s)
	}
	return parseRFC850(s, now)
}

const (
	shortDays = "SunMonTueWedThuFriSat"
	months    = "JanFebMarAprMayJunJulAugSepOctNovDec"
)

var longDays = [...]string{"Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"}

// parseFixdate parses "Sun, 06 Nov 1994 08:49:37 GMT".
func parseFixdate(s string) (time.Time, bool) {
	day, ok1 := number(s[5:7])
	month, ok2 := name(months, s[8:11])
	year, ok3 := number(s[12:16])
	clock, ok4 := parseClock(s[17:25])
	_, ok5 := name(shortDays, s[:3])
	if !(ok1 && ok2 && ok3 && ok4 && ok5) || s[3:5] != ", " || s[7] != ' ' || s[11] != ' ' || s[16] != ' ' || s[25:] != " GMT" {
		return time.Time{}, false
	}
	return date(year, month, day, clock)
}

// parseAsctime parses "Sun Nov  6 08:49:37 1994".
func parseAsctime(s string) (time.Time, bool) {
	d := s[8:10]
	if d[0] == ' ' {
		d = d[1:]
	}
	day, ok1 := number(d)
	month, ok2 := name(months, s[4:7])
	year, ok3 := number(s[20:24])
	clock, ok4 := parseClock(s[11:19])
	_, ok5 := name(shortDays, s[:3])
	if !(ok1 && ok2 && ok3 && ok4 && ok5) || s[3] != ' ' || s[7] != ' ' || s[10] != ' ' || s[19] != ' ' {
		return time.Time{}, false
	}
	return date(year, month, day, clock)
}

// parseRFC850 parses "Sunday, 06-Nov-94 08:49:37 GMT".
func parseRFC850(s string, now time.Time) (time.Time, bool) {
	found := false
	for _, d := range longDays {
		if len(s) == len(d)+24 && s[:len(d)] == d {
			s, found = s[len(d):], true
			break
		}
	}
	if !found {
		return time.Time{}, false
	}
	day, ok1 := number(s[2:4])
	month, ok2 := name(months, s[5:8])
	year, ok3 := number(s[9:11])
	clock, ok4 := parseClock(s[12:20])
	if !(ok1 && ok2 && ok3 && ok4) || s[:2] != ", " || s[4] != '-' || s[8] != '-' || s[11] != ' ' || s[20:] != " GMT" {
		return time.Time{}, false
	}
	now = now.UTC()
	t, ok := date(now.Year()/100*100+year, month, day, clock)
	if ok && t.After(now.AddDate(50, 0, 0)) {
		return date(now.Year()/100*100+year-100, month, day, clock)
	}
	if ok && t.Before(now.AddDate(-50, 0, 0)) {
		return date(now.Year()/100*100+year+100, month, day, clock)
	}
	return t, ok
}

// parseClock parses "08:49:37" to seconds. A leap second is allowed.
func parseClock(s string) (seconds int, ok bool) {
	h, ok1 := number(s[0:2])
	m, ok2 := number(s[3:5])
	sec, ok3 := number(s[6:8])
	if !(ok1 && ok2 && ok3) || s[2] != ':' || s[5] != ':' || h > 23 || m > 59 || sec > 60 {
		return 0, false
	}
	return h*3600 + m*60 + sec, true
}

// date returns the time. It returns false for a day that the month does not have.
func date(year, month, day, clock int) (time.Time, bool) {
	t := time.Date(year, time.Month(month+1), day, 0, 0, 0, 0, time.UTC)
	if t.Day() != day || day == 0 {
		return time.Time{}, false
	}
	return t.Add(time.Duration(clock) * time.Second), true
}

func number(s string) (n int, ok bool) {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return 0, false
		}
		n = n*10 + int(s[i]-'0')
	}
	return n, s != ""
}

// name returns the index of a three-letter name in a table of them.
func name(table, s string) (int, bool) {
	for i := 0; i+3 <= len(table); i += 3 {
		if table[i:i+3] == s {
			return i / 3, true
		}
	}
	return 0, false
}
