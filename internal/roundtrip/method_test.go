package roundtrip

import "testing"

func TestMethods(t *testing.T) {
	for _, tt := range []struct {
		method           string
		safe, idempotent bool
		why              string
	}{
		{"", true, true, "net/http: an empty method means GET"},
		{"GET", true, true, "RFC 9110 §9.2.1"},
		{"get", false, false, "RFC 9110 §9.1: methods are case-sensitive"},
		{"PROPFIND", true, true, "RFC 4918 §9.1"},
		{"REPORT", true, true, "RFC 3253 §3.6"},
		{"SEARCH", true, true, "RFC 5323 §2"},
		{"QUERY", true, true, "draft-ietf-httpbis-safe-method-w-body"},
		{"PUT", false, true, "RFC 9110 §9.2.2"},
		{"DELETE", false, true, "RFC 9110 §9.2.2"},
		{"PROPPATCH", false, true, "RFC 4918 §9.2"},
		{"MKCOL", false, true, "RFC 4918 §9.3"},
		{"COPY", false, true, "RFC 4918 §9.8"},
		{"MOVE", false, true, "RFC 4918 §9.9"},
		{"UNLOCK", false, true, "RFC 4918 §9.11"},
		{"LOCK", false, false, "RFC 4918 §9.10: each LOCK makes a new lock"},
		{"POST", false, false, "RFC 9110 §9.2.2"},
		{"PATCH", false, false, "RFC 5789 §2"},
		{"CONNECT", false, false, "RFC 9110 §9.3.6"},
		{"FROBNICATE", false, false, "nothing is known of a method that is not registered"},
	} {
		if Safe(tt.method) != tt.safe || Idempotent(tt.method) != tt.idempotent {
			t.Errorf("%q: safe %v, idempotent %v: %s", tt.method, Safe(tt.method), Idempotent(tt.method), tt.why)
		}
	}
}
