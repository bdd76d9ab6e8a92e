package decompress

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/tripper-go/tripper/decompress/internal/dictionary"
	"github.com/tripper-go/tripper/internal/roundtrip"
)

// probeBytes is how many bytes of a body are decoded: enough for the header of each coding.
const probeBytes = 512

// probe reads the beginning of the body of resp, tries to decode it, and returns a body
// with the beginning in it. If decoding fails, but not because the beginning ends, probe
// returns an Error that holds resp with as much of the encoded body as arrives soon.
func (t *Transport) probe(resp *http.Response, codings []string, dict *dictionary.Entry) (io.ReadCloser, error) {
	start := make([]byte, probeBytes)
	n, rerr := io.ReadAtLeast(resp.Body, start, 1)
	start = start[:n]
	if rerr == io.ErrUnexpectedEOF {
		rerr = io.EOF
	}
	err := t.try(resp, start, codings, dict)
	if err == nil {
		return &probed{rest: start, err: rerr, ReadCloser: resp.Body}, nil
	}
	var e *Error
	if !errors.As(err, &e) {
		e = &Error{Coding: strings.Join(resp.Header["Content-Encoding"], ", "), Err: err}
	}
	e.response = keep(resp, start)
	return nil, e
}

// try decodes a beginning.
func (t *Transport) try(resp *http.Response, start []byte, codings []string, dict *dictionary.Entry) error {
	trial := &http.Response{Header: http.Header{"Content-Encoding": resp.Header["Content-Encoding"]}}
	b := t.attach(trial, io.NopCloser(bytes.NewReader(start)), codings, dict)
	_, err := io.CopyN(io.Discard, b, probeBytes)
	_ = b.Close()
	if err == io.EOF || errors.Is(err, io.ErrUnexpectedEOF) {
		return nil
	}
	return err
}

// keep closes the body of resp, and returns a copy of resp with a body of start, which was
// read of it, and the bytes that arrive soon, within bounds: an error must not hold a
// connection.
func keep(resp *http.Response, start []byte) *http.Response {
	timer := time.AfterFunc(roundtrip.DrainTime, func() { _ = resp.Body.Close() })
	rest, _ := io.ReadAll(io.LimitReader(resp.Body, roundtrip.DrainBytes)) // what there is
	if timer.Stop() {
		_ = resp.Body.Close()
	}
	kept := append(start, rest...)
	out := *resp
	out.Header = resp.Header.Clone()
	out.Header.Set("Content-Length", strconv.Itoa(len(kept)))
	out.Body, out.ContentLength = io.NopCloser(bytes.NewReader(kept)), int64(len(kept))
	return &out
}

// probed is a body whose beginning was read already.
type probed struct {
	rest []byte // of the beginning
	err  error  // with which reading the beginning has ended
	io.ReadCloser
}

func (p *probed) Read(b []byte) (int, error) {
	if len(p.rest) > 0 {
		n := copy(b, p.rest)
		p.rest = p.rest[n:]
		return n, nil
	}
	if p.err != nil {
		return 0, p.err
	}
	return p.ReadCloser.Read(b)
}
