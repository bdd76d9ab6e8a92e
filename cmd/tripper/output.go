package main

import (
	"bytes"
	"io"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"

	"github.com/tripper-go/tripper/redirects"
)

// An output is where a response goes.
type output struct {
	w    io.Writer
	file *os.File // nil for the output of the process
	// offset is where the content begins in the whole.
	offset int64
	// guard has content that is not text refused, since w is a terminal. It is over after the first write.
	guard bool
	// screen is true if w is a terminal.
	screen bool
}

// open opens the output for a response. Like curl, it makes no file if there is none.
func (o *getOptions) open(c *console, _ *http.Response) (*output, error) {
	offset, _ := strconv.ParseInt(o.resume, 10, 64)
	if o.output == "" || o.output == "-" {
		return &output{w: c.out, offset: offset, guard: c.outTerminal && o.output == "", screen: c.outTerminal}, nil
	}
	flags := os.O_WRONLY | os.O_CREATE | os.O_TRUNC
	if offset > 0 {
		flags = os.O_WRONLY | os.O_CREATE | os.O_APPEND
	}
	f, err := os.OpenFile(o.output, flags, 0o666) //nolint:gosec // as umask has it, like other programs
	if err != nil {
		return nil, fileFailure(exitWrite, err)
	}
	return &output{w: f, file: f, offset: offset}, nil
}

func (o *output) Write(b []byte) (int, error) {
	if o.guard && bytes.IndexByte(b, 0) >= 0 {
		return 0, failf(exitWrite, "the content is not text, and may upset the terminal: use -o FILE, or -o - to print it all the same")
	}
	o.guard = false
	return o.w.Write(b)
}

// header prints the header of resp, after those of the redirects that led to it.
func (o *output) header(resp *http.Response) error {
	w := o.w
	if o.screen {
		w = &printable{w}
	}
	if err := writeHeader(w, resp); err != nil {
		return fileFailure(exitWrite, err)
	}
	return nil
}

func (o *output) close() error {
	if o.file == nil {
		return nil
	}
	if err := o.file.Close(); err != nil {
		return fileFailure(exitWrite, err)
	}
	return nil
}

func writeHeader(w io.Writer, resp *http.Response) error {
	for _, r := range append(redirects.History(resp), resp) {
		var b bytes.Buffer
		b.WriteString(r.Proto + " " + r.Status + "\r\n")
		if err := r.Header.Write(&b); err != nil {
			return err
		}
		b.WriteString("\r\n")
		if _, err := w.Write(b.Bytes()); err != nil {
			return err
		}
	}
	return nil
}

// dumpHeader writes the header to the file of -D.
func (o *getOptions) dumpHeader(c *console, resp *http.Response) error {
	switch o.dump {
	case "":
		return nil
	case "-":
		return (&output{w: c.out, screen: c.outTerminal}).header(resp)
	}
	return writeWhole(o.dump, func(w io.Writer) error { return writeHeader(w, resp) })
}

// remoteName returns the name that the path of a URL ends in. It names a file in the present directory.
func remoteName(u *url.URL) (string, error) {
	name := u.EscapedPath()
	name = name[strings.LastIndexByte(name, '/')+1:]
	name = strings.Map(func(r rune) rune {
		if r == '\\' || r == ':' || visible(r) != r {
			return '_'
		}
		return r
	}, name)
	if name == "" || name == "." || name == ".." {
		return "", failf(exitWrite, "the URL ends in no name for a file, use -o FILE")
	}
	return name, nil
}
