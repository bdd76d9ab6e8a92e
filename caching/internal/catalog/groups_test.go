package catalog

import (
	"net/http"
	"testing"

	"github.com/tripper-go/tripper/caching/internal/policy"
)

func FuzzGroupKeys(f *testing.F) {
	f.Add(`"a", "b";x`, "https://example.com/p")
	f.Add(`("a")`, "://")
	f.Fuzz(func(t *testing.T, field, url string) {
		names, ok := policy.GroupNames([]string{field})
		if !ok && names != nil {
			t.Errorf("%q: names without a field", field)
		}
		if keys := groupKeys(url, http.Header{"Cache-Groups": {field}}); len(keys) != len(names) {
			t.Errorf("%q: %d keys of %d names", field, len(keys), len(names))
		}
	})
}
