package decompress

import (
	"cmp"

	"github.com/tripper-go/tripper/decompress/internal/dictionary"
)

// DefaultDictionaryBytes is how many bytes Dictionaries keeps if MaxBytes is zero: 16 MiB.
const DefaultDictionaryBytes = 16 << 20

// Dictionaries keeps responses that a server has marked as dictionaries for later ones
// (RFC 9842). Later responses can then come in the coding dcz: zstd that refers to the
// dictionary. The zero value is ready to use, and safe for concurrent use by several
// Transports.
//
// A dictionary is kept while it is fresh by the max-age of its own Cache-Control, for
// its origin, and for requests with the same Authorization and Cookie as the one
// that fetched it, and the same credentials of an auth layer below; cookies of a Jar below are
// not known here. The dictionaries used longest ago are removed first. A dictionary shows
// a server which of its responses a client has, as a cookie does: where a program lets its
// user remove cookies, it should call [Dictionaries.Clear] too.
//
// A dictionary with a pattern of regular expressions or named groups is not kept. A layer
// below that follows redirects sends the fields Available-Dictionary and Dictionary-ID
// to the targets too.
type Dictionaries struct {
	// MaxBytes is how many bytes are kept. One dictionary may take half of them. If
	// zero or negative, DefaultDictionaryBytes is used.
	MaxBytes int64

	store dictionary.Store
}

// Clear forgets all dictionaries.
func (d *Dictionaries) Clear() { d.store.Clear() }

func (d *Dictionaries) maxBytes() int64 { return cmp.Or(max(d.MaxBytes, 0), DefaultDictionaryBytes) }
