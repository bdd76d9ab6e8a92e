package main

import (
	"fmt"
	"net/http"
	"strings"

	"github.com/tripper-go/tripper/caching"
	"github.com/tripper-go/tripper/redirects"
)

// steps are the stations of the tour on the embedded origin.
func (o *origin) steps() []step {
	article, doc := o.url("/article"), o.url("/doc")
	var requests int64 // how many the origin had seen before the step
	mark := func() { requests = o.seen.Load() }
	asked := func(n int64) error {
		if got := o.seen.Load() - requests; got != n {
			return fmt.Errorf("the origin saw %d requests, want %d", got, n)
		}
		return nil
	}
	return []step{
		{
			title: "First GET", does: "A miss: fetched, decoded from zstd, stored on its way.",
			before: mark, method: "GET", url: article,
			check: func(resp *http.Response, body []byte) error {
				return first(status(resp, 200), content(body, articleText), fromCache(resp, false), asked(1), decoded(resp))
			},
		},
		{
			title: "Cached GET", does: "A fresh hit: nothing goes over the wire.",
			before: mark, method: "GET", url: article,
			check: func(resp *http.Response, body []byte) error {
				return first(status(resp, 200), content(body, articleText), fromCache(resp, true), asked(0))
			},
		},
		{
			title: "Validation", does: "The caller insists (no-cache): If-None-Match, 304, the stored body.",
			before: mark, method: "GET", url: article, header: http.Header{"Cache-Control": {"no-cache"}},
			check: func(resp *http.Response, body []byte) error {
				return first(status(resp, 200), content(body, articleText), fromCache(resp, true), asked(1))
			},
		},
		{
			title: "Redirect", does: "To another origin and with history; the caller's Authorization stays behind.",
			before: mark, method: "GET", url: o.url("/moved"), header: http.Header{"Authorization": {"Bearer for-the-first-origin-only"}},
			check: func(resp *http.Response, body []byte) error {
				return first(status(resp, 200), content(body, "no credentials, cookie: visited=yes"), history(resp, 302), asked(2))
			},
		},
		{
			title: "Authenticated GET", does: "401, a Digest challenge, answered with SHA-256.",
			before: mark, method: "GET", url: o.url("/private"),
			check: func(resp *http.Response, body []byte) error {
				return first(status(resp, 200), content(body, "hello, mufasa"), asked(2))
			},
		},
		{
			title: "Retried GET", does: "503 with Retry-After: 1, then again after a second.",
			before: mark, method: "GET", url: o.url("/busy"),
			check: func(resp *http.Response, body []byte) error {
				return first(status(resp, 200), content(body, "free again"), asked(2))
			},
		},
		{
			title: "GET for editing", does: "The tag of what the caller sees now is remembered.",
			before: mark, method: "GET", url: doc,
			check: func(resp *http.Response, body []byte) error {
				return first(status(resp, 200), content(body, "version 1"), asked(1))
			},
		},
		{
			title: "PUT that is protected", does: "If-Match is added from the version the caller saw; the server takes it.",
			before: mark, method: "PUT", url: doc, body: "version 2",
			check: func(resp *http.Response, _ []byte) error {
				return first(status(resp, 204), o.doc.is("version 2", 1), asked(1))
			},
		},
		{
			title: "PUT that would have lost an update", does: "Another editor was faster: 412, nothing overwritten.",
			before: func() { o.doc.put("version 3, by somebody else"); mark() }, method: "PUT", url: doc, body: "version 3",
			check: func(resp *http.Response, _ []byte) error {
				return first(status(resp, 412), o.doc.is("version 3, by somebody else", 2), asked(1))
			},
		},
	}
}

// reading are the steps that can be made on any server.
func reading(target string) []step {
	ok := func(resp *http.Response, _ []byte) error {
		if resp.StatusCode >= 400 {
			return fmt.Errorf("got status %s", resp.Status)
		}
		return nil
	}
	return []step{
		{title: "First GET", does: "Fetched, redirects followed, decoded, stored if it may be.", method: "GET", url: target, check: ok},
		{title: "The same again", does: "From the cache if it was stored and is fresh; Cache-Status says why or why not.", method: "GET", url: target, check: ok},
		{
			title: "Validation", does: "The caller insists (no-cache): a 304 costs no body, if the server gave a validator.",
			method: "GET", url: target, header: http.Header{"Cache-Control": {"no-cache"}}, check: ok,
		},
	}
}

func first(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

func status(resp *http.Response, want int) error {
	if resp.StatusCode != want {
		return fmt.Errorf("got status %s, want %d", resp.Status, want)
	}
	return nil
}

func content(body []byte, want string) error {
	if got := string(body); got != want {
		return fmt.Errorf("got content %.60q, want %.60q", got, want)
	}
	return nil
}

func fromCache(resp *http.Response, want bool) error {
	if got := caching.FromCache(resp); got != want {
		return fmt.Errorf("from the cache: %v, want %v", got, want)
	}
	return nil
}

func decoded(resp *http.Response) error {
	if !resp.Uncompressed || resp.Header.Get("Content-Encoding") != "" {
		return fmt.Errorf("the content was not decoded: %v", resp.Header)
	}
	return nil
}

func history(resp *http.Response, want ...int) error {
	var got []int
	for _, r := range redirects.History(resp) {
		got = append(got, r.StatusCode)
	}
	if strings.Trim(fmt.Sprint(got), "[]") != strings.Trim(fmt.Sprint(want), "[]") {
		return fmt.Errorf("got history %v, want %v", got, want)
	}
	return nil
}
