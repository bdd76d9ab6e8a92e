package httpsig

import (
	"bytes"
	"context"
	"crypto"
	"encoding/base64"
	"errors"
	"hash"
	"io"
	"net/http"

	"github.com/dunglas/httpsfv"

	"github.com/tripper-go/tripper/internal/roundtrip"
)

// hashes are the algorithms of RFC 9530 §5 that are not deprecated.
var hashes = map[string]crypto.Hash{"sha-256": crypto.SHA256, "sha-512": crypto.SHA512}

// digestOf returns the value of Content-Digest for content (RFC 9530 §2).
func (s *settings) digestOf(ctx context.Context, content *roundtrip.Content) (string, error) {
	h := hashes[s.hash].New()
	body, err := content.Look(ctx)
	if err == nil {
		_, err = io.Copy(h, &patient{ctx, body})
		if e := body.Close(); err == nil {
			err = e
		}
	}
	switch {
	case err != nil && ctx.Err() != nil:
		return "", context.Cause(ctx)
	case err != nil:
		return "", roundtrip.Explain("httpsig: reading the body", roundtrip.Caller(err))
	}
	return s.hash + "=:" + base64.StdEncoding.EncodeToString(h.Sum(nil)) + ":", nil
}

// A patient reader reads until its context ends.
type patient struct {
	ctx context.Context //nolint:containedctx // of one call of digestOf
	r   io.Reader
}

func (p *patient) Read(b []byte) (int, error) {
	if err := p.ctx.Err(); err != nil {
		return 0, err
	}
	return p.r.Read(b)
}

// keepCoded keeps net/http from asking for gzip and decoding it: the digest of a response covers
// the encoded content.
func keepCoded(out *http.Request) {
	if len(out.Header["Accept-Encoding"]) == 0 && len(out.Header["Range"]) == 0 && out.Method != http.MethodHead {
		out.Header["Accept-Encoding"] = []string{"identity"}
	}
}

// ErrContentDigest matches, with [errors.Is], the error of a response whose content is not the
// one that its Content-Digest is for. The error is returned by the body, in place of [io.EOF].
//
// The error is permanent (Permanent() bool): no layer sends the request again.
var ErrContentDigest = roundtrip.Final(errors.New("httpsig: the content of the response is not that of its Content-Digest"))

// checkContent returns resp with a body that fails at its end if the content is not that of
// Content-Digest. A response without the field, or with algorithms that are not known, is
// returned as it is. So is content that net/http has decoded, unless signed is true: then somebody
// has put the coding there after it was signed. failed is called once if the content is another one.
func checkContent(resp *http.Response, signed bool, failed func()) (*http.Response, error) {
	lines := resp.Header[fieldDigest]
	if len(lines) == 0 || !hasContent(resp) || resp.Uncompressed && !signed {
		return resp, nil
	}
	dict, err := httpsfv.UnmarshalDictionary(lines)
	if err != nil || resp.Uncompressed {
		failed()
		return nil, ErrContentDigest
	}
	body := &checkedBody{ReadCloser: resp.Body, left: resp.ContentLength, failed: failed}
	for _, name := range dict.Names() {
		algorithm, known := hashes[name]
		if !known {
			continue
		}
		m, _ := dict.Get(name)
		item, _ := m.(httpsfv.Item)
		want, ok := item.Value.([]byte)
		if !ok {
			failed()
			return nil, ErrContentDigest
		}
		body.sums = append(body.sums, sum{algorithm.New(), want})
	}
	if len(body.sums) == 0 {
		return resp, nil
	}
	if resp.Body == http.NoBody {
		return resp, body.check()
	}
	out := *resp
	out.Body = body
	return &out, nil
}

// hasContent reports whether resp has content, which may be empty. RFC 9530 §2: the digest in a
// response to HEAD, and in a 304, is that of content which is not sent.
func hasContent(resp *http.Response) bool {
	return resp.StatusCode != http.StatusNotModified && resp.StatusCode != http.StatusSwitchingProtocols &&
		(resp.Request == nil || resp.Request.Method != http.MethodHead)
}

// A sum is a hash with the value that it should have at the end.
type sum struct {
	hash.Hash
	want []byte
}

// A checkedBody fails at its end if its content is not the one of its sums. If the length is
// known it fails with the last byte, since not all readers read on until EOF.
type checkedBody struct {
	io.ReadCloser
	left    int64 // bytes to its end; not positive if that is unknown
	sums    []sum
	failed  func()
	checked bool
	end     error // returned after the end; nil before
}

func (b *checkedBody) Read(p []byte) (int, error) {
	if b.end != nil {
		return 0, b.end
	}
	n, err := b.ReadCloser.Read(p)
	for _, s := range b.sums {
		_, _ = s.Write(p[:n]) // never fails
	}
	last := err == nil && b.left > 0 && b.left == int64(n)
	b.left -= int64(n)
	if !b.checked && (err == io.EOF || last) {
		b.checked = true
		if bad := b.check(); bad != nil {
			err = bad
		}
	}
	if b.checked {
		b.end = err // nil with the last byte: EOF is still to come
	}
	return n, err
}

func (b *checkedBody) check() error {
	for _, s := range b.sums {
		if !bytes.Equal(s.Sum(nil), s.want) {
			b.failed()
			return ErrContentDigest
		}
	}
	return nil
}
