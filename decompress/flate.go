package decompress

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"encoding/binary"
	"hash"
	"hash/adler32"
	"hash/crc32"
	"io"
	"sync"

	"github.com/klauspost/compress/flate"
)

// flateDecoder undoes gzip (RFC 1952) and deflate, which is the zlib format (RFC 1950) or,
// from some servers, bare DEFLATE (RFC 1951). The first bytes decide which of the three
// formats it is, whatever the label. But content labelled gzip is never taken for bare
// DEFLATE, which has no magic number.
//
// It does not use gzip.Reader, which allocates in WriteTo. That of klauspost/compress takes
// a header that is cut off within the name for the end.
type flateDecoder struct {
	br     *bufio.Reader
	fr     io.ReadCloser
	label  string
	format format
	open   bool // the next byte is within a DEFLATE stream
	crc    uint32
	adler  hash.Hash32
	size   uint32
	dst    io.Writer
}

type format uint8

const (
	unknownFormat format = iota
	gzipFormat
	zlibFormat
	rawFormat
)

// bufferSize is the size of the buffer between the wire and a decoder. With a larger one
// decoding begins later.
const bufferSize = 4 << 10

var flates = sync.Pool{New: func() any {
	d := &flateDecoder{br: bufio.NewReaderSize(nil, bufferSize), adler: adler32.New()}
	d.fr = flate.NewReader(d.br)
	return d
}}

func newFlate(label string, src io.Reader) *flateDecoder {
	d := flates.Get().(*flateDecoder)
	d.br.Reset(src)
	d.label, d.format, d.open = label, unknownFormat, false
	return d
}

func (d *flateDecoder) release() {
	d.br.Reset(nil)
	d.dst = nil
	flates.Put(d)
}

func (d *flateDecoder) buffered() int { return d.br.Buffered() }

func (d *flateDecoder) Read(p []byte) (int, error) {
	for {
		if !d.open {
			if err := d.next(); err != nil {
				return 0, err
			}
		}
		n, err := d.fr.Read(p)
		d.sum(p[:n])
		if err == io.EOF {
			d.open = false
			err = d.trailer()
		}
		if n > 0 || err != nil {
			return n, err
		}
	}
}

func (d *flateDecoder) writeTo(w io.Writer) error {
	d.dst = w
	for {
		if !d.open {
			if err := d.next(); err != nil {
				if err == io.EOF {
					err = nil
				}
				return err
			}
		}
		if _, err := d.fr.(io.WriterTo).WriteTo((*summer)(d)); err != nil {
			return err
		}
		d.open = false
		if err := d.trailer(); err != nil {
			return err
		}
	}
}

// summer adds the bytes that are written to d.dst to the checksum.
type summer flateDecoder

func (s *summer) Write(p []byte) (int, error) {
	(*flateDecoder)(s).sum(p)
	return s.dst.Write(p)
}

func (d *flateDecoder) sum(p []byte) {
	switch d.format {
	case gzipFormat:
		d.crc = crc32.Update(d.crc, crc32.IEEETable, p)
		d.size += uint32(len(p))
	case zlibFormat:
		_, _ = d.adler.Write(p)
	}
}

// next opens the first stream, or that of the next gzip member. It returns
// io.EOF after the last.
func (d *flateDecoder) next() error {
	p, err := d.br.Peek(2)
	if err != nil && err != io.EOF {
		return err
	}
	first := d.format == unknownFormat
	switch {
	case len(p) == 0 && !first:
		return io.EOF
	case len(p) == 0, len(p) == 1 && p[0] == 0x1f && (d.format == gzipFormat || first && d.label == "gzip"):
		return io.ErrUnexpectedEOF
	case len(p) == 2 && p[0] == 0x1f && p[1] == 0x8b && (first || d.format == gzipFormat):
		d.format = gzipFormat // RFC 1952 §2.2: members simply follow each other
		err = d.gzipHeader()
	case !first:
		return ErrTrailing
	case len(p) == 2 && isZlib(p[0], p[1]):
		d.format = zlibFormat
		err = d.zlibHeader(p[1])
	case d.label == "gzip":
		return gzip.ErrHeader
	default:
		d.format, err = rawFormat, nil
	}
	if err != nil {
		return err
	}
	d.open = true
	return d.fr.(flate.Resetter).Reset(d.br, nil)
}

// isZlib reports whether the bytes begin a zlib stream (RFC 1950 §2.2): DEFLATE with a
// window of at most 32 KiB, and a number that is a multiple of 31.
func isZlib(cmf, flg byte) bool {
	return cmf&0x0f == 8 && cmf>>4 <= 7 && (uint(cmf)<<8|uint(flg))%31 == 0
}

// zlibHeader skips the two bytes of a header, of which flg is the second.
func (d *flateDecoder) zlibHeader(flg byte) error {
	if flg&0x20 != 0 { // FDICT: HTTP has no dictionaries for deflate
		return zlib.ErrDictionary
	}
	d.adler.Reset()
	_, err := d.br.Discard(2)
	return err
}

// Flags of a gzip header (RFC 1952 §2.3.1).
const (
	flagHeaderCRC = 1 << 1
	flagExtra     = 1 << 2
	flagName      = 1 << 3
	flagComment   = 1 << 4
	flagReserved  = 0xe0
)

// gzipHeader skips the header of a member, and checks its checksum.
func (d *flateDecoder) gzipHeader() error {
	d.crc, d.size = 0, 0
	p, err := d.take(10)
	if err != nil {
		return err
	}
	flags := p[3]
	if p[2] != 8 || flags&flagReserved != 0 {
		return gzip.ErrHeader
	}
	if flags&flagExtra != 0 {
		if p, err = d.take(2); err != nil {
			return err
		}
		for n := int(binary.LittleEndian.Uint16(p)); n > 0; n -= len(p) {
			if p, err = d.take(min(n, 1<<10)); err != nil {
				return err
			}
		}
	}
	for _, f := range []byte{flagName, flagComment} {
		for more := flags&f != 0; more; more = p[0] != 0 {
			if p, err = d.take(1); err != nil {
				return err
			}
		}
	}
	if flags&flagHeaderCRC != 0 {
		want := uint16(d.crc)
		if p, err = d.take(2); err != nil {
			return err
		}
		if binary.LittleEndian.Uint16(p) != want {
			return gzip.ErrHeader
		}
	}
	d.crc = 0
	return nil
}

// take reads n bytes, which stay valid until the next read, and adds them to the checksum.
func (d *flateDecoder) take(n int) ([]byte, error) {
	p, err := d.br.Peek(n)
	if err != nil {
		return nil, cut(err)
	}
	d.crc = crc32.Update(d.crc, crc32.IEEETable, p)
	_, err = d.br.Discard(n)
	return p, err
}

// trailer checks the checksum and the size after a stream.
func (d *flateDecoder) trailer() error {
	var room [8]byte
	want, wrong := room[:0], error(nil)
	switch d.format {
	case gzipFormat:
		want = binary.LittleEndian.AppendUint32(want, d.crc)
		want, wrong = binary.LittleEndian.AppendUint32(want, d.size), gzip.ErrChecksum
	case zlibFormat:
		want, wrong = binary.BigEndian.AppendUint32(want, d.adler.Sum32()), zlib.ErrChecksum
	}
	got, err := d.br.Peek(len(want))
	if err != nil {
		return cut(err)
	}
	if !bytes.Equal(got, want) {
		return wrong
	}
	_, err = d.br.Discard(len(want))
	return err
}

// cut returns err, or io.ErrUnexpectedEOF for io.EOF.
func cut(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}
