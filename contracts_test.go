package tripper_test

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/tripper-go/tripper"
	"github.com/tripper-go/tripper/auth"
	"github.com/tripper-go/tripper/caching"
	"github.com/tripper-go/tripper/compress"
	"github.com/tripper-go/tripper/decompress"
	"github.com/tripper-go/tripper/internal/roundtrip"
	"github.com/tripper-go/tripper/lostupdate"
	"github.com/tripper-go/tripper/redirects"
	"github.com/tripper-go/tripper/retry"
	"github.com/tripper-go/tripper/trace"
	"github.com/tripper-go/tripper/transport"
)

// What this module implements of its own contracts.
var (
	_ tripper.Identifier       = (*auth.Transport)(nil)
	_ tripper.Identifier       = (*transport.Transport)(nil)
	_ tripper.RedirectFollower = (*redirects.Transport)(nil)
	_ tripper.RedirectFollower = tripper.Chain(nil)
	_ tripper.ResponseError    = (*auth.UnsupportedError)(nil)
	_ tripper.ResponseError    = (*decompress.Error)(nil)
	_ tripper.ResponseError    = (*lostupdate.ConflictError)(nil)
	_ tripper.ResponseError    = (*redirects.Error)(nil)
	_ tripper.Permanent        = (*auth.UnsupportedError)(nil)
	_ tripper.Permanent        = (*redirects.Error)(nil)
	_ tripper.Permanent        = (*transport.RefusedError)(nil)

	// The mechanics below know the contracts by the same methods.
	_ roundtrip.Identifier = tripper.Identifier(nil)
	_ roundtrip.Unwrapper  = tripper.Unwrapper(nil)
	_ tripper.Identifier   = roundtrip.Identifier(nil)
	_ tripper.Unwrapper    = roundtrip.Unwrapper(nil)
)

// What Wrap returns shows its successor, and has a type that a stranger can make
// sense of in a message.
func TestUnwrapper(t *testing.T) {
	t.Parallel()
	base := &http.Transport{}
	opaque := tripper.LayerFunc(func(next http.RoundTripper) http.RoundTripper { return roundTripperFunc(next.RoundTrip) })
	const layer = "*roundtrip.TripperLayer"
	for _, tt := range []struct {
		layer     tripper.Layer
		want, why string
	}{
		{tripper.ErrorResponses{}, layer, "a layer of this module"},
		{&trace.Hook{}, layer, "a layer of this module"},
		{&trace.Wire{}, layer, "a layer of this module"},
		{&trace.Log{}, layer, "a layer of this module"},
		{&trace.HAR{}, layer, "a layer of this module"},
		{&decompress.Transport{}, layer, "a layer of this module"},
		{&redirects.Transport{}, layer, "a layer of this module"},
		{&lostupdate.Transport{}, layer, "a layer of this module"},
		{&caching.Transport{}, layer, "a layer of this module"},
		{&compress.Transport{}, layer, "a layer of this module"},
		{&retry.Transport{}, layer, "a layer of this module"},
		{&auth.Transport{}, "*roundtrip.SigningTripperLayer", "it is an Identifier too"},
		{tripper.Chain{opaque}, "*roundtrip.ForeignLayer", "a function hides its successor, and the chain shows it"},
	} {
		rt := tt.layer.Wrap(base)
		if got := fmt.Sprintf("%T", rt); got != tt.want {
			t.Errorf("%T: the type is %s, want %s: %s", tt.layer, got, tt.want, tt.why)
		}
		if u, ok := rt.(tripper.Unwrapper); !ok || u.Unwrap() != base {
			t.Errorf("%T does not show its successor: %s", tt.layer, tt.why)
		}
	}
}
