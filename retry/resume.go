package retry

import (
	"context"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/tripper-go/tripper/internal/roundtrip"
	"github.com/tripper-go/tripper/internal/tell"
)

// A download is the body of a response, which is continued if it breaks.
type download struct {
	exchange
	part

	// resp is the response that was returned to the caller.
	resp http.Response
	// off is the position of the next byte in the representation. The present body began
	// at from and ends at until, -1 if that is unknown.
	off, from, until int64
	// resumes is the number of times that the body broke and was to be continued.
	resumes int
	// resumed is true if the present body is not the first.
	resumed bool
	// broken is the error of the present body. The next Read handles it.
	broken error
	// err is what ended the body.
	err error

	// mu guards the rest, since Close may be called during a Read. Only Read changes
	// body.
	mu     sync.Mutex
	body   io.ReadCloser
	closed bool
	cancel context.CancelFunc
}

// deliver returns a copy of resp with a body that is continued if it breaks. If it cannot be
// continued and there is a hook of package trace, the body reports why when it breaks.
func (x *exchange) deliver(resp *http.Response) *http.Response {
	p, why := x.resumable(resp, time.Now)
	if why == "" {
		d := &download{exchange: *x, part: p, off: p.start, from: p.start, until: p.end, body: resp.Body, resp: *resp}
		d.resuming, d.idempotent, d.resp.Body = true, true, d
		return &d.resp
	}
	if resp.Body == http.NoBody || resp.StatusCode == http.StatusSwitchingProtocols || tell.From(x.req.Context()) == nil {
		return resp
	}
	own := *resp
	own.Body = &fixedBody{ReadCloser: resp.Body, download: download{exchange: *x}, why: why}
	return &own
}

// A fixedBody is not continued if it breaks, and reports why.
type fixedBody struct {
	io.ReadCloser
	download download
	why      string
}

func (b *fixedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.download.off += int64(n)
	if err != nil && err != io.EOF && b.why != "" {
		v := verdict{reason: reasonFixed(b.why)}
		if cancelled(b.download.req) != nil {
			v.reason = reasonCancelled
		}
		b.download.report(Attempt{Number: b.download.sent, Err: err}, v)
		b.why = ""
	}
	return n, err
}

// Read implements io.Reader.
func (d *download) Read(p []byte) (int, error) {
	for d.err == nil {
		if d.broken == nil {
			n, err := d.read(p)
			if n > 0 || d.broken == nil {
				return n, err
			}
		}
		if d.broken != nil && !d.resume() {
			d.err = d.broken
		}
	}
	return 0, d.err
}

// read reads from the present body. An error that ends the download is returned, and
// stored in d.err; one after which it may be continued is stored in d.broken.
func (d *download) read(p []byte) (int, error) {
	if d.resumed {
		// The body may be longer than the range.
		p = p[:min(int64(len(p)), d.until-d.off)]
	}
	n, err := d.body.Read(p)
	d.off += int64(n)
	if d.resumed && d.off == d.until {
		// The range may be less than what was asked for (RFC 9110 §15.3.7): then the
		// body counts as broken.
		err = io.EOF
	}
	if err == nil {
		return n, nil
	}
	if err == io.EOF && d.off >= d.end { // or the end is unknown
		d.err = err
		return n, err
	}
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	d.broken = err
	if roundtrip.Permanent(err) && !d.resume() {
		// With the last bytes, since not all readers read on until the error.
		d.err = err
		return n, err
	}
	return n, nil
}

// Close implements io.Closer. It ends a Read that is under way.
func (d *download) Close() error {
	d.mu.Lock()
	d.closed = true
	cancel, body := d.cancel, d.body
	d.mu.Unlock()
	if cancel != nil {
		cancel()
	}
	return body.Close()
}
