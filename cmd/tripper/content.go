package main

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
)

// A body is what a request sends.
type body struct {
	method    string // the method that it implies
	mediaType string
	json      bool
	text      []byte // data of -d

	// open returns the content from its beginning, if it is not text. length is that of the content, -1 if it
	// is not known. once is true if it can be opened once.
	open   func() (io.ReadCloser, error)
	length int64
	once   bool
}

// content returns what the options have a request send. in is the input of the command.
func (o *requestOptions) content(in io.Reader) (body, error) {
	kinds := 0
	for _, used := range []bool{len(o.data) > 0 && !o.asGet, len(o.form) > 0, o.upload != "", o.headOnly && o.method == ""} {
		if used {
			kinds++
		}
	}
	switch {
	case kinds > 1:
		return body{}, failf(exitUsage, "only one of -d, -F, -T and -I can be used")
	case len(o.data) > 0:
		return dataBody(o.data, in)
	case len(o.form) > 0:
		return formBody(o.form, in)
	case o.upload != "":
		return uploadBody(o.upload, in)
	}
	return body{method: http.MethodGet}, nil
}

// set makes b the body of req.
func (b body) set(req *http.Request) error {
	if b.text != nil {
		b.open = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(b.text)), nil }
		b.length = int64(len(b.text))
	}
	if b.open == nil {
		return nil
	}
	r, err := b.open()
	if err != nil {
		return err
	}
	req.Body, req.ContentLength = r, b.length
	if !b.once {
		req.GetBody = b.open
	}
	if b.length == 0 {
		req.Body = http.NoBody
		return r.Close()
	}
	return nil
}

// dataBody joins the data of -d and its kin by ampersands, as curl does.
func dataBody(list []part, in io.Reader) (body, error) {
	b := body{method: http.MethodPost, mediaType: "application/x-www-form-urlencoded", text: []byte{}}
	for i, p := range list {
		text, err := p.data(in)
		if err != nil {
			return body{}, err
		}
		if p.kind == "json" {
			b.json, b.mediaType = true, "application/json"
		} else if i > 0 {
			b.text = append(b.text, '&')
		}
		b.text = append(b.text, text...)
	}
	return b, nil
}

// data returns what p adds to the data.
func (p part) data(in io.Reader) ([]byte, error) {
	name, isFile := strings.CutPrefix(p.text, "@")
	switch {
	case p.kind == "data-urlencode":
		return p.encoded(in)
	case p.kind == "data-raw" || !isFile:
		return []byte(p.text), nil
	}
	text, err := readAll(name, in)
	if p.kind == "data" {
		text = slices.DeleteFunc(text, func(b byte) bool { return b == '\r' || b == '\n' || b == 0 })
	}
	return text, err
}

// encoded returns the data of --data-urlencode.
func (p part) encoded(in io.Reader) ([]byte, error) {
	at := strings.IndexAny(p.text, "=@")
	if at < 0 {
		return []byte(url.QueryEscape(p.text)), nil
	}
	content := []byte(p.text[at+1:])
	if p.text[at] == '@' {
		var err error
		if content, err = readAll(p.text[at+1:], in); err != nil {
			return nil, err
		}
	}
	out := url.QueryEscape(string(content))
	if name := p.text[:at]; name != "" {
		out = name + "=" + out
	}
	return []byte(out), nil
}

// readAll reads the file of that name into memory, or the input for "-".
func readAll(name string, in io.Reader) ([]byte, error) {
	if name == "-" {
		b, err := io.ReadAll(in)
		if err != nil {
			return nil, fileFailure(exitRead, err)
		}
		return b, nil
	}
	b, err := os.ReadFile(name) //nolint:gosec // the user names it
	if err != nil {
		return nil, fileFailure(exitRead, err)
	}
	return b, nil
}

// uploadBody is a file that is sent as it is, and not read into memory.
func uploadBody(name string, in io.Reader) (body, error) {
	if name == "-" || name == "." {
		return body{method: http.MethodPut, length: -1, once: true, open: func() (io.ReadCloser, error) { return io.NopCloser(in), nil }}, nil
	}
	i, err := os.Stat(name)
	if err != nil {
		return body{}, fileFailure(exitRead, err)
	}
	b := body{method: http.MethodPut, length: -1, open: func() (io.ReadCloser, error) { return openFile(name) }}
	if i.Mode().IsRegular() {
		b.length = i.Size()
	} else {
		b.once = true
	}
	if i.IsDir() {
		return body{}, failf(exitRead, "%s: %w", name, errors.New("is a directory"))
	}
	return b, nil
}

func openFile(name string) (io.ReadCloser, error) {
	f, err := os.Open(name) //nolint:gosec // the user names it
	if err != nil {
		return nil, fileFailure(exitRead, err)
	}
	return f, nil
}
