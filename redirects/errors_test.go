package redirects

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/tripper-go/tripper/internal/roundtrip"
	"github.com/tripper-go/tripper/internal/rttest"
)

func TestError(t *testing.T) {
	script := rttest.NewScript(t, rttest.Answers("302 F\nLocation: /secret?t=1\n\nfirst", "302 F\nLocation: /2\n\nsecond redirect")...)
	client := &http.Client{Transport: (&Transport{Max: 1}).Wrap(script)}
	_, err := client.Get("http://a.example/1") //nolint:bodyclose // there is none
	var e *Error
	if !errors.As(err, &e) || !errors.Is(err, ErrLimit) || errors.Is(err, ErrMissingLocation) {
		t.Fatalf("error %v", err)
	}
	if h := History(e.HTTPResponse()); len(h) != 1 {
		t.Errorf("history of %d, want the whole chain", len(h))
	}
	if body, err := io.ReadAll(e.Response.Body); err != nil || string(body) != "second redirect" {
		t.Errorf("body %q, error %v", body, err)
	}
	if !strings.HasPrefix(e.Reason(), "Redirected more") {
		t.Errorf("reason %q", e.Reason())
	}
	if want := `Get "http://a.example/1": redirects: too many redirects`; err.Error() != want {
		t.Errorf("text %q, want %q", err, want)
	}
	if e := (&Error{Err: ErrMissingLocation}); !strings.HasPrefix(e.Reason(), "Redirected but") || e.Timeout() {
		t.Errorf("reason %q", e.Reason())
	}
	if e := (&Error{Err: fmt.Errorf("%w: ftp", ErrScheme)}); !strings.HasPrefix(e.Reason(), "Redirected to") || !e.Permanent() {
		t.Errorf("reason %q, permanent %v: there is no other way to go", e.Reason(), e.Permanent())
	}
	if !e.Permanent() || (&Error{Err: timeout{}}).Permanent() || !(&Error{Err: roundtrip.Final(timeout{})}).Permanent() {
		t.Error("too many redirects are too many the next time; of other causes the cause knows")
	}
	if e := (&Error{}); e.Error() == "" || e.Reason() == "" || e.Timeout() || e.Unwrap() != nil {
		t.Error("a zero Error is one, too")
	}
	if e := (&Error{Err: timeout{}}); !e.Timeout() {
		t.Error("a timeout must stay one")
	}
}

type timeout struct{}
