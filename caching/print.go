package caching

import (
	"fmt"
	"io"
	"strconv"
)

// Format implements [fmt.Formatter], as that of a Meta.
func (s Stored) Format(f fmt.State, _ rune) {
	_, _ = io.WriteString(f, "stored response of status "+strconv.Itoa(s.Status))
}
