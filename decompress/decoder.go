package decompress

import (
	"errors"
	"io"

	"github.com/tripper-go/tripper/decompress/internal/dictionary"
)

// newDecoder returns a decoder of the coding, which is one that plan let pass.
func (t *Transport) newDecoder(coding string, src io.Reader, dict *dictionary.Entry) (decoder, error) {
	if f := t.Decoders[coding]; f != nil {
		return &custom{src: src, open: f}, nil
	}
	switch coding {
	case "gzip", "deflate":
		return newFlate(coding, src), nil
	case "br":
		return newBrotli(src, t.settings.brotliWindow), nil
	case "zstd":
		return t.newZstd(src, nil)
	case "dcz":
		return t.newZstd(src, dict)
	}
	return nil, errors.New("unknown coding")
}

// custom is a decoder of the user's.
type custom struct {
	src  io.Reader
	open Decoder
	r    io.ReadCloser
	err  error
}

func (c *custom) Read(p []byte) (int, error) {
	if c.r == nil && c.err == nil {
		if c.r, c.err = c.open(c.src); c.err != nil {
			c.r, c.err = nil, cut(c.err)
		} else if c.r == nil {
			c.err = errors.New("the decoder made no reader")
		}
	}
	if c.err != nil {
		return 0, c.err
	}
	return c.r.Read(p)
}

// buffered is zero: what the user's decoder reads ahead is not known.
func (c *custom) buffered() int { return 0 }

func (c *custom) release() {
	if c.r != nil {
		_ = c.r.Close()
		c.r = nil
	}
	c.err = io.ErrClosedPipe
}
