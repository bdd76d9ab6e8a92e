package auth

import (
	"errors"
	"io"
	"net/http"
	"sync"

	"github.com/tripper-go/tripper/internal/roundtrip"
)

// content is the body of a request that may have to be sent twice. It is looked at
// before the request is handed down: a layer below may change the request.
type content struct {
	body    io.ReadCloser
	getBody func() (io.ReadCloser, error)
	length  int64
	spool   *spool // nil if getBody makes new ones, or if there is no body
}

// init sets c to the content of req. Of a body that has no GetBody and cannot
// seek, up to most bytes are kept.
func (c *content) init(req *http.Request, most int64) {
	c.body, c.getBody, c.length = req.Body, req.GetBody, req.ContentLength
	if roundtrip.Replayable(req) {
		return
	}
	if most == 0 {
		most = DefaultMaxReplay
	}
	c.spool = &spool{src: req.Body, most: most}
	if s, ok := req.Body.(io.Seeker); ok {
		if start, err := s.Seek(0, io.SeekCurrent); err == nil {
			c.spool.seeker, c.spool.start = s, start
		}
	}
}

// exists reports whether the request has content.
func (c *content) exists() bool { return c.body != nil && c.body != http.NoBody }

// first returns the body to send first.
func (c *content) first() (io.ReadCloser, error) {
	if c.spool == nil {
		return c.body, nil
	}
	return c.spool.reader(true)
}

// again returns the body once more, from its beginning.
func (c *content) again() (io.ReadCloser, error) {
	switch {
	case !c.exists():
		return c.body, nil
	case c.spool == nil:
		return c.getBody()
	}
	return c.spool.reader(true)
}

// look returns the body for reading before it is sent.
func (c *content) look() (io.ReadCloser, error) {
	switch {
	case !c.exists():
		return http.NoBody, nil
	case c.spool == nil:
		return c.getBody()
	}
	if err := c.spool.fill(); err != nil {
		return nil, err
	}
	return c.spool.reader(false)
}

// replayable reports whether again will work.
func (c *content) replayable() bool { return c.spool == nil || c.spool.replayable() }

// certain reports whether the body can be sent twice whatever becomes of the
// first time.
func (c *content) certain() bool { return c.spool == nil || c.spool.seeker != nil }

// risky reports whether the body may be too long to be kept for a second time.
func (c *content) risky() bool {
	return !c.certain() && (c.length <= 0 || c.length > c.spool.most)
}

// untouched reports whether nothing of the body was read yet.
func (c *content) untouched() bool { return c.spool == nil || c.spool.untouched() }

// finish says that the body will not be sent again: from now on, closing what
// was sent last closes the caller's body.
func (c *content) finish() {
	if c.spool != nil {
		c.spool.finish()
	}
}

// close closes a body that was never sent.
func (c *content) close() {
	switch {
	case c.spool != nil:
		c.spool.abandon()
	case c.body != nil:
		_ = c.body.Close()
	}
}

var (
	errReplaced = errors.New("auth: the body is being sent again")
	errTooLong  = errors.New("auth: the body is longer than MaxReplay")
)

// A spool lets several readers, one after the other, read a source from its
// beginning. It keeps what was read, up to a bound, or seeks back.
//
// A Transport may still be reading when it returns a response, and closes what
// it reads only later: the source therefore stays open until finish, and a read
// of an older reader that is under way ends before the newer one goes on, which
// then finds its bytes in the spool.
type spool struct {
	src    io.ReadCloser
	seeker io.Seeker
	start  int64
	most   int64

	reading sync.Mutex // held while src is read

	mu       sync.Mutex
	buf      []byte
	read     int64 // reads of src begun
	overflow bool
	current  *spoolReader
	last     bool
	closed   bool
	err      error // of src
}

type spoolReader struct {
	s      *spool
	off    int64
	closed bool
}

