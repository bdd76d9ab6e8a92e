package lostupdate

import (
	"crypto/sha256"
	"encoding/hex"
	"hash"
	"io"
	"net/http"
	"sync/atomic"

	"github.com/tripper-go/tripper/internal/roundtrip"
)

// summer holds the SHA-256 of the body whose last byte was read last.
type summer struct{ sum atomic.Pointer[string] }

// hex returns the hash, empty if no body was read to its last byte.
func (s *summer) hex() string {
	if s == nil {
		return ""
	}
	if p := s.sum.Load(); p != nil {
		return *p
	}
	return ""
}

// sumBody returns a copy of req whose body is hashed while it is read. So is each body
// that its GetBody returns.
func sumBody(req *http.Request) (*summer, *http.Request) {
	s := new(summer)
	out := roundtrip.Clone(req)
	if !roundtrip.HasBody(req) {
		empty := encode(sha256.New())
		s.sum.Store(&empty)
		return s, out
	}
	length := req.ContentLength
	summed := func(body io.ReadCloser) io.ReadCloser {
		return &summedBody{ReadCloser: body, hash: sha256.New(), left: length, to: s}
	}
	out.Body = summed(req.Body)
	if get := req.GetBody; get != nil {
		out.GetBody = func() (io.ReadCloser, error) {
			body, err := get()
			if err != nil {
				return nil, err
			}
			return summed(body), nil
		}
	}
	return s, out
}

type summedBody struct {
	io.ReadCloser
	hash hash.Hash
	left int64 // of its length, if that is known
	to   *summer
}

func (b *summedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.hash.Write(p[:n])
	b.left -= int64(n)
	// net/http may send the last bytes, and have the response, before it has read the end.
	if err == io.EOF || n > 0 && b.left == 0 {
		sum := encode(b.hash)
		b.to.sum.Store(&sum)
	}
	return n, err
}

func encode(h hash.Hash) string { return hex.EncodeToString(h.Sum(nil)) }
