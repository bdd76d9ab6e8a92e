package httpsig

import (
	"net/http"
	"slices"

	"github.com/tripper-go/tripper/internal/roundtrip"
)

// Identity returns an opaque name for the key that req would be signed with, or the empty string
// if it would not be signed. The same key has the same name in every process, so that a cache on
// disk keeps the responses to different keys apart.
func (t *Transport) Identity(req *http.Request) string {
	principal, _, _ := t.Ask(req)
	return principal
}

// Ask returns what Identity returns, and marks the request, so that the layer reports what it
// adds. A cache above calls it. Programs have no use for it.
func (t *Transport) Ask(req *http.Request) (principal string, layer, answer any) {
	s := t.setup()
	switch {
	case s.key == nil:
		return "", nil, nil // t never adds anything
	case s.whyNot(req) != "":
		return "", s, s
	}
	return s.key.principal(), s, s
}

// report tells a cache above, if it has asked, which key out was signed with, and which fields
// were added to req.
func (s *settings) report(req, out *http.Request) {
	if _, _, asked := roundtrip.Pinned(req, s); !asked {
		return
	}
	var added []string
	for name, values := range out.Header {
		if !slices.Equal(values, req.Header[name]) {
			added = append(added, name)
		}
	}
	roundtrip.Report(req.Context(), s, s.key.principal(), out.Header, added...)
}
