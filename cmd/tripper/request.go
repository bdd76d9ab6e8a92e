package main

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"

	"github.com/tripper-go/tripper/internal/httpfield"
)

// A target is what the URL on the command line says.
type target struct {
	url *url.URL // without user information and fragment

	// user and password are the user information of the URL, which hasUser reports.
	user, password string
	hasUser        bool
}

// parseTarget reads a URL. Without a scheme it is an http URL.
func parseTarget(text string) (target, error) {
	scheme, _, found := strings.Cut(text, "://")
	if !found {
		text, scheme = "http://"+text, "http"
	}
	if s := strings.ToLower(scheme); s != "http" && s != "https" {
		return target{}, failf(exitScheme, "the scheme of the URL is neither http nor https")
	}
	u, err := url.Parse(text)
	if err != nil {
		if e, ok := errors.AsType[*url.Error](err); ok {
			err = e.Err // without the URL, in which there may be a password
		}
		return target{}, failf(exitURL, "this is no URL: %w", err)
	}
	if u.Hostname() == "" {
		return target{}, failf(exitURL, "the URL has no host")
	}
	t := target{url: u, hasUser: u.User != nil}
	if u.User != nil {
		t.user = u.User.Username()
		t.password, _ = u.User.Password()
	}
	u.User, u.Fragment, u.RawFragment = nil, "", ""
	return t, nil
}

// origin returns the origin of the target, as the domain of a credential.
func (t target) origin() string { return strings.ToLower(t.url.Scheme) + "://" + t.url.Host }

// request makes the request that the options describe.
func (o *requestOptions) request(ctx context.Context, t target, in io.Reader) (*http.Request, error) {
	content, err := o.content(in)
	if err != nil {
		return nil, err
	}
	u := *t.url
	if o.asGet && content.text != nil {
		if u.RawQuery != "" {
			u.RawQuery += "&"
		}
		u.RawQuery += string(content.text)
		content = body{}
	}
	method := o.method
	switch {
	case method != "":
	case o.headOnly:
		method = http.MethodHead
	default:
		method = content.method
	}
	req, err := http.NewRequestWithContext(ctx, method, u.String(), http.NoBody)
	if err != nil {
		return nil, failf(exitUsage, "%w", err)
	}
	req.Body = nil
	if err := content.set(req); err != nil {
		return nil, err
	}
	if err := o.fields(req, content); err != nil {
		return nil, err
	}
	return req, nil
}

// fields sets the header of req.
func (o *requestOptions) fields(req *http.Request, content body) error {
	h := req.Header
	h.Set("Accept", "*/*")
	if o.agent != "" {
		h.Set("User-Agent", o.agent)
	} else {
		h["User-Agent"] = []string{""} // net/http adds its own otherwise
	}
	if content.mediaType != "" {
		h.Set("Content-Type", content.mediaType)
	}
	if content.json {
		h.Set("Accept", "application/json")
	}
	if o.referer != "" {
		h.Set("Referer", o.referer)
	}
	if o.span != "" {
		h.Set("Range", "bytes="+o.span)
	}
	var cookies []string
	for _, c := range o.cookies {
		if c != "" && !strings.Contains(c, "=") {
			return failf(exitUsage, "-b takes cookies as name=value; files of cookies are not supported")
		}
		if c != "" {
			cookies = append(cookies, c)
		}
	}
	if len(cookies) > 0 {
		h.Set("Cookie", strings.Join(cookies, "; "))
	}
	named := make(map[string]bool) // a field of -H replaces that of an option, and may stand twice
	for _, line := range o.headers {
		if err := eachField(line, func(line string) error { return setField(req, line, named) }); err != nil {
			return err
		}
	}
	return nil
}

// eachField calls do with a field of -H, or with those in a file.
func eachField(line string, do func(string) error) error {
	name, isFile := strings.CutPrefix(line, "@")
	if !isFile {
		return do(line)
	}
	text, err := readSmall(name)
	if err != nil {
		return err
	}
	for l := range strings.Lines(string(text)) {
		if l = strings.TrimRight(l, "\r\n"); l != "" {
			if err := do(l); err != nil {
				return err
			}
		}
	}
	return nil
}

// setField sets a field that the caller has named as curl has it: "Name: value"; "Name:" takes it away; "Name;"
// sends it empty.
func setField(req *http.Request, line string, named map[string]bool) error {
	name, value, found := strings.Cut(line, ":")
	empty := false
	if !found {
		name, empty = strings.CutSuffix(line, ";")
	}
	value = httpfield.TrimBlanks(value)
	name = http.CanonicalHeaderKey(strings.TrimRight(name, " \t"))
	if !found && !empty || !httpfield.IsToken(name) || !httpfield.IsValue(value) {
		return failf(exitUsage, "-H takes \"Name: value\", and one of them is something else")
	}
	switch remove := found && value == ""; {
	case name == "Host":
		req.Host = value
	case name == "Content-Length":
		return failf(exitUsage, "Content-Length is that of the data, and cannot be set by -H")
	case name == "Transfer-Encoding":
		if !strings.EqualFold(value, "chunked") || req.Body == nil {
			return failf(exitUsage, "Transfer-Encoding can only be chunked, with data to send")
		}
		req.ContentLength = -1
	case remove && name == "User-Agent":
		req.Header[name] = []string{""}
	case remove:
		req.Header.Del(name)
	case named[name]:
		req.Header.Add(name, value)
	default:
		req.Header.Set(name, value)
		named[name] = true
	}
	return nil
}

// maxSmall bounds the files that are read into memory for other things than content.
const maxSmall = 1 << 20

// readSmall reads a file of fields, a key or a record.
func readSmall(name string) ([]byte, error) {
	f, err := os.Open(name) //nolint:gosec // the user names it
	if err != nil {
		return nil, fileFailure(exitRead, err)
	}
	defer f.Close() //nolint:errcheck // a reader
	b, err := io.ReadAll(io.LimitReader(f, maxSmall+1))
	if err != nil {
		return nil, fileFailure(exitRead, err)
	}
	if len(b) > maxSmall {
		return nil, failf(exitRead, "%s: larger than %s", name, bytesOf(maxSmall))
	}
	return b, nil
}
