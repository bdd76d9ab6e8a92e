package httpfield

import (
	"slices"
	"strings"
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
	if t, ok := parseFixdate(s); ok {
		return t, true
	}
	day, rest, _ := strings.Cut(s, ", ")
	var d date
	switch {
	case slices.Contains(longDays, day): // Sunday, 06-Nov-94 08:49:37 GMT
		if !d.scan("DD-B-YY hh:mm:ss GMT", rest) {
			return time.Time{}, false
		}
		return d.near(now.UTC())
	case len(s) > 8 && s[8] == ' ': // Sun Nov  6 08:49:37 1994
		ok = d.scan("W B  D hh:mm:ss YYYY", s)
	default:
		ok = d.scan("W B DD hh:mm:ss YYYY", s)
	}
	if !ok {
		return time.Time{}, false
	}
	return d.in(d['Y'])
}

// parseFixdate parses an IMF-fixdate, Sun, 06 Nov 1994 08:49:37 GMT, which nearly all dates are:
// quicker than scan does.
func parseFixdate(s string) (t time.Time, ok bool) {
	if len(s) != 29 || s[3:5] != ", " || s[7] != ' ' || s[11] != ' ' || s[16] != ' ' || s[19] != ':' || s[22] != ':' || s[25:] != " GMT" {
		return time.Time{}, false
	}
	weekday, month := nameIn(shortDays, s[:3]), nameIn(months, s[8:11])
	day, year := digits(s[5:7]), 100*digits(s[12:14])+digits(s[14:16])
	h, m, sec := digits(s[17:19]), digits(s[20:22]), digits(s[23:25])
	if weekday < 0 || month < 0 || day < 1 || year < 0 || min(h, m, sec) < 0 || h > 23 || m > 59 || sec > 60 {
		return time.Time{}, false
	}
	first := daysBefore(year, month)
	if day > daysBefore(year, month+1)-first {
		return time.Time{}, false
	}
	days := first + day - 1 - daysBefore(1970, 0)
	return time.Unix(int64(days)*86400+int64(h*3600+m*60+sec), 0).UTC(), true // a leap second is allowed
}

// nameIn returns which of the names, of three letters each, is s; -1 for none.
func nameIn(names, s string) int {
	for i := 0; i < len(names); i += 3 {
		if names[i] == s[0] && names[i+1] == s[1] && names[i+2] == s[2] {
			return i / 3
		}
	}
	return -1
}

// digits returns the number that two digits are. For other characters it is so negative that no
// other digits make it up.
func digits(s string) int {
	a, b := s[0]-'0', s[1]-'0'
	if a > 9 || b > 9 {
		return -1 << 20
	}
	return int(10*a + b)
}

// daysBefore returns how many days, from some day on, come before a month, which is counted from
// zero.
func daysBefore(year, month int) int {
	last := year + 399 // The years before year, from one on that was no leap year.
	days := 365*year + last/4 - last/100 + last/400 + int(monthDays[month])
	if month > 1 && year%4 == 0 && (year%100 != 0 || year%400 == 0) {
		days++
	}
	return days
}

// monthDays has the days of a year that come before each month, without a leap day.
var monthDays = [...]uint16{0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334, 365}

const (
	shortDays = "SunMonTueWedThuFriSat"
	months    = "JanFebMarAprMayJunJulAugSepOctNovDec"
)

var longDays = []string{"Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"}

// A date has the numbers of a date, by their letters in the layout.
type date ['s' + 1]int

// scan reads the numbers in s. In the layout, Y, D, h, m and s are digits of the year, the day
// and the time; W and B are three letters of a day of the week and of a month. All other bytes
// stand for themselves.
func (d *date) scan(layout, s string) bool {
	for i := range len(layout) {
		c := layout[i]
		if s == "" {
			return false
		}
		switch c {
		case 'Y', 'D', 'h', 'm', 's':
			if s[0] < '0' || s[0] > '9' {
				return false
			}
			d[c] = d[c]*10 + int(s[0]-'0')
		case 'W', 'B':
			names := months
			if c == 'W' {
				names = shortDays
			}
			at := strings.Index(names, s[:min(3, len(s))])
			if len(s) < 3 || at < 0 || at%3 != 0 {
				return false
			}
			d[c] = at/3 + 1
			s = s[2:]
		default:
			if s[0] != c {
				return false
			}
		}
		s = s[1:]
	}
	return s == ""
}

// in returns the time that d is in that year. It returns false for a day that the month does
// not have. A leap second is allowed.
func (d *date) in(year int) (time.Time, bool) {
	t := time.Date(year, time.Month(d['B']), d['D'], 0, 0, 0, 0, time.UTC)
	if t.Day() != d['D'] || d['h'] > 23 || d['m'] > 59 || d['s'] > 60 {
		return time.Time{}, false
	}
	return t.Add(time.Duration(d['h']*3600+d['m']*60+d['s']) * time.Second), true
}

// near returns the time within 50 years of now that d, whose year has two digits, is.
func (d *date) near(now time.Time) (time.Time, bool) {
	year := now.Year()/100*100 + d['Y']
	t, ok := d.in(year)
	switch {
	case ok && t.After(now.AddDate(50, 0, 0)):
		return d.in(year - 100)
	case ok && t.Before(now.AddDate(-50, 0, 0)):
		return d.in(year + 100)
	}
	return t, ok
}
