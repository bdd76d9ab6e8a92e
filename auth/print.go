package auth

import (
	"fmt"
	"io"
)

// Format implements [fmt.Formatter]: whatever the verb, the user name and no
// secret is printed.
func (c Credential) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, c.String()) }

// Format implements [fmt.Formatter]: the number of credentials is printed, and
// none of them.
func (k *Keyring) Format(f fmt.State, _ rune) {
	n := 0
	if k != nil {
		k.mu.RLock()
		n = k.count
		k.mu.RUnlock()
	}
	_, _ = fmt.Fprintf(f, "keyring of %d", n)
}

// Format implements [fmt.Formatter]: nothing that t has learned is printed.
func (t *Transport) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "auth.Transport") }

// Format implements [fmt.Formatter]: nothing that p has learned is printed.
func (p *Proxy) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "auth.Proxy") }

// Format implements [fmt.Formatter]: the header and what it was refused with are
// secrets, the query may be one.
func (a Attempt) Format(f fmt.State, _ rune) {
	_, _ = io.WriteString(f, "attempt with the "+a.Credential.String())
}

// Format implements [fmt.Formatter]: the scheme is printed, and what a server
// counts its requests by is not.
func (c Challenge) Format(f fmt.State, _ rune) {
	_, _ = io.WriteString(f, c.Scheme+" challenge")
}

// Format implements [fmt.Formatter]: nothing of the response is printed.
func (e UnsupportedError) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, e.Error()) }
