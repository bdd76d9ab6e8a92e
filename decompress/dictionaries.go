package decompress

import "github.com/tripper-go/tripper/decompress/internal/dictionary"

// DefaultDictionaryBytes is how much Dictionaries keeps if MaxBytes is zero: 16
// MiB.
const DefaultDictionaryBytes = 16 << 20

// Dictionaries keeps responses that a server means as dictionaries for later
// ones (RFC 9842), so that these can come in the coding dcz: zstd that refers to
// the stored response. The zero value is ready to use; several Transports may
// share one.
//
// A dictionary is kept while it is fresh by the max-age of its own Cache-Control, for
// its origin, and for requests with the same Authorization and Cookie as the one
// that fetched it, and the same credentials of an auth layer below; cookies of a
// Jar below are not known here. The dictionaries used longest ago make room for new
// ones. A dictionary tells a server which of its responses a client has: like cookies,
// dictionaries should be forgotten together with the rest of a user's traces, which
// [Dictionaries.Clear] does.
//
// Patterns with regular expressions or named groups are not understood; such
// dictionaries are not kept. Where a layer below follows redirects, the fields
// Available-Dictionary and Dictionary-ID go along.
type Dictionaries struct {
	// MaxBytes is how much is kept. One dictionary may be half of it. If zero or
	// negative, DefaultDictionaryBytes is used.
	MaxBytes int64

	store dictionary.Store
}

// Clear forgets all dictionaries.
func (d *Dictionaries) Clear() { d.store.Clear() }

func (d *Dictionaries) maxBytes() int64 {
	if d.MaxBytes <= 0 {
		return DefaultDictionaryBytes
	}
	return d.MaxBytes
}