func (s *spool) replayable() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return false
	}
	return s.seeker != nil || s.read == 0 || s.most > 0 && !s.overflow
}

func (s *spool) untouched() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.read == 0
}

// reader returns a reader from the beginning. If send is true, it takes the
// place of the present one.
func (s *spool) reader(send bool) (*spoolReader, error) {
	r := &spoolReader{s: s}
	s.mu.Lock()
	if s.seeker != nil {
		// The place in the source belongs to one reader.
		if s.current != nil {
			s.current.closed = true
		}
		s.current, s.err = r, nil
	} else if send {
		s.current = r
	}
	moved := s.seeker != nil && s.read > 0
	s.mu.Unlock()
	if !moved {
		return r, nil
	}
	s.reading.Lock()
	defer s.reading.Unlock()
	if _, err := s.seeker.Seek(s.start, io.SeekStart); err != nil {
		return nil, err
	}
	return r, nil
}

// fill reads the source into the spool, as far as it may.
func (s *spool) fill() error {
	if s.seeker != nil {
		return nil
	}
	r := &spoolReader{s: s}
	s.mu.Lock()
	saved := s.current
	s.current = r
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		s.current = saved
		s.mu.Unlock()
	}()
	chunk := make([]byte, 32<<10)
	for {
		s.mu.Lock()
		rest := s.most - int64(len(s.buf))
		s.mu.Unlock()
		if rest <= 0 {
			// One byte more tells whether this was all; the spool keeps it.
			chunk = chunk[:1]
		}
		_, err := r.Read(chunk)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if s.full() {
			return errTooLong
		}
	}
}

func (s *spool) full() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.overflow
}

// Read implements [io.Reader].
func (r *spoolReader) Read(p []byte) (int, error) {
	if n, done, err := r.fromBuffer(p); done {
		return n, err
	}
	s := r.s
	s.reading.Lock()
	defer s.reading.Unlock()
	// Another reader may have brought bytes while this one waited.
	if n, done, err := r.fromBuffer(p); done {
		return n, err
	}
	s.mu.Lock()
	if s.current != r || r.closed || s.closed {
		s.mu.Unlock()
		return 0, errReplaced
	}
	s.read++
	s.mu.Unlock()
	n, err := s.src.Read(p)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.seeker == nil && !s.overflow {
		s.buf = append(s.buf, p[:n]...)
		s.overflow = int64(len(s.buf)) > s.most
	}
	r.off += int64(n)
	if err != nil {
		s.err = err
	}
	return n, err
}

// fromBuffer serves what is in the spool. done is false if there is nothing.
func (r *spoolReader) fromBuffer(p []byte) (n int, done bool, err error) {
	s := r.s
	s.mu.Lock()
	defer s.mu.Unlock()
	if r.closed {
		return 0, true, errReplaced
	}
	if s.seeker == nil && r.off < int64(len(s.buf)) {
		n = copy(p, s.buf[r.off:])
		r.off += int64(n)
		return n, true, nil
	}
	if s.err != nil {
		return 0, true, s.err
	}
	return 0, len(p) == 0, nil
}

// Close implements [io.Closer]. The source is closed only if this is the last
// reader that will be.
func (r *spoolReader) Close() error {
	s := r.s
	s.mu.Lock()
	r.closed = true
	shut := s.last && s.current == r && !s.closed
	s.closed = s.closed || shut
	s.mu.Unlock()
	if shut {
		return s.src.Close()
	}
	return nil
}

func (s *spool) finish() {
	s.mu.Lock()
	s.last = true
	shut := s.current != nil && s.current.closed && !s.closed
	s.closed = s.closed || shut
	s.mu.Unlock()
	if shut {
		_ = s.src.Close()
	}
}

func (s *spool) abandon() {
	s.mu.Lock()
	shut := !s.closed
	s.closed, s.last = true, true
	s.mu.Unlock()
	if shut {
		_ = s.src.Close()
	}
}
