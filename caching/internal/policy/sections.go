package policy

import "strings"

// sections are where the reasons for a verdict, or for not storing a response, come from. Those that are not here are rules of
// this cache.
var sections = map[string]string{
	reasonNothingStored:        "RFC 9111 §4",
	reasonFresh:                "RFC 9111 §4.2",
	reasonImmutable:            "RFC 8246 §2",
	reasonMaxStale:             "RFC 9111 §5.2.1.2",
	ReasonStaleWhileRevalidate: "RFC 5861 §3",
	ReasonOnlyIfCached:         "RFC 9111 §5.2.1.7",
	reasonRequestNoCache:       "RFC 9111 §5.2.1.4",
	reasonRequestMaxAge:        "RFC 9111 §5.2.1.1",
	reasonRequestMinFresh:      "RFC 9111 §5.2.1.3",
	reasonStaleForRequest:      "RFC 9111 §5.2.1",
	reasonStale:                "RFC 9111 §4.2.4",
	reasonMustRevalidate:       "RFC 9111 §5.2.2.2",
	reasonResponseNoCache:      "RFC 9111 §5.2.2.4",
	reasonFromFuture:           "RFC 9111 §4.2.3",
	reasonMayHaveChanged:       "RFC 9111 §4.4",
	ReasonNotAllStored:         "RFC 9111 §3.3",
	ReasonGroup:                "RFC 9875 §3",
	ReasonMethod:               "RFC 9110 §9.2.3",
	ReasonUnsafeMethod:         "RFC 9111 §4.4",
	ReasonUpgrade:              "RFC 9110 §7.8",
	ReasonPrecondition:         "RFC 9111 §4.3.2",
	ReasonSharesResponse:       "RFC 9111 §4",

	// Why a response is not stored.
	reasonNotFinal:        "RFC 9111 §3",
	ReasonNotModified:     "RFC 9111 §4.3.3",
	reasonPartOfUnknown:   "RFC 9111 §3.3",
	ReasonPartUnasked:     "RFC 9110 §15.3.7",
	reasonRequestNoStore:  "RFC 9111 §5.2.1.5",
	reasonResponseNoStore: "RFC 9111 §5.2.2.5",
	reasonNotUnderstood:   "RFC 9111 §3",
	reasonPrivate:         "RFC 9111 §5.2.2.7",
	reasonAuthorized:      "RFC 9111 §3.5",
	reasonVaryEverything:  "RFC 9111 §4.1",
	reasonNeedsLifetime:   "RFC 9111 §3",
	reasonOfNoUse:         "RFC 9111 §3",
	ReasonInvalidated:     "RFC 9111 §4.4",
	ReasonBodyCut:         "RFC 9111 §3.3",
	ReasonBodyNotRead:     "RFC 9111 §3.3",
}

// Section returns where a reason comes from, empty if it is a rule of this cache.
func Section(reason string) string {
	if s, ok := sections[reason]; ok {
		return s
	}
	first, _, _ := strings.Cut(reason, ", ") // of only-if-cached and another reason
	return sections[first]
}
