package redirects

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/tripper-go/tripper/internal/roundtrip"
	"github.com/tripper-go/tripper/internal/tell"
)

// walk is a request of the caller and the redirects that it meets.
type walk struct {
	*Transport
	next http.RoundTripper
	// req is the request of the present hop, without the cookies of the Jar.
	req *http.Request
	// note is what req was before it was handed down. Some RoundTrippers, above all
	// those of tests, write into the request they are given.
	note note
	// referer is the Referer of req if this layer wrote it, else empty.
	referer string
	// via are the requests before req.
	via []*http.Request
}

// note is a copy of a request. It shares the header: copying that would cost
// requests without a redirect too.
type note struct {
	request       http.Request
	url           url.URL
	authorization []string
}

// take notes the present request.
func (n *note) take(req *http.Request) {
	n.request, n.authorization = *req, req.Header["Authorization"]
	if req.URL != nil {
		n.url = *req.URL
	}
}

// read returns the request as it was noted: req itself if it has not been changed since.
func (n *note) read(req *http.Request) *http.Request {
	if (req.URL == nil || *req.URL == n.url) && roundtrip.AsAsked(req, &n.request) == req {
		return req
	}
	asked := n.request
	if asked.URL != nil {
		u := n.url
		asked.URL = &u
	}
	return &asked
}

// send sends the request of the present hop.
func (w *walk) send() (*http.Response, error) {
	w.note.take(w.req)
	out := w.req
	if w.Jar != nil && out.URL != nil {
		out = withCookies(out, w.Jar)
	}
	resp, err := w.next.RoundTrip(out)
	if err != nil || resp == nil {
		return nil, err
	}
	return w.adopt(resp, out), nil
}

// adopt returns the response to out with a Request, a body, the link to the redirect
// before it and the Content-Location that the caller expects, and gives its cookies to
// the Jar. It changes a copy, since the layer below may keep the response it returned.
func (w *walk) adopt(resp *http.Response, out *http.Request) *http.Response {
	request := resp.Request
	switch {
	case request == nil:
		request = out
	case w.note.request.Response != nil && !leadsTo(request, w.note.request.Response):
		// A layer below made a request of its own. Without the link History would
		// end there.
		linked := *request
		linked.Response = w.note.request.Response
		request = &linked
	}
	locate := w.ContentLocation && out.URL != nil && resp.Header.Get("Content-Location") == ""
	if request != resp.Request || resp.Body == nil || locate {
		adopted := *resp
		resp = &adopted
		resp.Request = request
		if resp.Body == nil {
			resp.Body = http.NoBody
		}
	}
	if locate {
		u := w.note.url
		u.User, u.Fragment, u.RawFragment = nil, "", ""
		resp.Header = roundtrip.CloneHeader(resp.Header)
		resp.Header.Set("Content-Location", u.String())
	}
	if w.Jar != nil && out.URL != nil && len(resp.Header["Set-Cookie"]) > 0 {
		placeOf(w.note.read(w.req), w.Jar).keep(resp)
	}
	return resp
}

// follow decides about resp. It returns the request that follows, or none if
// resp is the answer, or an error that holds resp.
func (w *walk) follow(resp *http.Response) (*http.Request, error) {
	status := resp.StatusCode
	if !w.redirects(status) {
		return nil, nil
	}
	limit := w.most(w.req.Context())
	if limit < 0 {
		return w.stop(resp, reasonOff)
	}
	in := w.note.read(w.req)
	method := roundtrip.Method(in)
	s := w.step(status, method)
	if s.why != "" {
		return w.stop(resp, s.why)
	}
	loc := locate(in.URL, resp.Header.Get("Location"), s.method != method)
	var reason string
	var err error
	switch {
	case (loc.url == nil || loc.foreign) && status == http.StatusMultipleChoices:
		reason = reasonChoices
	case loc.url == nil && status == http.StatusPermanentRedirect:
		// Resumable uploads answer 308 without a Location ("Resume
		// Incomplete"); it has nothing to do with redirects.
		reason = reasonResume
	case loc.url == nil:
		err = ErrMissingLocation
	case loc.foreign:
		err = fmt.Errorf("%w: %.32s", ErrScheme, loc.url.Scheme)
	case s.body && !roundtrip.Replayable(in):
		reason = reasonBodyOnce
	case !w.Downgrade && downgrade(in.URL, loc.url) && (s.body && roundtrip.HasBody(in) || w.carriesCredentials(in)):
		reason = reasonNotEncrypted
	case len(w.via) >= limit:
		err = ErrLimit
	default:
		return w.advance(resp, in, s, loc)
	}
	if err != nil {
		return nil, w.fail(resp, err)
	}
	return w.stop(resp, reason)
}

// advance makes the request that follows in, and reads what is kept of the body of resp.
func (w *walk) advance(resp *http.Response, in *http.Request, s step, loc location) (*http.Request, error) {
	held := *resp
	out, dropped := w.derive(&held, in, s, loc)
	if s.body && roundtrip.HasBody(in) {
		body, err := in.GetBody()
		if err != nil {
			return nil, w.fail(resp, roundtrip.Explain("body cannot be sent again", err))
		}
		out.Body = body
	}
	if w.Policy != nil {
		if err := w.Policy(out, append(w.via, w.req)); err != nil {
			roundtrip.CloseBody(out)
			if errors.Is(err, http.ErrUseLastResponse) {
				return w.stop(resp, reasonPolicy)
			}
			return nil, w.fail(resp, err)
		}
	}
	w.keep(&held)
	if w.req.Context().Err() != nil {
		roundtrip.CloseBody(out)
		return nil, context.Cause(w.req.Context())
	}
	w.tellFollow(resp, out, dropped)
	return out, nil
}

// tellFollow reports that the redirect resp is followed by out.
func (w *walk) tellFollow(resp *http.Response, out *http.Request, dropped []string) {
	if tell.From(w.req.Context()) == nil {
		return
	}
	if n := len(resp.Header["Set-Cookie"]); n > 0 && w.Jar == nil && !roundtrip.IsRepeat(resp) {
		w.tell(resp, actionDrop, reasonNoJar, nil, tell.With("cookies", n))
	}
	attrs := []tell.Attr{tell.With("next", roundtrip.Method(out)), tell.With("to", tell.Redact(out.URL))}
	if len(dropped) > 0 {
		attrs = append(attrs, tell.With("without", strings.Join(dropped, " ")))
	}
	w.tell(resp, actionFollow, http.StatusText(resp.StatusCode), nil, attrs...)
}

// stop reports why the redirect resp is returned and not followed.
func (w *walk) stop(resp *http.Response, reason string) (*http.Request, error) {
	w.tell(resp, actionStop, reason, nil)
	return nil, nil
}

// fail returns the error that holds resp.
func (w *walk) fail(resp *http.Response, err error) error {
	held := *resp
	w.keep(&held)
	if w.req.Context().Err() != nil {
		return context.Cause(w.req.Context())
	}
	w.tell(resp, actionFail, "", err)
	return &Error{Response: &held, Err: err}
}

func (w *walk) tell(resp *http.Response, action, reason string, err error, attrs ...tell.Attr) {
	if h := tell.From(w.req.Context()); h != nil {
		h.Tell(w.req, tell.Decision{
			Layer: "redirects", Action: action, Reason: reason, Status: resp.StatusCode, Err: err, Attrs: attrs,
		})
	}
}

// downgrade reports whether a redirect from one URL to the other leaves https.
func downgrade(from, to *url.URL) bool {
	return from != nil && from.Scheme == "https" && to.Scheme != "https"
}
