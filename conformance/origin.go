package conformance

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/tripper-go/tripper/internal/httpfield"
)

// An Origin is the suite's server. It answers requests for the URLs of the cases
// that a [Runner] runs, and records the requests. The zero value is ready. An Origin is
// safe for concurrent use.
type Origin struct {
	mu    sync.Mutex
	tests map[string]*state // by token
}

// state is a case, and the requests of it that an Origin has received.
type state struct {
	requests []request
	seen     []seen
	modified map[int]string // the Last-Modified sent to Req-Num
}

// seen is one request that reached the origin, and what is expected to reach the
// client in return.
type seen struct {
	num    int
	method string
	header http.Header
	sent   []sentField
}

type sentField struct{ name, value string }

// answer is a response before it is bytes.
type answer struct {
	wire       []byte
	interim    []interim
	disconnect bool
}

// register makes room for a case and returns its token.
func (o *Origin) register(c Case) string {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.tests == nil {
		o.tests = make(map[string]*state)
	}
	sum := sha256.Sum256(fmt.Appendf(nil, "%s %d", c.ID, len(o.tests)))
	token := fmt.Sprintf("%x-%x-%x-%x-%x", sum[:4], sum[4:6], sum[6:8], sum[8:10], sum[10:16])
	o.tests[token] = &state{requests: c.Requests, modified: make(map[int]string)}
	return token
}

// seen returns the requests for a token that reached the origin.
func (o *Origin) seen(token string) []seen {
	o.mu.Lock()
	defer o.mu.Unlock()
	return slices.Clone(o.tests[token].seen)
}

// RoundTrip answers as a server would through net/http: the response is written
// to bytes and parsed from them. A server that disconnects is io.EOF; 1xx
// responses are told to the request's [httptrace.ClientTrace].
func (o *Origin) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.Body != nil {
		_, err := io.Copy(io.Discard, req.Body)
		_ = req.Body.Close()
		if err != nil {
			return nil, err
		}
	}
	if err := o.pause(req.Context(), req.URL.Path, req.Header); err != nil {
		return nil, err
	}
	a := o.answer(req.Method, req.URL.RequestURI(), req.URL.Path, req.Header, time.Now())
	if trace := httptrace.ContextClientTrace(req.Context()); trace != nil && trace.Got1xxResponse != nil {
		for _, i := range a.interim {
			h := make(textproto.MIMEHeader)
			for _, f := range i.Fields {
				h.Add(f.Name, f.Value)
			}
			if err := trace.Got1xxResponse(i.Code, h); err != nil {
				return nil, err
			}
		}
	}
	if a.disconnect {
		return nil, io.EOF
	}
	return http.ReadResponse(bufio.NewReader(bytes.NewReader(a.wire)), req)
}

// ServeHTTP answers the same on a socket: the bytes are written as they are. It
// takes the connection over, and serves what else comes on it.
func (o *Origin) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	_, _ = io.Copy(io.Discard, req.Body)
	ctx := req.Context()
	conn, buf, err := http.NewResponseController(w).Hijack()
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	defer func() { _ = conn.Close() }()
	for o.serve(ctx, buf.Writer, req) {
		if req, err = http.ReadRequest(buf.Reader); err != nil {
			return
		}
		if _, err = io.Copy(io.Discard, req.Body); err != nil {
			return
		}
	}
}

// serve writes the response to req and reports whether the connection stays open.
func (o *Origin) serve(ctx context.Context, w *bufio.Writer, req *http.Request) bool {
	if o.pause(ctx, req.URL.Path, req.Header) != nil {
		return false
	}
	a := o.answer(req.Method, req.URL.RequestURI(), req.URL.Path, req.Header, time.Now())
	for _, i := range a.interim {
		_, _ = fmt.Fprintf(w, "HTTP/1.1 %d %s\r\n", i.Code, http.StatusText(i.Code))
		for _, f := range i.Fields {
			_, _ = fmt.Fprintf(w, "%s: %s\r\n", f.Name, f.Value)
		}
		_, _ = w.WriteString("\r\n")
	}
	if !a.disconnect {
		_, _ = w.Write(a.wire)
	}
	return w.Flush() == nil && !a.disconnect && !req.Close
}

