package redirects

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"strings"

	"github.com/tripper-go/tripper/internal/roundtrip"
	"github.com/tripper-go/tripper/trace"
)

// walk is one request on its way.
type walk struct {
	*Transport
	next http.RoundTripper
	// req is the request of the present hop, without the cookies of the Jar.
	req *http.Request
	// via are the requests before it.
	via []*http.Request
}

// send sends the request of the present hop.
func (w *walk) send() (*http.Response, error) {
	out := w.req
	if w.Jar != nil && out.URL != nil {
		out = addCookies(out, w.Jar)
	}
	resp, err := w.next.RoundTrip(out)
	if err != nil || resp == nil {
		return nil, err
	}
	w.adopt(resp, out)
	return resp, nil
}

// adopt makes resp a response as the caller expects it.
func (w *walk) adopt(resp *http.Response, out *http.Request) {
	switch {
	case resp.Request == nil:
		resp.Request = out
	case out.Response != nil && !leadsTo(resp.Request, out.Response):
		// A layer below made a request of its own: the chain must not break.
		linked := *resp.Request
		linked.Response = out.Response
		resp.Request = &linked
	}
	if resp.Body == nil {
		resp.Body = http.NoBody
	}
	if w.Jar != nil && out.URL != nil && !roundtrip.IsRepeat(resp) {
		// What a cache repeats was set when the origin sent it; by now the Jar
		// may know better.
		if set := resp.Cookies(); len(set) > 0 {
			w.Jar.SetCookies(cookieURL(out), set)
		}
	}
	if w.ContentLocation && out.URL != nil && resp.Header.Get("Content-Location") == "" {
		u := *out.URL
		u.User, u.Fragment, u.RawFragment = nil, "", ""
		if resp.Header = resp.Header.Clone(); resp.Header == nil {
			resp.Header = make(http.Header)
		}
		resp.Header.Set("Content-Location", u.String())
	}
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
		return w.stop(resp, "redirects are not followed")
	}
	s := w.step(status, roundtrip.Method(w.req))
	if s.stay != "" {
		return w.stop(resp, s.stay)
	}
	loc := locate(w.req.URL, resp.Header.Get("Location"), s.method != roundtrip.Method(w.req))
	switch {
	case loc.url == nil && status == http.StatusMultipleChoices:
		return w.stop(resp, "300 without a Location is an answer")
	case loc.url == nil && status == http.StatusPermanentRedirect:
		// Resumable uploads answer 308 without a Location ("Resume
		// Incomplete"); it has nothing to do with redirects.
		return w.stop(resp, "308 without a Location is an answer")
	case loc.url == nil:
		return nil, w.fail(resp, ErrMissingLocation)
	case loc.foreign:
		return w.stop(resp, "scheme "+loc.url.Scheme+" is not followed")
	case s.body && roundtrip.HasBody(w.req) && w.req.GetBody == nil:
		return w.stop(resp, "the body cannot be sent again")
	case !w.Downgrade && downgrade(w.req.URL, loc.url) && (s.body && roundtrip.HasBody(w.req) || w.carriesCredentials(w.req)):
		return w.stop(resp, "from https to http with credentials or a body")
	case len(w.via) >= limit:
		return nil, w.fail(resp, ErrLimit)
	}
	return w.advance(resp, s, loc)
}

// advance makes the next request and lets go of resp.
func (w *walk) advance(resp *http.Response, s step, loc location) (*http.Request, error) {
	out, dropped := w.derive(resp, s, loc)
	if s.body && roundtrip.HasBody(w.req) {
		body, err := w.req.GetBody()
		if err != nil {
			return nil, w.fail(resp, bodyError{err})
		}
		out.Body = body
	}
	if w.Policy != nil {
		if err := w.Policy(out, append(w.via, w.req)); err != nil {
			roundtrip.CloseBody(out)
			if errors.Is(err, http.ErrUseLastResponse) {
				return w.stop(resp, "policy")
			}
			return nil, w.fail(resp, err)
		}
	}
	w.keep(resp)
	if w.req.Context().Err() != nil {
		roundtrip.CloseBody(out)
		return nil, context.Cause(w.req.Context())
	}
	if hook := trace.From(w.req.Context()); hook != nil {
		e := trace.About(w.req, "redirects", "follow", http.StatusText(resp.StatusCode))
		e.Status = resp.StatusCode
		e.Attrs = []slog.Attr{
			slog.Int("hop", len(w.via)+1),
			slog.String("method", roundtrip.Method(out)),
			slog.String("to", trace.Redact(out.URL)),
		}
		if len(dropped) > 0 {
			e.Attrs = append(e.Attrs, slog.String("without", strings.Join(dropped, " ")))
		}
		hook(e)
	}
	return out, nil
}

// stop tells why resp is returned and not followed.
func (w *walk) stop(resp *http.Response, reason string) (*http.Request, error) {
	w.tell(resp, "stop", reason, nil)
	return nil, nil
}

// fail returns the error that holds resp.
func (w *walk) fail(resp *http.Response, err error) error {
	w.keep(resp)
	if w.req.Context().Err() != nil {
		return context.Cause(w.req.Context())
	}
	w.tell(resp, "fail", "", err)
	return &Error{Response: resp, Err: err}
}

func (w *walk) tell(resp *http.Response, action, reason string, err error) {
	hook := trace.From(w.req.Context())
	if hook == nil {
		return
	}
	e := trace.About(w.req, "redirects", action, reason)
	e.Status = resp.StatusCode
	e.Err = err
	hook(e)
}

// downgrade reports whether the way from one URL to the other leaves https.
func downgrade(from, to *url.URL) bool {
	return from != nil && from.Scheme == "https" && to.Scheme != "https"
}
