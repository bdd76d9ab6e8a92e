package httpfield

import (
	"math"
	"strconv"
	"strings"
)

// A ContentRange is the value of a Content-Range field in bytes (RFC 9110 §14.4).
type ContentRange struct {
	// First and Last are inclusive; both are -1 in the unsatisfied form.
	First, Last int64
	// Total is the complete length; -1 if it is unknown ("*").
	Total int64
}

// ParseContentRange parses "bytes 0-1/2", "bytes 0-1/*" and "bytes */2". ok is false also for
// a range that ends before its beginning or beyond the total.
func ParseContentRange(s string) (r ContentRange, ok bool) {
	unit, rest, found := strings.Cut(TrimBlanks(s), " ")
	if !found || !EqualFold(unit, "bytes") {
		return ContentRange{}, false
	}
	span, total, found := strings.Cut(TrimBlanks(rest), "/")
	if !found {
		return ContentRange{}, false
	}
	r = ContentRange{First: -1, Last: -1, Total: -1}
	if total != "*" {
		if r.Total, ok = length(total); !ok {
			return ContentRange{}, false
		}
	}
	if span == "*" {
		return r, r.Total >= 0
	}
	first, last, found := strings.Cut(span, "-")
	var ok1, ok2 bool
	r.First, ok1 = length(first)
	r.Last, ok2 = length(last)
	if !found || !ok1 || !ok2 || r.Last < r.First || r.Total >= 0 && r.Last >= r.Total {
		return ContentRange{}, false
	}
	return r, true
}

// String returns the field value.
func (r ContentRange) String() string {
	total := "*"
	if r.Total >= 0 {
		total = strconv.FormatInt(r.Total, 10)
	}
	if r.First < 0 {
		return "bytes */" + total
	}
	return "bytes " + strconv.FormatInt(r.First, 10) + "-" + strconv.FormatInt(r.Last, 10) + "/" + total
}

// A RangeSpec is one range of a Range field (RFC 9110 §14.1.2).
type RangeSpec struct {
	// First is -1 in a suffix range, of which Last is the length.
	First int64
	// Last is inclusive; -1 in a range without an end.
	Last int64
}

// Resolve returns the first and the last byte of the range in a representation of size bytes.
// ok is false if the range has no byte of it.
func (r RangeSpec) Resolve(size int64) (first, last int64, ok bool) {
	switch {
	case r.First < 0:
		if r.Last == 0 || size == 0 {
			return 0, 0, false
		}
		return max(0, size-r.Last), size - 1, true
	case r.First >= size:
		return 0, 0, false
	case r.Last < 0 || r.Last >= size:
		return r.First, size - 1, true
	}
	return r.First, r.Last, true
}

// ParseRange parses the value of a Range field in bytes. ok is false for other units and for
// values that are not valid, both of which a recipient ignores (RFC 9110 §14.2). Positions
// that overflow are math.MaxInt64.
func ParseRange(s string) (specs []RangeSpec, ok bool) {
	unit, set, found := strings.Cut(TrimBlanks(s), "=")
	if !found || !EqualFold(TrimBlanks(unit), "bytes") {
		return nil, false
	}
	for e := range List([]string{set}) {
		first, last, found := strings.Cut(e, "-")
		if !found {
			return nil, false
		}
		r := RangeSpec{First: -1, Last: -1}
		var good bool
		if first != "" {
			if r.First, good = length(first); !good {
				return nil, false
			}
		}
		if last != "" {
			if r.Last, good = length(last); !good {
				return nil, false
			}
		}
		if first == "" && last == "" || first != "" && last != "" && r.Last < r.First {
			return nil, false
		}
		specs = append(specs, r)
	}
	return specs, len(specs) > 0
}

// length parses digits. A number that overflows is math.MaxInt64.
func length(s string) (n int64, ok bool) {
	if s == "" || !OnlyDigits(s) {
		return 0, false
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		return math.MaxInt64, true
	}
	return n, true
}

// ContentLength parses the lines of a Content-Length field. A list must have the same number
// in every element (RFC 9110 §8.6). If ok is false, n is -1.
func ContentLength(values []string) (n int64, ok bool) {
	n = -1
	for e := range List(values) {
		m, good := length(e)
		if !good || n >= 0 && m != n {
			return -1, false
		}
		n = m
	}
	return n, n >= 0
}
