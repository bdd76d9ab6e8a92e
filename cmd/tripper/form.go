package main

import (
	"bytes"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/textproto"
	"os"
	"path/filepath"
	"strings"
)

// A piece is a part of a form: what stands before its content, and the content.
type piece struct {
	head   []byte
	text   []byte
	file   string // its name, if the content is that of a file
	length int64
}

// formBody makes a form of parts (multipart/form-data, RFC 7578). Files are read when they are sent.
func formBody(list []part, in io.Reader) (body, error) {
	var head bytes.Buffer
	w := multipart.NewWriter(&head)
	pieces := make([]piece, 0, len(list)+1)
	length := int64(0)
	for _, p := range list {
		fields, content, err := p.formPart(in)
		if err != nil {
			return body{}, err
		}
		if _, err := w.CreatePart(fields); err != nil {
			return body{}, err
		}
		content.head = bytes.Clone(head.Bytes())
		head.Reset()
		length += int64(len(content.head)) + content.length
		pieces = append(pieces, content)
	}
	if err := w.Close(); err != nil {
		return body{}, err
	}
	pieces = append(pieces, piece{head: head.Bytes()})
	length += int64(head.Len())
	return body{
		method: http.MethodPost, mediaType: w.FormDataContentType(), length: length,
		open: func() (io.ReadCloser, error) { return &formReader{pieces: pieces}, nil },
	}, nil
}

// formPart reads an argument of -F: name=value, name=@file or name=<file, with further parameters.
func (p part) formPart(in io.Reader) (textproto.MIMEHeader, piece, error) {
	name, value, found := strings.Cut(p.text, "=")
	if !found || name == "" {
		return nil, piece{}, failf(exitUsage, "-F takes name=value")
	}
	value, params := formParams(value)
	var c piece
	file, isFile := strings.CutPrefix(value, "@")
	from, isText := strings.CutPrefix(value, "<")
	switch {
	case isFile && file != "-":
		i, err := os.Stat(file)
		if err != nil {
			return nil, c, fileFailure(exitRead, err)
		}
		if !i.Mode().IsRegular() {
			return nil, c, failf(exitRead, "%s: -F takes regular files", file)
		}
		c.file, c.length = file, i.Size()
	case isFile || isText:
		if isFile {
			from = file
		}
		text, err := readAll(from, in)
		if err != nil {
			return nil, c, err
		}
		c.text = text
	default:
		c.text = []byte(value)
	}
	c.length += int64(len(c.text))
	h := make(textproto.MIMEHeader)
	disposition := `form-data; name="` + quoteName(name) + `"`
	if isFile {
		called := filepath.Base(file)
		if params["filename"] != "" {
			called = params["filename"]
		}
		disposition += `; filename="` + quoteName(called) + `"`
		kind := params["type"]
		if kind == "" {
			kind, _, _ = strings.Cut(mime.TypeByExtension(filepath.Ext(called)), ";")
		}
		if kind == "" {
			kind = "application/octet-stream"
		}
		h.Set("Content-Type", kind)
	} else if params["type"] != "" {
		h.Set("Content-Type", params["type"])
	}
	h.Set("Content-Disposition", disposition)
	return h, c, nil
}

// formParams takes ";type=" and ";filename=" off the end of a value of -F.
func formParams(value string) (string, map[string]string) {
	params := make(map[string]string)
	for {
		at := strings.LastIndexByte(value, ';')
		if at < 0 {
			return value, params
		}
		name, v, found := strings.Cut(strings.TrimSpace(value[at+1:]), "=")
		if !found || name != "type" && name != "filename" {
			return value, params
		}
		params[name] = strings.Trim(v, `"`)
		value = value[:at]
	}
}

// quoteName writes a name as browsers do (RFC 7578 §4.2, WHATWG HTML: multipart/form-data).
func quoteName(s string) string {
	return strings.NewReplacer("\n", "%0A", "\r", "%0D", `"`, "%22").Replace(s)
}

// A formReader reads the pieces of a form, with one file open at a time.
type formReader struct {
	pieces []piece
	now    io.Reader
	file   *os.File
}

func (r *formReader) Read(b []byte) (int, error) {
	for {
		if r.now == nil {
			if len(r.pieces) == 0 {
				return 0, io.EOF
			}
			if err := r.next(); err != nil {
				return 0, err
			}
		}
		n, err := r.now.Read(b)
		if err == io.EOF {
			r.now, err = nil, r.closeFile()
		}
		if n > 0 || err != nil {
			return n, err
		}
	}
}

// next begins with the next piece.
func (r *formReader) next() error {
	p := r.pieces[0]
	r.pieces = r.pieces[1:]
	var content io.Reader = bytes.NewReader(p.text)
	if p.file != "" {
		f, err := os.Open(p.file)
		if err != nil {
			return fileFailure(exitRead, err)
		}
		r.file, content = f, &exactly{f, p.length, p.file}
	}
	r.now = io.MultiReader(bytes.NewReader(p.head), content)
	return nil
}

func (r *formReader) closeFile() (err error) {
	if r.file != nil {
		err, r.file = r.file.Close(), nil
	}
	return err
}

func (r *formReader) Close() error { return r.closeFile() }

// An exactly reads as many bytes of a file as it had when its length was told.
type exactly struct {
	r    io.Reader
	left int64
	name string
}

func (e *exactly) Read(b []byte) (int, error) {
	if e.left == 0 {
		return 0, io.EOF
	}
	n, err := e.r.Read(b[:min(int64(len(b)), e.left)])
	e.left -= int64(n)
	if err == io.EOF && e.left > 0 {
		err = failf(exitRead, "%s: became shorter", e.name)
	}
	return n, err
}
