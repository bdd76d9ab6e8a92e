package memcachestore

import (
	"errors"
	"testing"

	"github.com/tripper-go/tripper/caching/internal/sharedtest"
)

// TestWithoutClient has Stores that were not made as they should be say so.
func TestWithoutClient(t *testing.T) {
	var none *Store
	for why, s := range map[string]*Store{"a nil pointer": none, "the zero value": {}, "no client": New(nil, "")} {
		sharedtest.WithoutClient(t, why, s, func(err error) bool { return errors.Is(err, errNoClient) })
	}
}
