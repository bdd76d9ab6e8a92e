package transport

import (
	"fmt"
	"io"
)

// What holds secrets prints none, whatever the verb: a Transport has passwords of
// proxies, in its state too, and keys.

// Format implements [fmt.Formatter].
func (t *Transport) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "transport.Transport") }

// Format implements [fmt.Formatter].
func (c Certificate) Format(f fmt.State, _ rune) {
	_, _ = io.WriteString(f, "certificate for "+c.Domain)
}

// Format implements [fmt.Formatter]. The fields of a proxy's answer may hold a
// cookie.
func (e RefusedError) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, e.Error()) }
