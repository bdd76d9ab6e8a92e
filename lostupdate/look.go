package lostupdate

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/tripper-go/tripper/internal/httpfield"
	"github.com/tripper-go/tripper/internal/roundtrip"
)

// maxHead is the longest wait for the response to a HEAD: some servers never answer
// it. A caller with a deadline waits for a quarter of the time that is left at most.
const maxHead = 5 * time.Second

// sight is what a look at a resource has shown. Its Version is Unknown if there was no
// representation.
type sight struct {
	Version
	status int
	// varies is true if the representation may be another variant than the one that
	// the caller saw: Vary names request fields that were not noted with that.
	varies bool
	// stored is true if a cache has answered (RFC 9111 §5.1), which may have an old
	// version.
	stored bool
}

func (s sight) gone() bool { return s.status == http.StatusNotFound || s.status == http.StatusGone }

// look asks for the present validators of the resource: by HEAD, and by GET if the
// response to HEAD has none. Some servers refuse HEAD, answer it by 404, leave the
// validators out (RFC 9110 §9.3.2), or never answer it.
func (x *exchange) look() (sight, error) {
	ctx := x.req.Context()
	if x.rules.habit&hangsOnHead == 0 {
		bound := maxHead
		if at, ok := roundtrip.DeadlineOf(ctx); ok {
			bound = min(bound, time.Until(at)/4)
		}
		short, cancel := context.WithTimeout(ctx, bound)
		now, err := x.lookBy(short, http.MethodHead)
		late := err != nil && short.Err() != nil
		cancel()
		switch {
		case ctx.Err() != nil, err == nil && x.enough(now), roundtrip.Permanent(err):
			return now, err
		case late && bound == maxHead:
			x.note(hangsOnHead, reasonHangsOnHead, 0)
			x.rules.habit |= hangsOnHead
		}
	}
	return x.lookBy(ctx, http.MethodGet)
}

// enough reports whether a HEAD has shown all that the plan needs.
func (x *exchange) enough(now sight) bool {
	return now.status/100 == 2 && (x.plan.value == "*" || now.ETag != "" || x.seen.ETag == "" && !now.Unknown)
}

// lookBy asks for the present validators by one request.
func (x *exchange) lookBy(ctx context.Context, method string) (sight, error) {
	now := sight{Version: Version{Unknown: true}}
	resp, err := x.next.RoundTrip(x.probe(ctx, method))
	if err != nil || resp == nil {
		return now, err
	}
	roundtrip.Discard(resp)
	if now.status = resp.StatusCode; now.status/100 == 2 {
		now.Version = versionOf(resp, time.Now())
		now.varies = varies(resp.Header["Vary"], x.seen.Variant)
		age := resp.Header.Get("Age")
		now.stored = age != "" && age != "0"
	}
	return now, nil
}

// probe returns a request for the present representation: not from a cache, in the
// variant that the caller has seen, and without a content coding, since the tag of a
// coded form is of no use in a write.
func (x *exchange) probe(ctx context.Context, method string) *http.Request {
	out := roundtrip.Clone(x.req).WithContext(ctx)
	out.Method = method
	out.Body, out.GetBody, out.ContentLength = nil, nil, 0
	out.TransferEncoding, out.Trailer = nil, nil
	for name := range out.Header {
		switch c := http.CanonicalHeaderKey(name); {
		case strings.HasPrefix(c, "Content-"), strings.HasPrefix(c, "If-"), c == "If", c == "Range",
			c == "Expect", c == "Trailer", c == "Transfer-Encoding", c == "Idempotency-Key", c == "Prefer",
			strings.HasPrefix(c, "X-Http-Method"), c == "X-Method-Override":
			delete(out.Header, name)
		}
	}
	for line := range strings.Lines(x.seen.Variant) {
		name, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ": ")
		if value == "" {
			delete(out.Header, name)
			continue
		}
		out.Header[name] = []string{value}
	}
	out.Header["Accept-Encoding"] = []string{"identity"}
	out.Header["Cache-Control"] = []string{"no-cache"}
	return out
}

// variantOf returns lines of the fields of a request that its answer's Vary names,
// but for those with credentials and for Accept-Encoding.
func variantOf(vary []string, req http.Header) string {
	var b strings.Builder
	for name := range httpfield.List(vary) {
		name = http.CanonicalHeaderKey(name)
		value := strings.Join(req[name], ", ")
		if name == "*" || name == "Accept-Encoding" || httpfield.CredentialLike(name) || strings.ContainsAny(value, "\r\n") {
			continue
		}
		if line := name + ": " + value + "\n"; b.Len()+len(line) <= maxTag {
			b.WriteString(line)
		}
	}
	return b.String()
}

// selecting are the request fields that most often select a variant.
var selecting = [...]string{"Accept", "Accept-Language", "Prefer"}

// varies reports whether a Vary names fields that select a variant and that are
// not known of the one that was seen.
func varies(vary []string, variant string) bool {
	for _, name := range selecting {
		if httpfield.HasToken(vary, name) && !strings.Contains("\n"+variant, "\n"+name+": ") {
			return true
		}
	}
	return httpfield.HasToken(vary, "*")
}
