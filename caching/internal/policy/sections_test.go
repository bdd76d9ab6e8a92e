package policy

import (
	"strings"
	"testing"
)

func TestSection(t *testing.T) {
	t.Parallel()
	for reason, want := range map[string]string{
		reasonFresh: "RFC 9111 §4.2",
		ReasonOnlyIfCached + ", " + reasonNothingStored: "RFC 9111 §5.2.1.7", // which is why it is not sent
		reasonOffline + ", " + reasonStale:              "",                  // an option of the application
		reasonMustRevalidate:                            "RFC 9111 §5.2.2.2", // it has a comma of its own
		ReasonBypass:                                    "",
		reasonResponseNoStore:                           "RFC 9111 §5.2.2.5", // why a response is not stored
		ReasonMaxBody:                                   "",                  // a setting of the application
	} {
		if got := Section(reason); got != want {
			t.Errorf("%s: %q, not %q", reason, got, want)
		}
	}
	for reason, section := range sections {
		if !strings.HasPrefix(section, "RFC ") || !strings.Contains(section, " §") {
			t.Errorf("%s: %q is no section", reason, section)
		}
	}
}
