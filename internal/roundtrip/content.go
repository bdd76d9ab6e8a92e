package roundtrip

import (
	"cmp"
	"context"
	"io"
	"net/http"
)

// MaxReplay is how many bytes of a request body are kept, unless the layer says
// otherwise.
const MaxReplay = 64 << 10

// A Content is the body of a request that a layer may send more than once. It is made
// before the request is sent, since a layer below may change the request.
//
// If the request has a GetBody, the caller's own body is sent first, and then those of
// GetBody. Otherwise [Content.Keep] makes the body one that can be sent again.
type Content struct {
	// Length is the ContentLength of the request.
	Length int64

	body    io.ReadCloser
	getBody func() (io.ReadCloser, error)
	replay  *replay // nil without Keep, and if there is nothing to keep
}

// ContentOf returns the content of req. A GetBody that is made by a layer above, and fails if
// the body turns out too long, does not count: that body has to be kept here too.
func ContentOf(req *http.Request) Content {
	c := Content{Length: req.ContentLength, body: req.Body, getBody: req.GetBody}
	if rd, ok := req.Body.(*replayReader); ok && rd.replay.mayOutgrow() {
		c.getBody = nil
	}
	return c
}

// Keep makes it possible to send a body without GetBody again. A body that can seek is sought
// back. Of any other body up to limit bytes are kept in memory while they are sent: nothing is
// read ahead, and once more than that was read, the body cannot be sent again. If limit is
// zero, it is [MaxReplay]; if negative, nothing is kept, and the body can be sent again as long
// as nothing was read of it.
//
// The caller's body is then closed only after [Content.Finish].
func (c *Content) Keep(limit int64) {
	if !c.Exists() || c.getBody != nil {
		return
	}
	c.replay = &replay{src: c.body, length: c.Length, limit: max(0, cmp.Or(limit, MaxReplay))}
	c.replay.idle.L = &c.replay.mu
	if s, ok := c.body.(io.Seeker); ok {
		c.replay.useSeeker(s)
	}
}

// Exists reports whether the request has content.
func (c *Content) Exists() bool { return c.body != nil && c.body != http.NoBody }

// Wrapped reports whether what is sent is not the caller's own body.
func (c *Content) Wrapped() bool { return c.replay != nil }

// First returns the body to send first.
func (c *Content) First() io.ReadCloser {
	if c.replay == nil {
		return c.body
	}
	return c.replay.next()
}

// Again returns the body from its beginning. The bodies that were returned before cannot be
// read any more. The content must be [Content.Ready]. An error is a [CallerError].
func (c *Content) Again() (io.ReadCloser, error) {
	switch {
	case !c.Exists():
		return c.body, nil
	case c.replay == nil:
		body, err := c.getBody()
		if err != nil {
			return nil, Caller(err)
		}
		return body, nil
	}
	return c.replay.next(), nil
}

// Look returns the body to be read before it is sent. A body that has to be kept is read to
// its end first. If it is longer than may be kept, the error is [ErrTooLong], and the body can
// still be sent once. If ctx ends meanwhile, the body is closed, and the error is the cause.
func (c *Content) Look(ctx context.Context) (io.ReadCloser, error) {
	switch {
	case !c.Exists():
		return http.NoBody, nil
	case c.replay != nil:
		return c.replay.look(ctx)
	}
	if rd, ok := c.body.(*replayReader); ok { // GetBody would not heed ctx
		return rd.replay.look(ctx)
	}
	return c.getBody()
}

// GetBody returns the GetBody of the request that is sent with the body returned last. It is
// nil if there is no content, or if the body is known to be longer than may be kept. net/http
// needs it to send a request again that an HTTP/2 server did not process (GOAWAY,
// REFUSED_STREAM).
func (c *Content) GetBody() func() (io.ReadCloser, error) {
	if c.replay == nil {
		return c.getBody
	}
	return c.replay.getBody()
}

// Repeatable reports whether the body can be sent again however much of it was read.
func (c *Content) Repeatable() bool {
	return !c.Exists() || c.getBody != nil || c.replay != nil && c.replay.seeker != nil
}

// MayOutgrow reports whether the body may turn out too long to be sent again.
func (c *Content) MayOutgrow() bool {
	return c.replay != nil && c.replay.mayOutgrow()
}

// Ready reports whether the body can be sent again now.
func (c *Content) Ready() bool {
	if c.replay == nil {
		return c.Repeatable()
	}
	return c.replay.ready()
}

// Untouched reports whether no read of the caller's body was begun. It is true without Keep.
func (c *Content) Untouched() bool { return c.replay == nil || c.replay.untouched() }

// Stop ends the reading of the bodies that were returned before, which may otherwise go on
// until Again is called, and beyond what can be kept.
func (c *Content) Stop() {
	if c.replay != nil {
		c.replay.stop()
	}
}

// Finish ends the keeping: the body will not be sent again. The caller's body is closed as soon
// as the body returned last is closed; at once if it is or there is none.
func (c *Content) Finish() {
	if c.replay != nil {
		c.replay.finish()
	}
}

// Close closes the body of a request that is not sent.
func (c *Content) Close() {
	switch {
	case c.replay != nil:
		c.replay.finish()
	case c.body != nil:
		_ = c.body.Close()
	}
}
