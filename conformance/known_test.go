package conformance

import (
	"slices"
	"strings"
)

// A result is what is known of a case that does not pass.
type result struct {
	outcome outcome
	// profiles are those it does not pass in, separated by blanks; empty for all.
	profiles string
	why      string
}

// in returns the outcome in a profile, or "" if the case passes there.
func (r result) in(profile string) outcome {
	if r.profiles == "" || slices.Contains(strings.Fields(r.profiles), profile) {
		return r.outcome
	}
	return ""
}

// known lists the cases that do not pass, by id.
var known = map[string]result{
	// Out of reach.
	"headers-store-Transfer-Encoding": {setupFail, "", "net/http refuses a response with an unknown transfer coding, so that no layer sees it (RFC 9112 §6.1)"},

	// Contested: what the case wants goes against an RFC.
	"conditional-lm-fresh-no-lm": {missed, "", "RFC 9110 §13.1.3: If-Modified-Since is evaluated against Last-Modified; the case wants Date in its place"},
	"vary-normalise-lang-select": {missed, "", "RFC 9111 §4.1 allows a request's fields to be normalized, not the guess that another language was selected for them"},

	// Parts of nothing certain.
	"partial-store-partial-complete":                {missed, "", "RFC 9111 §3.4: parts are put together only under one strong validator, and this 206 has none"},
	"partial-store-partial-reuse-partial":           {missed, "", "the Content-Range of the 206 is longer than its content"},
	"partial-store-partial-reuse-partial-absent":    {missed, "", "the Content-Range of the 206 is longer than its content"},
	"partial-store-partial-reuse-partial-byterange": {missed, "", "the Content-Range of the 206 is longer than its content"},
	"partial-store-partial-reuse-partial-suffix":    {missed, "", "the Content-Range of the 206 is longer than its content"},

	// Checks: questions without a right answer, here answered by no.
	"304-etag-update-response-Content-Encoding":  {no, "", "RFC 9111 §3.2: the field belongs to the stored content, which a 304 does not replace"},
	"304-etag-update-response-Content-Range":     {no, "", "RFC 9111 §3.2: the field belongs to the stored content, which a 304 does not replace"},
	"304-etag-update-response-Content-Type":      {no, "", "the field says how to read the stored content, which a 304 does not replace; OkHttp does the same"},
	"304-etag-update-response-ETag":              {retried, "", "RFC 9111 §4.3.4: a 304 whose strong validator matches nothing stored updates nothing, so the request is sent again without conditions"},
	"age-parse-numeric-parameter":                {no, "", "RFC 9111 §5.1: the member is a number; what follows is not part of it"},
	"age-parse-parameter":                        {no, "", "RFC 9111 §5.1: the member is a number; what follows is not part of it"},
	"cdn-max-age-case-insensitive":               {no, "cdn", "RFC 9213 §2.1, RFC 8941 §3.1.2: keys of a structured field are lower case; the field is invalid and ignored"},
	"conditional-etag-forward-unquoted":          {no, "", "a caller's field is sent as it is"},
	"conditional-etag-quoted-respond-unquoted":   {no, "", "RFC 9110 §8.8.3: an entity tag is quoted"},
	"conditional-etag-unquoted-respond-quoted":   {no, "", "RFC 9110 §8.8.3: an entity tag is quoted"},
	"freshness-max-age-100a":                     {no, "", "RFC 9111 §4.2.1: freshness that is invalid is taken for stale"},
	"freshness-max-age-a100":                     {no, "", "RFC 9111 §4.2.1: freshness that is invalid is taken for stale"},
	"freshness-max-age-decimal-five":             {no, "", "RFC 9111 §4.2.1: freshness that is invalid is taken for stale"},
	"freshness-max-age-space-after-equals":       {no, "", "the blank is overlooked, as by most caches"},
	"freshness-max-age-two-fresh-stale-sameline": {no, "", "RFC 9111 §4.2.1: of two directives the more restrictive counts"},
	"freshness-max-age-two-stale-fresh-sameline": {no, "", "RFC 9111 §4.2.1: of two directives the more restrictive counts"},
	"freshness-max-age-two-stale-fresh-sepline":  {no, "", "RFC 9111 §4.2.1: of two directives the more restrictive counts"},
	"head-200-freshness-update":                  {no, "", "the answer to HEAD has neither validator nor length: nothing says that it is about the stored body (RFC 9111 §4.3.5)"},
	"head-200-update":                            {dependencyFail, "", "see head-200-freshness-update"},
	"head-200-retain":                            {no, "", "the answer to HEAD is the origin's; the stored GET is freshened with it (RFC 9111 §4.3.5), not merged into it"},
	"head-410-update":                            {dependencyFail, "", "see head-200-freshness-update; RFC 9111 §4.3.5: only a 200 to HEAD freshens a stored response"},
	"heuristic-delta-30":                         {no, "", "RFC 9111 §4.2.2: ten percent of 30 s is 3 s, which the pause uses up"},
	"heuristic-delta-5":                          {no, "", "RFC 9111 §4.2.2: ten percent of 5 s is less than a second"},
	"other-age-delay":                            {no, "", "RFC 9111 §5.1: Age is set on what comes from the cache; this response comes from the origin"},
	"pragma-response-no-cache-heuristic":         {no, "", "Pragma in a response means what many origins mean by it, where Cache-Control is absent (RFC 9111 §5.4)"},
	"stale-warning-become":                       {no, "", "RFC 9111 §5.5: Warning is obsolete"},
}
