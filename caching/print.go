package caching

import (
	"fmt"
	"io"
	"strconv"
)

// Format implements [fmt.Formatter]: the status is printed. The URL and the fields
// may hold secrets.
func (m *Meta) Format(f fmt.State, _ rune) {
	if m == nil {
		_, _ = io.WriteString(f, "no stored response")
		return
	}
	_, _ = io.WriteString(f, "stored response of status "+strconv.Itoa(m.Status))
}

// Format implements [fmt.Formatter], as that of a Meta.
func (s Stored) Format(f fmt.State, _ rune) {
	_, _ = io.WriteString(f, "stored response of status "+strconv.Itoa(s.Status))
}