// pause waits as long as the request is configured to.
func (o *Origin) pause(ctx context.Context, path string, h http.Header) error {
	_, config := o.find(path, h)
	if config == nil || config.ResponsePause == 0 {
		return ctx.Err()
	}
	timer := time.NewTimer(time.Duration(config.ResponsePause * float64(time.Second)))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// find returns the token in a path and the configuration of the request.
func (o *Origin) find(path string, h http.Header) (token string, config *request) {
	rest, ok := strings.CutPrefix(path, "/test/")
	if !ok {
		return "", nil
	}
	token, _, _ = strings.Cut(rest, "/")
	o.mu.Lock()
	defer o.mu.Unlock()
	st := o.tests[token]
	if st == nil {
		return "", nil
	}
	num, err := strconv.Atoi(h.Get("Req-Num"))
	if err != nil {
		num = len(st.seen) + 1
	}
	if num < 1 || num > len(st.requests) {
		return "", nil
	}
	return token, &st.requests[num-1]
}

func (o *Origin) answer(method, target, path string, h http.Header, now time.Time) answer {
	token, config := o.find(path, h)
	if config == nil {
		return answer{wire: []byte("HTTP/1.1 409 Conflict\r\nContent-Length: 0\r\n\r\n")}
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	st := o.tests[token]
	count := len(st.seen) + 1
	num, err := strconv.Atoi(h.Get("Req-Num"))
	if err != nil {
		num = count
	}

	status := statusLine{http.StatusOK, "OK"}
	if config.ResponseStatus != nil {
		status = *config.ResponseStatus
	}
	if strings.HasSuffix(config.ExpectedType, "validated") {
		status = st.validate(num, h)
	}

	base := []sentField{
		{"Server-Base-Url", target},
		{"Server-Request-Count", strconv.Itoa(count)},
		{"Client-Request-Count", strconv.Itoa(num)},
		{"Server-Now", strconv.FormatInt(now.UnixMilli(), 10)},
	}
	configured, checked := st.fields(num, config, target, now)
	st.seen = append(st.seen, seen{num: num, method: method, header: h.Clone(), sent: checked})
	numbers := make([]string, len(st.seen))
	for i, s := range st.seen {
		numbers[i] = strconv.Itoa(s.num)
	}
	all := slices.Concat(base, configured, []sentField{{"Request-Numbers", strings.Join(numbers, " ")}})
	body := token
	if config.ResponseBody.Present && config.ResponseBody.Value != "" {
		body = config.ResponseBody.Value
	}
	return answer{
		wire:       write(status, all, body, method, now),
		interim:    config.Interim,
		disconnect: config.Disconnect,
	}
}

// validate returns the status of a response to a request that is expected to be
// conditional: 304 if its validator is the one sent last, and 999 otherwise.
func (st *state) validate(num int, h http.Header) statusLine {
	if num >= 2 {
		etag := ""
		for _, f := range st.requests[num-2].ResponseHeaders {
			if strings.EqualFold(f.Name, "ETag") {
				etag = f.Value
			}
		}
		modified := st.modified[num-1]
		if modified != "" && h.Get("If-Modified-Since") == modified ||
			etag != "" && strings.Join(h.Values("If-None-Match"), ", ") == etag {
			return statusLine{http.StatusNotModified, "Not Modified"}
		}
	}
	return statusLine{999, "304 Not Generated"}
}

// fields returns the configured fields of a response as they are sent, and what
// of them is expected at the client: lines of one name joined.
func (st *state) fields(num int, config *request, target string, now time.Time) (all, checked []sentField) {
	joined := make(map[string]string)
	for _, f := range config.ResponseHeaders {
		value := fixup(f, config, now, target)
		if strings.EqualFold(f.Name, "Last-Modified") {
			st.modified[num] = value
		}
		all = append(all, sentField{f.Name, value})
		name := http.CanonicalHeaderKey(f.Name)
		if old, ok := joined[name]; ok {
			value = old + ", " + value
		}
		joined[name] = value
		if f.Unchecked {
			continue
		}
		checked = slices.DeleteFunc(checked, func(s sentField) bool { return s.name == name })
		checked = append(checked, sentField{name, value})
	}
	return all, checked
}

// fixup returns the value of f: an integer in a date field is seconds from now,
// and with magic_locations a Location is relative to the target.
func fixup(f field, config *request, now time.Time, target string) string {
	name := strings.ToLower(f.Name)
	switch name {
	case "date", "expires", "last-modified", "if-modified-since", "if-unmodified-since":
		if f.Offset == nil {
			return f.Value
		}
		t := now.Add(time.Duration(*f.Offset) * time.Second).UTC()
		if slices.ContainsFunc(config.RFC850Date, func(s string) bool { return strings.EqualFold(s, name) }) {
			return t.Format("Monday, 02-Jan-06 15:04:05 GMT")
		}
		return httpfield.FormatDate(t)
	case "location", "content-location":
		if !config.MagicLocations {
			return f.Value
		}
		if f.Value == "" {
			return target
		}
		return target + "/" + f.Value
	}
	return f.Value
}

// write returns the bytes of a response as a server in good order sends them.
func write(status statusLine, fields []sentField, body, method string, now time.Time) []byte {
	has := func(name string) bool {
		return slices.ContainsFunc(fields, func(f sentField) bool { return strings.EqualFold(f.name, name) })
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "HTTP/1.1 %d %s\r\n", status.Code, status.Phrase)
	for _, f := range fields {
		fmt.Fprintf(&b, "%s: %s\r\n", f.name, f.value)
	}
	if !has("Content-Type") {
		b.WriteString("Content-Type: text/plain\r\n")
	}
	// RFC 9110 §6.6.1: an origin server with a clock sends Date.
	if !has("Date") {
		fmt.Fprintf(&b, "Date: %s\r\n", httpfield.FormatDate(now))
	}
	bodyless := status.Code == http.StatusNoContent || status.Code == http.StatusNotModified || method == http.MethodHead
	if bodyless {
		body = ""
	} else if !has("Content-Length") && !has("Transfer-Encoding") {
		fmt.Fprintf(&b, "Content-Length: %d\r\n", len(body))
	}
	b.WriteString("\r\n")
	b.WriteString(body)
	return b.Bytes()
}
