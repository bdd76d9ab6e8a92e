package roundtrip

import (
	"errors"
	"fmt"
	"os"
	"testing"
)

func TestPermanent(t *testing.T) {
	plain := errors.New("no route")
	for _, tt := range []struct {
		name string
		err  error
		want bool
		why  string
	}{
		{"nil", nil, false, "no error"},
		{"plain", plain, false, "whoever says nothing may be asked again"},
		{"marked", Final(plain), true, "the marker"},
		{"wrapped", fmt.Errorf("layer: %w", Final(plain)), true, "a layer above wraps what it passes on"},
	} {
		if got := Permanent(tt.err); got != tt.want {
			t.Errorf("%s: %v: %s", tt.name, got, tt.why)
		}
	}
	if Final(nil) != nil {
		t.Error("Final(nil) is an error")
	}
	err := Final(os.ErrDeadlineExceeded)
	if !errors.Is(err, os.ErrDeadlineExceeded) || err.Error() != os.ErrDeadlineExceeded.Error() || !TimedOut(err) || TimedOut(Final(plain)) {
		t.Errorf("%v hides what it marks", err)
	}
}
