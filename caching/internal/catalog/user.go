package catalog

import (
	"encoding/binary"
	"hash/maphash"
	"net/http"
	"slices"

	"github.com/tripper-go/tripper/caching/internal/wire"
	"github.com/tripper-go/tripper/internal/httpfield"
)

// Credentials returns a name for the user whose credentials are in h, or are the principal's:
// it is equal for equal credential-like fields and principals, and for no others. It is empty
// if there are none. The fields for which leaveOut returns true are ignored.
func Credentials(h http.Header, principal string, leaveOut func(name string) bool) string {
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
	// Each part has its length before it, so that different users have different names.
	var space [512]byte
	b := wire.AppendString(space[:0], principal)
	for _, name := range names {
		b = wire.AppendString(b, name)
		b = binary.AppendUvarint(b, uint64(len(h[name])))
		for _, v := range h[name] {
			b = wire.AppendString(b, v)
		}
	}
	return string(b)
}

// UserOf is [Credentials] for a request without credential-like fields.
func (c *Catalog) UserOf(principal string) string {
	if principal == "" {
		return ""
	}
	return c.users.Of(&principal, uint(maphash.String(keySeed, principal)), func() string { return Credentials(nil, principal, nil) })
}

// IsAuthorization reports whether name, in canonical form, is Authorization.
func IsAuthorization(name string) bool { return name == "Authorization" }
