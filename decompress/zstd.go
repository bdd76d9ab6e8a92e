package decompress

import (
	"bufio"
	"encoding/binary"
	"io"

	"github.com/klauspost/compress/zstd"

	"github.com/tripper-go/tripper/decompress/internal/dictionary"
)

// zstdDecoder undoes zstd (RFC 8878) and dcz (RFC 9842 §5).
type zstdDecoder struct {
	zr     *zstd.Decoder
	br     *bufio.Reader
	frames frames
	dict   bool
	t      *Transport
}

// newZstd returns a decoder from the Transport's own pool. The pools of other codings are
// global. A zstd.Decoder has channels: one that was made in a bubble of testing/synctest
// must not be used in another.
func (t *Transport) newZstd(src io.Reader, dict *dictionary.Entry) (*zstdDecoder, error) {
	d, _ := t.decoders.Get().(*zstdDecoder)
	if d == nil {
		// With a concurrency of 1 there are no goroutines. frames checks the window
		// before the library does.
		zr, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(maxZstdWindow))
		if err != nil {
			return nil, err
		}
		d = &zstdDecoder{t: t, zr: zr, br: bufio.NewReaderSize(nil, bufferSize)}
	}
	d.br.Reset(src)
	d.frames = frames{br: d.br, max: t.settings.zstdWindow}
	if dict == nil {
		return d, d.zr.Reset(&d.frames)
	}
	d.dict = true
	d.frames.hash = dict.Hash[:]
	d.frames.max = max(d.frames.max, dict.Window())
	return d, d.zr.ResetWithOptions(&d.frames, zstd.WithDecoderDictRaw(0, dict.Content))
}

func (d *zstdDecoder) release() {
	keep := d.frames.window <= keepWindow
	d.br.Reset(nil)
	d.frames = frames{}
	err := d.zr.Reset(nil)
	if d.dict {
		d.dict = false
		err = d.zr.ResetWithOptions(nil, zstd.WithDecoderDictDelete())
	}
	if keep && err == nil {
		d.t.decoders.Put(d)
	}
}

func (d *zstdDecoder) buffered() int { return d.br.Buffered() }

func (d *zstdDecoder) Read(p []byte) (int, error) {
	n, err := d.zr.Read(p)
	return n, d.verdict(err)
}

func (d *zstdDecoder) writeTo(w io.Writer) error {
	_, err := d.zr.WriteTo(w)
	if err == nil {
		err = io.EOF
	}
	if err = d.verdict(err); err == io.EOF {
		err = nil
	}
	return err
}

// verdict returns the error of frames instead of io.EOF: the decoder also returns that for
// a frame that is cut off in its first byte.
func (d *zstdDecoder) verdict(err error) error {
	if err == io.EOF && d.frames.err != nil {
		return d.frames.err
	}
	return err
}

// frames hands a zstd stream to the decoder one frame header or block at a time. Unlike the
// decoder it can tell whether the stream ends between two frames, within one, or in other
// bytes. It refuses a large window before memory for it is allocated.
type frames struct {
	br     *bufio.Reader
	max    int64  // largest window
	hash   []byte // of the dictionary, if the stream is dcz
	window int64  // largest so far

	left  int64 // bytes until the next header
	block bool  // the next header is that of a block, otherwise of a frame
	check bool  // the frame has a checksum
	begun bool  // there was a frame
	err   error
}

func (f *frames) Read(p []byte) (int, error) {
	if f.err == nil && f.left == 0 {
		f.err = f.step()
	}
	if f.err != nil {
		return 0, f.err
	}
	if int64(len(p)) > f.left {
		p = p[:f.left]
	}
	n, err := f.br.Read(p)
	f.left -= int64(n)
	if err != nil && n == 0 {
		f.err = cut(err)
		return 0, f.err
	}
	return n, nil
}

// step reads the next header and sets left to the length of what it begins.
func (f *frames) step() error {
	if f.block {
		return f.blockHeader()
	}
	if f.hash != nil {
		return f.dictionaryHeader()
	}
	p, err := f.br.Peek(4)
	if err != nil && err != io.EOF {
		return err
	}
	switch {
	case len(p) == 0 && f.begun:
		return io.EOF
	case isPrefix(p, 0xfd2fb528, 0xffffffff):
		if len(p) < 4 {
			return io.ErrUnexpectedEOF
		}
		f.begun = true
		return f.header()
	case isPrefix(p, 0x184d2a50, 0xfffffff0): // RFC 8878 §3.1.2: a frame to be skipped
		if p, err = f.br.Peek(8); err != nil {
			return cut(err)
		}
		f.begun = true
		f.left = 8 + int64(binary.LittleEndian.Uint32(p[4:]))
		return nil
	case f.begun:
		return ErrTrailing
	}
	return zstd.ErrMagicMismatch
}

// isPrefix reports whether p, of up to four bytes, is the beginning of the little-endian
// number magic, in the bits of mask.
func isPrefix(p []byte, magic, mask uint32) bool {
	for i, c := range p {
		shift := 8 * i
		if uint32(c)&(mask>>shift&0xff) != magic>>shift&0xff {
			return false
		}
	}
	return true
}

// dictionaryHeader checks the first 40 bytes of dcz: a frame that decoders skip, with the
// hash of the dictionary.
func (f *frames) dictionaryHeader() error {
	p, err := f.br.Peek(40)
	if err != nil {
		if len(p) > 0 && !isPrefix(p[:min(len(p), 4)], 0x184d2a5e, 0xffffffff) {
			return zstd.ErrMagicMismatch
		}
		return cut(err)
	}
	if string(p[:8]) != "\x5e\x2a\x4d\x18\x20\x00\x00\x00" {
		return zstd.ErrMagicMismatch
	}
	if string(p[8:]) != string(f.hash) {
		return ErrDictionary
	}
	f.hash, f.begun, f.left = nil, true, 40
	return nil
}

// header reads a frame header (RFC 8878 §3.1.1.1), of which the magic number was seen. It waits
// for no byte beyond.
func (f *frames) header() error {
	var h zstd.Header
	for n := 6; ; n++ { // the shortest header
		p, end := f.br.Peek(n)
		err := h.Decode(p)
		if err == nil {
			break
		}
		if err != io.ErrUnexpectedEOF {
			return err
		}
		if end != nil {
			return cut(end)
		}
	}
	window := h.WindowSize
	if h.SingleSegment {
		window = h.FrameContentSize
	}
	if window > uint64(f.max) {
		return ErrWindow
	}
	f.window = max(f.window, int64(window))
	f.check, f.block, f.left = h.HasCheckSum, true, int64(h.HeaderSize)
	return nil
}

// blockHeader reads a block header (RFC 8878 §3.1.1.2).
func (f *frames) blockHeader() error {
	p, err := f.br.Peek(3)
	if err != nil {
		return cut(err)
	}
	h := uint32(p[0]) | uint32(p[1])<<8 | uint32(p[2])<<16
	f.left = 3 + int64(h>>3)
	if h>>1&3 == 1 { // RLE: one byte, many times
		f.left = 4
	}
	if h&1 != 0 {
		f.block = false
		if f.check {
			f.left += 4
		}
	}
	return nil
}
