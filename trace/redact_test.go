package trace

import (
	"testing"

	"github.com/tripper-go/tripper/internal/httpfield"
)

// What is told unasked is what HTTP itself needs; the one list of names that look like
// those of credentials has none of it.
func TestHarmlessFieldsAreNoCredentials(t *testing.T) {
	t.Parallel()
	for name := range harmless {
		if httpfield.CredentialLike(name) {
			t.Errorf("the values of %s are told", name)
		}
	}
}
