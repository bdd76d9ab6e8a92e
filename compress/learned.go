package compress

import (
	"net/http"
	"time"

	"github.com/tripper-go/tripper/internal/httpfield"
	"github.com/tripper-go/tripper/internal/roundtrip"
)

// resource returns the key of a resource: the URL of req without query and fragment.
func resource(req *http.Request) string {
	if req.URL == nil {
		return ""
	}
	return roundtrip.OriginOf(req.URL).String() + req.URL.EscapedPath()
}

// note remembers and returns the coding to use that follows from resp. known is false if
// nothing follows from it.
func (t *Transport) note(req *http.Request, sent, preferred string, resp *http.Response) (coding string, known bool) {
	coding, known = taught(sent, preferred, resp.StatusCode, resp.Header["Accept-Encoding"])
	if known {
		t.learned.Update(resource(req), time.Now(), func(string) string { return coding })
	}
	return coding, known
}

// refusal reports whether a server that answers with this status may take the same body
// without a coding (RFC 9110 §15.5.16), and so with a Content-Length (§15.5.12).
func refusal(status int) bool {
	return status == http.StatusUnsupportedMediaType || status == http.StatusLengthRequired
}

// taught returns which coding a server takes, after a request in the coding sent: one that
// Accept-Encoding in the response names (RFC 9110 §12.5.3), the preferred one first, and
// otherwise none after a refusal.
func taught(sent, preferred string, status int, accept []string) (coding string, known bool) {
	if accept == nil || status == http.StatusLengthRequired {
		return "", sent != "" && refusal(status)
	}
	takes := make(map[string]bool)
	for it := range httpfield.Items(accept) {
		takes[httpfield.Coding(it.Value)] = !it.Refused()
	}
	for _, c := range []string{preferred, "zstd", "gzip"} {
		ok, named := takes[c]
		if supported(c) && (ok || !named && takes["*"]) {
			return c, true
		}
	}
	return "", true
}
