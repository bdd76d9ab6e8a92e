package roundtrip

import (
	"net/http"
	"testing"
)

// Layers as other modules write them.
type (
	hiding    struct{ next http.RoundTripper } // has no Identity
	speaking  struct{ next http.RoundTripper } // has one
	embedding struct{ hiding }                 // x/oauth2.Transport with an Identity
	leaf      struct{}
)

func (*hiding) RoundTrip(*http.Request) (*http.Response, error) { return nil, http.ErrNotSupported }

func (*speaking) RoundTrip(*http.Request) (*http.Response, error) { return nil, http.ErrNotSupported }
func (*speaking) Identity(*http.Request) string                   { return "joe" }
func (*embedding) Identity(*http.Request) string                  { return "joe" }
func (leaf) RoundTrip(*http.Request) (*http.Response, error)      { return nil, http.ErrNotSupported }
func (leaf) Identity(*http.Request) string                        { return "joe" }

func TestSpeakForAll(t *testing.T) {
	t.Parallel()
	plain := new(http.Transport)
	f := function(plain.RoundTrip)
	ring := &speaking{}
	ring.next = ring
	for _, row := range []struct {
		why  string
		rt   http.RoundTripper
		want bool
	}{
		{"an http.Transport adds none", plain, true},
		{"a layer that says whose", &speaking{plain}, true},
		{"the same above the default transport", &speaking{}, true},
		{"below a layer of this module", Bind(nil, &speaking{plain}), true},
		{"a layer that is wrapped sends nothing by itself", &TripperLayer{Of: &hiding{plain}, next: plain}, true},
		{"two that say it", &speaking{&speaking{plain}}, true},
		{"one that embeds what adds the credentials", &embedding{hiding{plain}}, true},
		{"in a chain, of which the successor is seen anyway", Seen(&speaking{plain}, plain), true},
		{"a Signer may be the last", &signer{}, true},
		{"a layer of which nobody knows what it adds", &hiding{plain}, false},
		{"the same below one that speaks", &speaking{&hiding{plain}}, false},
		{"and above it", &hiding{&speaking{plain}}, false},
		{"and in a chain", Seen(&hiding{plain}, plain), false},
		{"a function may add anything", &speaking{f}, false},
		{"nobody knows what is behind it", leaf{}, false},
		{"http.DefaultTransport may be another one tomorrow", Late(plain, nil), false},
		{"a ring", ring, false},
		{"nothing", nil, false},
	} {
		if got := speakForAll(row.rt); got != row.want {
			t.Errorf("got %v: %s", got, row.why)
		}
	}
}
