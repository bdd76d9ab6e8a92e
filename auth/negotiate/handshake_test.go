package negotiate

import (
	"testing"

	"github.com/jcmturner/gokrb5/v8/types"
)

// TestNameless: gokrb5 panics about a ticket for a service without a name, which a KDC or a
// credential cache may hold.
func TestNameless(t *testing.T) {
	t.Parallel()
	h := &handshake{ticket: &ticket{
		key:    types.EncryptionKey{KeyType: 18, KeyValue: make([]byte, 32)},
		client: types.PrincipalName{NameType: 1, NameString: []string{"ann"}}, realm: "R",
	}}
	if token, err := h.Next(nil); err == nil {
		t.Errorf("%x", token)
	}
}
