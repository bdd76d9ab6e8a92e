package retry

import (
	"context"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/tripper-go/tripper/internal/roundtrip"
	"github.com/tripper-go/tripper/trace"
)

// A download is the body of a response that is continued if it breaks.
type download struct {
	exchange
	part

	// resp is the response that the caller has.
	resp http.Response
	// off is the position of the next byte in the representation, from is where the
	// present body began, and until where it ends, -1 if only its end tells.
	off, from, until int64
	// resumes counts the times that the body broke and was to be continued.
	resumes int
	// resumed is true if the present body is not the first.
	resumed bool
	// broken is an error that came with the last bytes, to be dealt with by the
	// next Read.
	broken error
	// err is what ended the body.
	err error

	// mu guards what Close, which may be called during a Read, shares with it.
	// Only Read changes body.
	mu     sync.Mutex
	body   io.ReadCloser
	closed bool
	cancel context.CancelFunc
}

// deliver returns resp with a body that is continued if it breaks. If it cannot be
// continued, and somebody listens, the body tells why when it breaks. The layer below
// keeps its response as it is.
func (x *exchange) deliver(resp *http.Response) *http.Response {
	var now time.Time // for dates, which are looked at if there is no tag
	if len(resp.Header["Etag"]) == 0 && len(resp.Header["Last-Modified"]) > 0 {
		now = time.Now()
	}
	p, why := x.resumable(resp, now)
	if why == "" {
		d := &download{exchange: *x, part: p, off: p.start, from: p.start, until: p.end, body: resp.Body, resp: *resp}
		d.resp.Body = d
		return &d.resp
	}
	if resp.Body == http.NoBody || resp.StatusCode == http.StatusSwitchingProtocols || trace.From(x.req.Context()) == nil {
		return resp
	}
	own := *resp
	own.Body = &fixedBody{ReadCloser: resp.Body, download: download{exchange: *x}, why: why}
	return &own
}

// A fixedBody is one that is not continued if it breaks, and tells why.
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

// read reads from the present body. An error that ends the download is in d.err,
// and returned with the last bytes; one that breaks it is in d.broken.
func (d *download) read(p []byte) (int, error) {
	if d.resumed {
		// Not one byte more than the range had.
		p = p[:min(int64(len(p)), d.until-d.off)]
	}
	n, err := d.body.Read(p)
	d.off += int64(n)
	if d.resumed && d.off == d.until {
		// Less than what is missing may come (RFC 9110 §15.3.7): then this is
		// a break like any other.
		err = io.EOF
	}
	if err == nil {
		return n, nil
	}
	err = ended(err, d.off, d.end)
	if err == io.EOF {
		d.err = err
		return n, err
	}
	d.broken = err
	if roundtrip.Permanent(err) && !d.resume() {
		// A reader that knows the length need not come back for the error.
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
