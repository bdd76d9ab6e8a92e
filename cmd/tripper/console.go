package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"golang.org/x/term"
)

// A console is where a command reads and writes.
type console struct {
	in       io.Reader
	out, err io.Writer

	// outTerminal and errTerminal report whether a person looks at out and err.
	outTerminal, errTerminal bool

	// width returns the number of columns of the terminal that out is, zero if it is none.
	width func() int

	// ask shows a prompt and returns the line that is typed, which the terminal does not show. It ends with ctx.
	ask func(ctx context.Context, prompt string) (string, error)

	// silent keeps failures from being printed.
	silent bool

	// failed is the first failure of print, for which the command fails.
	failed error
}

// print prints to the output.
func (c *console) print(format string, args ...any) {
	if c.failed == nil {
		_, c.failed = fmt.Fprintf(c.out, format, args...)
	}
}

// warn prints a line about what the command does, which is no part of its output.
func (c *console) warn(format string, args ...any) {
	_, _ = fmt.Fprintf(c.err, "tripper: "+format+"\n", args...)
}

// systemConsole returns the console of the process.
func systemConsole() *console {
	fd := int(os.Stdout.Fd()) //nolint:gosec // a file descriptor is small
	return &console{
		in: os.Stdin, out: os.Stdout, err: os.Stderr,
		outTerminal: term.IsTerminal(fd),
		errTerminal: term.IsTerminal(int(os.Stderr.Fd())), //nolint:gosec // a file descriptor is small
		width: func() int {
			n, _, err := term.GetSize(fd)
			if err != nil {
				return 0
			}
			return n
		},
		ask: askTerminal,
	}
}

// askTerminal asks on the terminal of the process, wherever its input and output go.
func askTerminal(ctx context.Context, prompt string) (string, error) {
	in, out := terminalNames()
	r, err := os.OpenFile(in, os.O_RDWR, 0)
	if err != nil {
		return "", errors.New("there is no terminal to ask for a password on; netrc files hold passwords too (--netrc)")
	}
	defer r.Close() //nolint:errcheck // a terminal
	w := r
	if out != in {
		if w, err = os.OpenFile(out, os.O_RDWR, 0); err != nil {
			return "", errors.New("there is no terminal to ask for a password on")
		}
		defer w.Close() //nolint:errcheck // a terminal
	}
	if _, err := io.WriteString(w, prompt); err != nil {
		return "", err
	}
	fd := int(r.Fd()) //nolint:gosec // a file descriptor is small
	before, err := term.GetState(fd)
	if err != nil {
		return "", err
	}
	type answer struct {
		line []byte
		err  error
	}
	typed := make(chan answer, 1)
	go func() { // which waits for a line until the process ends
		line, err := term.ReadPassword(fd)
		typed <- answer{line, err}
	}()
	select {
	case a := <-typed:
		_, _ = io.WriteString(w, "\n")
		return string(a.line), a.err
	case <-ctx.Done():
		_ = term.Restore(fd, before)
		_, _ = io.WriteString(w, "\n")
		return "", context.Cause(ctx)
	}
}

// A printable is a Writer to a terminal for what servers send: control characters, by which
// a server could have the terminal do things, become question marks.
type printable struct{ w io.Writer }

func (p *printable) Write(b []byte) (int, error) {
	if _, err := p.w.Write(bytes.Map(visible, b)); err != nil {
		return 0, err
	}
	return len(b), nil
}

// visible returns '?' in place of a control character that is no end of line or tabulator.
func visible(r rune) rune {
	if r < ' ' && r != '\n' && r != '\t' && r != '\r' || r >= 0x7f && r < 0xa0 || r == '\u2028' || r == '\u2029' {
		return '?'
	}
	return r
}
