package caching

import (
	"encoding/binary"
	"net/http"
	"slices"

	"github.com/tripper-go/tripper/internal/httpfield"
)

// credentials names the user whose credentials are in h, or are the principal's: a
// text that is the same for the same credential-like fields with the same values,
// and for no others. The fields in h that leaveOut reports are not looked at.
func credentials(h http.Header, principal string, leaveOut func(name string) bool) string {
	var room [8]string
	names := room[:0]
	for name, values := range h {
		if len(values) > 0 && httpfield.CredentialLike(name) && (leaveOut == nil || !leaveOut(name)) {
			names = append(names, name)
		}
	}
	if len(names) == 0 && principal == "" {
		return ""
	}
	slices.Sort(names)
	// Each part with its length, so that no two users come to the same text.
	var space [512]byte
	b := appendString(space[:0], principal)
	for _, name := range names {
		b = appendString(b, name)
		b = binary.AppendUvarint(b, uint64(len(h[name])))
		for _, v := range h[name] {
			b = appendString(b, v)
		}
	}
	return string(b)
}

func notAuthorization(name string) bool { return name == "Authorization" }
