package lostupdate

import (
	"io"
	"net/http"
	"strings"
	"testing"
)

// The hash is there as soon as the last byte was read, since the response may come before the end
// of the body is seen; of a body of unknown length at its end.
func TestSumBody(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		why    string
		length int64
		atOnce bool
	}{
		{"a known length", 5, true},
		{"an unknown length", -1, false},
	} {
		req, err := http.NewRequest(http.MethodPut, "http://example.com/", io.NopCloser(strings.NewReader("hello")))
		if err != nil {
			t.Fatal(err)
		}
		req.ContentLength = row.length
		sum, out := sumBody(req)
		read := func(want int) {
			n, err := out.Body.Read(make([]byte, 4))
			if n != want || err != nil && err != io.EOF {
				t.Fatal(n, err)
			}
		}
		if read(4); sum.hex() != "" {
			t.Errorf("%s: a hash of the beginning", row.why)
		}
		if read(1); sum.hex() != "" != row.atOnce {
			t.Errorf("%s: after the last byte: %q", row.why, sum.hex())
		}
		if read(0); sum.hex() != "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824" {
			t.Errorf("%s: at the end: %q", row.why, sum.hex())
		}
	}
}
