package lostupdate

import (
	"testing"
)

func TestExchange(t *testing.T) {
	const (
		getA   = "200 OK\nETag: \"a\"\n\none"
		done   = "204 No Content"
		failed = "412 Precondition Failed\n\nno"
		put    = "PUT /x\n\ntwo"
	)
	all := &Transport{Methods: []string{"PUT", "PATCH", "DELETE", "POST"}}
	for _, tt := range []exchangeTest{
		{
			name: "GET, PUT", why: "the W3C note: the version that was got is the one to be replaced",
			requests: []string{"GET /x", put}, answers: []string{getA, done}, want: []string{"GET /x", `PUT /x If-Match: "a"`},
		},
		{
			name: "HEAD, PATCH", why: "HEAD tells the version too, and PATCH is protected",
			requests: []string{"HEAD /x", "PATCH /x\n\ntwo"}, answers: []string{getA, done}, want: []string{"HEAD /x", `PATCH /x If-Match: "a"`},
		},
		{
			name: "other resources", why: "a tag is one resource's: the query is part of its name",
			requests: []string{"GET /x", "PUT /y\n\ntwo", "PUT /x?q\n\ntwo"}, answers: []string{getA, done, done}, want: []string{"GET /x", "PUT /y", "PUT /x?q"},
		},
		{
			name: "the same resource", why: "URLs are compared in a normal form, without fragment",
			requests: []string{"GET /x#f", put}, answers: []string{getA, done}, want: []string{"GET /x#f", `PUT /x If-Match: "a"`},
		},
		{
			name: "a tag in the answer", why: "W3C note, second save: the new tag replaces the old (httplib2 forgets)",
			requests: []string{"GET /x", put, put, put}, answers: []string{getA, "200 OK\nETag: \"b\"", "201 Created\nETag: \"c\"", done},
			want: []string{"GET /x", `PUT /x If-Match: "a"`, `PUT /x If-Match: "b"`, `PUT /x If-Match: "c"`},
		},
		{
			name: "no tag in the answer", why: "the old one is not good any more, and the new one unknown",
			requests: []string{"GET /x", put, put}, answers: []string{getA, done, done}, want: []string{"GET /x", `PUT /x If-Match: "a"`, "PUT /x"},
		},
		{
			name: "no tag in the answer, refuse", why: "asked for", transport: &Transport{Unsure: Refuse}, errs: ErrUnsure, statuses: []int{200, 204, 0, 200, 204},
			requests: []string{"GET /x", put, put, "GET /x", put}, answers: []string{getA, done, "200 OK\nETag: \"b\"", done},
			want: []string{"GET /x", `PUT /x If-Match: "a"`, "GET /x", `PUT /x If-Match: "b"`},
		},
		{
			name: "no tag in the answer, fetch", why: "what is there is what was written: its tag is good", transport: &Transport{Unsure: Fetch}, statuses: []int{200, 204, 204},
			requests: []string{"GET /x", put, put}, answers: []string{getA, done, "200 OK\nETag: \"b\"\n\ntwo", done},
			want: []string{"GET /x", `PUT /x If-Match: "a"`, "GET /x", `PUT /x If-Match: "b"`},
		},
		{
			name: "no tag in the answer, fetch, changed", why: "somebody has written since", transport: &Transport{Unsure: Fetch}, statuses: []int{200, 204, 412},
			requests: []string{"GET /x", put, put}, answers: []string{getA, done, "200 OK\nETag: \"b\"\n\nother"}, want: []string{"GET /x", `PUT /x If-Match: "a"`, "GET /x"},
		},
		{
			name: "no tag in the answer, fetch, coded", why: "what was written cannot be compared with its compressed form", transport: &Transport{Unsure: Fetch}, statuses: []int{200, 204, 0}, errs: ErrUnsure,
			requests: []string{"GET /x", put, put}, answers: []string{getA, done, "200 OK\nETag: \"b\"\nContent-Encoding: gzip\n\ntwo"}, want: []string{"GET /x", `PUT /x If-Match: "a"`, "GET /x"},
		},
		{
			name: "no tag in the answer, fetch, weak", why: "what was written stands, and the weak second has to pass", transport: &Transport{Unsure: Fetch}, statuses: []int{200, 204, 204},
			requests: []string{"GET /x", put, put},
			answers:  []string{getA, done, "200 OK\nETag: W/\"b\"\nLast-Modified: " + now + "\nDate: " + now + "\n\ntwo", "200 OK\nETag: \"b\"", done},
			want:     []string{"GET /x", `PUT /x If-Match: "a"`, "GET /x", "HEAD /x", `PUT /x If-Match: "b"`},
		},
		{
			name: "PATCH without a tag in the answer, fetch", why: "what a patch makes is not known: the tag of today has to do", transport: &Transport{Unsure: Fetch}, statuses: []int{200, 202, 200},
			requests: []string{"GET /x", "PATCH /x\n\nd", "PATCH /x\n\nd"}, answers: []string{getA, "202 Accepted", "200 OK\nETag: \"b\"", "200 OK"},
			want: []string{"GET /x", `PATCH /x If-Match: "a"`, "HEAD /x", `PATCH /x If-Match: "b"`},
		},
		{
			name: "fetch, nothing to compare", why: "better not to write than to guess", transport: &Transport{Unsure: Fetch}, statuses: []int{200, 0}, errs: ErrUnsure,
			requests: []string{"GET /x", put}, answers: []string{"200 OK\n\none", "200 OK\n\none", "200 OK\n\none"}, want: []string{"GET /x", "HEAD /x", "GET /x"},
		},
		{
			name: "fetch, weak and then strong", why: "Apache's weak second passes", transport: &Transport{Unsure: Fetch}, statuses: []int{200, 204},
			requests: []string{"GET /x", put},
			answers:  []string{"200 OK\nETag: W/\"a\"\nLast-Modified: " + now + "\nDate: " + now, "200 OK\nETag: W/\"a\"\nLast-Modified: " + now + "\nDate: " + now, "200 OK\nETag: \"a\"", done},
			want:     []string{"GET /x", "HEAD /x", "HEAD /x", `PUT /x If-Match: "a"`},
		},
		{
			name: "weak and then strong", why: "by default too", statuses: []int{200, 204},
			requests: []string{"GET /x", put},
			answers:  []string{"200 OK\nETag: W/\"a\"\nLast-Modified: " + now + "\nDate: " + now, "200 OK\nETag: W/\"a\"\nLast-Modified: " + now + "\nDate: " + now, "200 OK\nETag: \"a\"", done},
			want:     []string{"GET /x", "HEAD /x", "HEAD /x", `PUT /x If-Match: "a"`},
		},
		{
			name: "weak and changed meanwhile", why: "by default too", statuses: []int{200, 412},
			requests: []string{"GET /x", put},
			answers:  []string{"200 OK\nETag: W/\"a\"\nLast-Modified: " + now + "\nDate: " + now, "200 OK\nETag: \"b\"", "200 OK\nETag: \"b\""}, want: []string{"GET /x", "HEAD /x", "GET /x"},
		},
		{
			name: "weak, nothing to be had", why: "by default nothing is refused", statuses: []int{200, 204},
			requests: []string{"GET /x", put}, answers: []string{"200 OK\nETag: W/\"a\"", "403 No", "403 No", done}, want: []string{"GET /x", "HEAD /x", "GET /x", "PUT /x"},
		},
		{
			name: "weak", why: "no precondition can match, so it is compared before the write", requests: []string{"GET /x", put}, answers: []string{"200 OK\nETag: W/\"a\"", "200 OK\nETag: W/\"a\"", done}, want: []string{"GET /x", "HEAD /x", "PUT /x"},
		},
		{
			name: "weak, changed", why: "an update of somebody else's is not overwritten, though no precondition could have stopped it", statuses: []int{200, 412},
			requests: []string{"GET /x", put}, answers: []string{"200 OK\nETag: W/\"a\"", "200 OK\nETag: W/\"b\"", "200 OK\nETag: W/\"b\"\n\nb"}, want: []string{"GET /x", "HEAD /x", "GET /x"},
		},
		{
			name: "weak, another each time", why: "Rails and Express sum up a page with a token in it: the tag says nothing, and a sole editor is not blocked", statuses: []int{200, 204},
			requests: []string{"GET /x", put}, answers: []string{"200 OK\nETag: W/\"a\"", "200 OK\nETag: W/\"b\"", "200 OK\nETag: W/\"c\"\n\nb", "200 OK\nETag: W/\"d\"\n\nb", done}, want: []string{"GET /x", "HEAD /x", "GET /x", "GET /x", "PUT /x"},
		},
		{
			name: "weak, of HEAD's own", why: "a handler without content for HEAD: the tag is that of nothing", statuses: []int{200, 204},
			requests: []string{"GET /x", put}, answers: []string{"200 OK\nETag: W/\"a\"", "200 OK\nETag: W/\"0-0\"", "200 OK\nETag: W/\"a\"\n\nb", done}, want: []string{"GET /x", "HEAD /x", "GET /x", "PUT /x"},
		},
		{
			name: "weak, of another variant", why: "RFC 9110 §12.5.5: the PUT's Accept may select another representation than the GET's", statuses: []int{200, 204},
			requests: []string{"GET /x", put}, answers: []string{"200 OK\nETag: W/\"a\"", "200 OK\nETag: W/\"b\"\nVary: Accept-Encoding, Accept", done}, want: []string{"GET /x", "HEAD /x", "PUT /x"},
		},
		{
			name: "misspelt, changed", why: "a tag that is none still tells a change", statuses: []int{200, 412},
			requests: []string{"GET /x", put}, answers: []string{"200 OK\nETag: w/\"a\"", "200 OK\nETag: w/\"b\"", "200 OK\nETag: w/\"b\""}, want: []string{"GET /x", "HEAD /x", "GET /x"},
		},
		{
			name: "misspelt, not changed", why: "and is no precondition", statuses: []int{200, 204},
			requests: []string{"GET /x", put}, answers: []string{"200 OK\nETag: \"a", "200 OK\nETag: \"a", done}, want: []string{"GET /x", "HEAD /x", "PUT /x"},
		},
		{
			name: "weak because of a coding", why: "nginx: the uncoded form has the same tag, strong, and that protects", statuses: []int{200, 204},
			requests: []string{"GET /x", put}, answers: []string{"200 OK\nETag: W/\"a\"\nContent-Encoding: gzip", "200 OK\nETag: \"a\"", done}, want: []string{"GET /x", "HEAD /x", `PUT /x If-Match: "a"`},
		},
		{
			name: "weak and old", why: "RFC 9110 §8.8.2.2: the time is strong", statuses: []int{200, 204},
			requests: []string{"GET /x", put}, answers: []string{"200 OK\nETag: W/\"a\"\nLast-Modified: " + older + "\nDate: " + now, done}, want: []string{"GET /x", "PUT /x If-Unmodified-Since: " + older},
		},
		{
			name: "WeakMatch", why: "asked for: FHIR R4 §3.1.0.11, OData 4.01 §8.2.4", transport: &Transport{WeakMatch: true}, statuses: []int{200, 200, 412},
			requests: []string{"GET /x", put, put}, answers: []string{"200 OK\nETag: W/\"1\"\nContent-Encoding: gzip\nLast-Modified: " + older + "\nDate: " + now, "200 OK\nETag: W/\"2\"", failed},
			want: []string{"GET /x", `PUT /x If-Match: W/"1"`, `PUT /x If-Match: W/"2"`},
		},
		{
			name: "428 and a weak tag", why: "who demands a precondition compares what he gives out; that is remembered", statuses: []int{200, 200, 200, 200},
			requests: []string{"GET /x", put, put, "PUT /y\n\n2"},
			answers:  []string{"200 OK\nETag: W/\"1\"", "200 OK\nETag: W/\"1\"", "428 Precondition Required", "200 OK\nETag: W/\"2\"", "200 OK\nETag: W/\"3\"", "200 OK"},
			want:     []string{"GET /x", "HEAD /x", "PUT /x", `PUT /x If-Match: W/"1"`, `PUT /x If-Match: W/"2"`, "PUT /y"},
		},
		{
			name: "428 and a weak tag that does not match", why: "a conflict, or a server that cannot be satisfied: either way not overwritten", statuses: []int{200, 412},
			requests: []string{"GET /x", put}, answers: []string{"200 OK\nETag: W/\"1\"", "200 OK\nETag: W/\"1\"", "428 Precondition Required", failed},
			want: []string{"GET /x", "HEAD /x", "PUT /x", `PUT /x If-Match: W/"1"`},
		},
		{
			name: "501", why: "S3 until 2024: the write goes as the caller wrote it, and the next at once", statuses: []int{200, 200, 200, 200},
			requests: []string{"GET /x", put, "GET /y", "PUT /y\n\n2"}, answers: []string{getA, "501 Not Implemented\n\nIf-Match", "200 OK", getA, "200 OK"},
			want: []string{"GET /x", `PUT /x If-Match: "a"`, "PUT /x", "GET /y", "PUT /y"},
		},
		{
			name: "501 to another method", why: "what one method does not know another may", statuses: []int{200, 200, 200, 200},
			requests: []string{"GET /x", "PATCH /x\n\n2", "GET /x", put}, answers: []string{getA, "501 Not Implemented", "200 OK", getA, "200 OK"},
			want: []string{"GET /x", `PATCH /x If-Match: "a"`, "PATCH /x", "GET /x", `PUT /x If-Match: "a"`},
		},
		{
			name: "501 to the write", why: "it was not the precondition: nothing is learned from it", statuses: []int{200, 501, 204},
			requests: []string{"GET /x", put, put}, answers: []string{getA, "501 Not Implemented", "501 Not Implemented", done},
			want: []string{"GET /x", `PUT /x If-Match: "a"`, "PUT /x", `PUT /x If-Match: "a"`},
		},
		{
			name: "501, refuse", why: "nothing is sent unprotected to a server that is known", transport: &Transport{Unsure: Refuse}, statuses: []int{200, 200, 200, 0}, errs: ErrUnsure,
			requests: []string{"GET /x", put, "GET /x", put}, answers: []string{getA, "501 Not Implemented", "200 OK", getA}, want: []string{"GET /x", `PUT /x If-Match: "a"`, "PUT /x", "GET /x"},
		},
		{
			name: "501, verify", why: "asked for: it is compared all the same", transport: &Transport{Verify: true}, statuses: []int{200, 200, 200, 412},
			requests: []string{"GET /x", put, "GET /x", put}, answers: []string{getA, getA, "501 Not Implemented", "200 OK", getA, "200 OK\nETag: \"b\"", "200 OK\nETag: \"b\""},
			want: []string{"GET /x", "HEAD /x", `PUT /x If-Match: "a"`, "PUT /x", "GET /x", "HEAD /x", "GET /x"},
		},
		{
			name: "501, create only", why: "who wants it created or nothing does not want it overwritten", transport: &Transport{CreateOnly: true}, statuses: []int{501},
			requests: []string{put}, answers: []string{"501 Not Implemented"}, want: []string{"PUT /x If-None-Match: *"},
		},
		{
			name: "501 to a time", why: "If-Unmodified-Since is a precondition like others", statuses: []int{200, 200},
			requests: []string{"GET /x", put}, answers: []string{"200 OK\nLast-Modified: " + older + "\nDate: " + now, "501 Not Implemented", "200 OK"},
			want: []string{"GET /x", "PUT /x If-Unmodified-Since: " + older, "PUT /x"},
		},
		{
			name: "400, unchanged", why: "GitHub: conditional request headers are not allowed in unsafe requests", statuses: []int{200, 200, 200, 200},
			requests: []string{"GET /x", put, "GET /y", "PUT /y\n\n2"}, answers: []string{getA, "400 Bad Request\n\nno", getA, "200 OK", getA, "200 OK"},
			want: []string{"GET /x", `PUT /x If-Match: "a"`, "HEAD /x", "PUT /x", "GET /y", "PUT /y"},
		},
		{
			name: "400, changed", why: "it may be somebody's word for a conflict", statuses: []int{200, 400},
			requests: []string{"GET /x", put}, answers: []string{getA, "400 Bad Request", "200 OK\nETag: \"b\""}, want: []string{"GET /x", `PUT /x If-Match: "a"`, "HEAD /x"},
		},
		{
			name: "400 to the write", why: "it was not the precondition: it stays with the next", statuses: []int{200, 400, 200},
			requests: []string{"GET /x", put, put}, answers: []string{getA, "400 Bad Request", getA, "400 Bad Request", "200 OK"},
			want: []string{"GET /x", `PUT /x If-Match: "a"`, "HEAD /x", "PUT /x", `PUT /x If-Match: "a"`},
		},
		{
			name: "412 to a time, unchanged", why: "mod_dav compares with the present time: a 412 that nobody has caused", statuses: []int{200, 204, 200, 204},
			requests: []string{"GET /x", put, "GET /x", put},
			answers:  []string{"200 OK\nLast-Modified: " + older + "\nDate: " + now, failed, "200 OK\nLast-Modified: " + older, done, "200 OK\nLast-Modified: " + older + "\nDate: " + now, done},
			want:     []string{"GET /x", "PUT /x If-Unmodified-Since: " + older, "HEAD /x", "PUT /x", "GET /x", "PUT /x"},
		},
		{
			name: "412 to a time, changed", why: "a conflict", statuses: []int{200, 412},
			requests: []string{"GET /x", put}, answers: []string{"200 OK\nLast-Modified: " + older + "\nDate: " + now, failed, "200 OK\nLast-Modified: " + second},
			want: []string{"GET /x", "PUT /x If-Unmodified-Since: " + older, "HEAD /x"},
		},
		{
			name: "412 to a time, a stored answer", why: "RFC 9111 §5.1: what a cache says may be old", statuses: []int{200, 412},
			requests: []string{"GET /x", put}, answers: []string{"200 OK\nLast-Modified: " + older + "\nDate: " + now, failed, "200 OK\nAge: 9\nLast-Modified: " + older},
			want: []string{"GET /x", "PUT /x If-Unmodified-Since: " + older, "HEAD /x"},
		},
		{
			name: "Last-Modified is always now", why: "the server decides: nothing is refused here", statuses: []int{200, 200},
			requests: []string{"GET /x", put}, answers: []string{"200 OK\nLast-Modified: " + now + "\nDate: " + now, "200 OK"}, want: []string{"GET /x", "PUT /x If-Unmodified-Since: " + now},
		},
		{
			name: "Last-Modified is now, skip", why: "asked for", transport: &Transport{Unsure: Skip}, statuses: []int{200, 200},
			requests: []string{"GET /x", put}, answers: []string{"200 OK\nLast-Modified: " + now + "\nDate: " + now, "200 OK"}, want: []string{"GET /x", "PUT /x"},
		},
		{
			name: "Last-Modified is always now, verify", why: "a time that is another each second says nothing", transport: &Transport{Verify: true}, statuses: []int{200, 200},
			requests: []string{"GET /x", put},
			answers:  []string{"200 OK\nLast-Modified: " + older + "\nDate: " + older, "200 OK\nLast-Modified: " + second + "\nDate: " + second, "200 OK\nLast-Modified: " + now + "\nDate: " + now, "200 OK"},
			want:     []string{"GET /x", "HEAD /x", "GET /x", "PUT /x If-Unmodified-Since: " + older},
		},
		{
			name: "written a moment ago, verify", why: "a time that stands still is that of a change", transport: &Transport{Verify: true}, statuses: []int{200, 412},
			requests: []string{"GET /x", put},
			answers:  []string{"200 OK\nLast-Modified: " + older + "\nDate: " + now, "200 OK\nLast-Modified: " + now + "\nDate: " + now, "200 OK\nLast-Modified: " + now + "\nDate: " + now},
			want:     []string{"GET /x", "HEAD /x", "GET /x"},
		},
		{
			name: "303 forgets", why: "RFC 9110 §15.4.4: it is done, and the answer, with its tag, is another resource's", statuses: []int{200, 303, 303},
			requests: []string{"GET /x", put, put}, answers: []string{getA, "303 See Other\nLocation: /list\nETag: \"l\"", "303 See Other\nLocation: /list"}, want: []string{"GET /x", `PUT /x If-Match: "a"`, "PUT /x"},
		},
		{
			name: "302 forgets", why: "frameworks mean 303", statuses: []int{200, 302, 204},
			requests: []string{"GET /x", put, put}, answers: []string{getA, "302 Found\nLocation: /list", done}, want: []string{"GET /x", `PUT /x If-Match: "a"`, "PUT /x"},
		},
		{
			name: "307 does not", why: "RFC 9110 §15.4.8: it is not done here", statuses: []int{200, 307, 204},
			requests: []string{"GET /x", put, put}, answers: []string{getA, "307 Go\nLocation: /y", done}, want: []string{"GET /x", `PUT /x If-Match: "a"`, `PUT /x If-Match: "a"`},
		},
		{
			name: "signed", why: "Azure's SharedKey covers If-Match: what is added makes it 403", transport: &Transport{CreateOnly: true, Verify: true}, statuses: []int{200, 201, 201},
			requests: []string{"GET /x", "PUT /x\nAuthorization: SharedKey a:c2ln\n\n2", "PUT /y\nSignature-Input: sig=()\n\n2"}, answers: []string{getA, "201 Created", "201 Created"},
			want: []string{"GET /x", "PUT /x", "PUT /y"},
		},
		{
			name: "credentials for once", why: "RFC 7616 §3.4: a nonce count is used once, so nothing is sent twice, and nothing asked with it", transport: &Transport{Verify: true}, statuses: []int{200, 501, 200},
			requests: []string{"GET /x", "PUT /x\nAuthorization: Digest nc=00000001\n\n2", "PUT /x\nAuthorization: Digest nc=00000002\n\n2"}, answers: []string{getA, "501 Not Implemented", "200 OK"},
			want: []string{"GET /x", `PUT /x If-Match: "a"`, "PUT /x"},
		},
		{
			name: "skip", why: "asked for: not even then", transport: &Transport{Unsure: Skip}, requests: []string{"GET /x", put},
			answers: []string{"200 OK\nETag: W/\"a\"\nLast-Modified: " + now + "\nDate: " + now, done}, want: []string{"GET /x", "PUT /x"},
		},
		{
			name: "fetch, weak for ever", why: "no atomic protection, but it was the same a moment ago", transport: &Transport{Unsure: Fetch}, statuses: []int{200, 204},
			requests: []string{"GET /x", put}, answers: []string{"200 OK\nETag: W/\"a\"", "200 OK\nETag: W/\"a\"", done}, want: []string{"GET /x", "HEAD /x", "PUT /x"},
		},
		{
			name: "fetch, weak and changed", why: "a weak tag is good enough to see that", transport: &Transport{Unsure: Fetch}, statuses: []int{200, 412},
			requests: []string{"GET /x", put}, answers: []string{"200 OK\nETag: W/\"a\"", "200 OK\nETag: W/\"b\"", "200 OK\nETag: W/\"b\""}, want: []string{"GET /x", "HEAD /x", "GET /x"},
		},
		{
			name: "fetch, no HEAD", why: "GET tells the same", transport: &Transport{Unsure: Fetch}, statuses: []int{200, 204},
			requests: []string{"GET /x", put}, answers: []string{"200 OK\nETag: W/\"a\"", "405 No", "200 OK\nETag: \"a\"\n\none", done}, want: []string{"GET /x", "HEAD /x", "GET /x", `PUT /x If-Match: "a"`},
		},
		{
			name: "a second try after 412", why: "the version seen stays: a blind retry fails again (httplib2 overwrites)", statuses: []int{200, 412, 412},
			requests: []string{"GET /x", put, put}, answers: []string{getA, failed + "\nETag: \"b\"", failed}, want: []string{"GET /x", `PUT /x If-Match: "a"`, `PUT /x If-Match: "a"`},
		},
		{
			name: "reading again after 412", why: "now the caller has seen what it overwrites",
			requests: []string{"GET /x", put, "GET /x", put}, answers: []string{getA, failed, "200 OK\nETag: \"b\"", done},
			want: []string{"GET /x", `PUT /x If-Match: "a"`, "GET /x", `PUT /x If-Match: "b"`},
		},
		{
			name: "the caller's own", why: "any precondition of the caller's goes before",
			requests: []string{"GET /x", "PUT /x\nIf-Match: \"fred\"\n\n2", "PUT /x\nIf-None-Match: *\n\n2", "PUT /x\nIf-Unmodified-Since: " + now + "\n\n2", "PUT /x\nIf: (<urn:x>)\n\n2"},
			answers:  []string{getA, failed, failed, failed, failed},
			want:     []string{"GET /x", `PUT /x If-Match: "fred"`, "PUT /x If-None-Match: *", "PUT /x If-Unmodified-Since: " + now, "PUT /x If: (<urn:x>)"},
		},
		{
			name: "IgnoreETag", why: "off", transport: &Transport{IgnoreETag: true, CreateOnly: true},
			requests: []string{"GET /x", put}, answers: []string{getA, done}, want: []string{"GET /x", "PUT /x"},
		},
		{
			name: "DELETE and POST", why: "not by default", requests: []string{"GET /x", "POST /x\n\n2", "DELETE /x"}, answers: []string{getA, done, done}, want: []string{"GET /x", "POST /x", "DELETE /x"},
		},
		{
			name: "Methods", why: "the list is the caller's", transport: all,
			requests: []string{"GET /x", "POST /x\n\n2", "DELETE /x", put}, answers: []string{getA, "200 OK", done, "201 Created"},
			want: []string{"GET /x", `POST /x If-Match: "a"`, `DELETE /x If-Match: "a"`, "PUT /x"},
		},
		{
			name: "no Methods", why: "an empty list is a list", transport: &Transport{Methods: []string{}}, requests: []string{"GET /x", put}, answers: []string{getA, done}, want: []string{"GET /x", "PUT /x"},
		},
		{
			name: "CreateOnly", why: "W3C note, first save: what is not known must not be there", transport: &Transport{CreateOnly: true}, statuses: []int{201, 204, 412, 200, 204},
			requests: []string{put, put, "PUT /y\n\n2", "GET /y", "PUT /y\n\n2"}, answers: []string{"201 Created\nETag: \"a\"", done, failed, "200 OK\nETag: \"b\"", done},
			want: []string{"PUT /x If-None-Match: *", `PUT /x If-Match: "a"`, "PUT /y If-None-Match: *", "GET /y", `PUT /y If-Match: "b"`},
		},
		{
			name: "CreateOnly after a 404", why: "gone is not known any more", transport: &Transport{CreateOnly: true},
			requests: []string{"GET /x", "GET /x", put}, answers: []string{getA, "404 Not Found", "201 Created"}, want: []string{"GET /x", "GET /x", "PUT /x If-None-Match: *"},
		},
		{
			name: "404", why: "the caller has seen that there is nothing", requests: []string{"GET /x", "GET /x", put}, answers: []string{getA, "404 Not Found", "201 Created"}, want: []string{"GET /x", "GET /x", "PUT /x"},
		},
		{
			name: "DELETE, PUT", why: "what is deleted has no version", requests: []string{"GET /x", "DELETE /x", put}, answers: []string{getA, done, "201 Created"}, want: []string{"GET /x", "DELETE /x", "PUT /x"},
		},
		{
			name: "errors on reading", why: "they say nothing about the resource", requests: []string{"GET /x", "GET /x", "GET /x", put}, answers: []string{getA, "503 Later", "302 Found\nETag: \"z\"", done},
			want: []string{"GET /x", "GET /x", "GET /x", `PUT /x If-Match: "a"`},
		},
		{
			name: "a part", why: "who sees a part of another version has not seen that version", requests: []string{"GET /x", "GET /x\nRange: bytes=0-1", put}, answers: []string{getA, "206 Partial\nETag: \"b\"", done},
			want: []string{"GET /x", "GET /x", `PUT /x If-Match: "a"`},
		},
		{
			name: "only a part", why: "but that is better than nothing", requests: []string{"GET /x\nRange: bytes=0-1", put}, answers: []string{"206 Partial\nETag: \"b\"", done},
			want: []string{"GET /x", `PUT /x If-Match: "b"`},
		},
		{
			name: "304", why: "the caller has that version from elsewhere", requests: []string{"GET /x\nIf-None-Match: \"k\"", put}, answers: []string{"304 Not Modified", done},
			want: []string{`GET /x If-None-Match: "k"`, `PUT /x If-Match: "k"`},
		},
		{
			name: "304 of several", why: "the answer says which", requests: []string{"GET /x\nIf-None-Match: \"k\", \"l\"", put, "GET /y\nIf-None-Match: \"k\", \"l\"", "PUT /y\n\n2"}, answers: []string{"304 Not Modified\nETag: \"l\"", done, "304 Not Modified", done},
			want: []string{`GET /x If-None-Match: "k", "l"`, `PUT /x If-Match: "l"`, `GET /y If-None-Match: "k", "l"`, "PUT /y"},
		},
		{
			name: "201 elsewhere", why: "RFC 9110 §15.3.2: the validators of a 201 are those of what was created",
			requests: []string{"POST /list\n\n1", "PUT /list/1\n\n2", "PUT /list\n\n2"}, answers: []string{"201 Created\nLocation: /list/1\nETag: \"a\"", done, done},
			want: []string{"POST /list", `PUT /list/1 If-Match: "a"`, "PUT /list"},
		},
		{
			name: "201 at another origin", why: "nobody may speak for another origin", requests: []string{"POST /list\n\n1", "PUT /1\n\n2"}, answers: []string{"201 Created\nLocation: http://other.example/1\nETag: \"a\"", done},
			want: []string{"POST /list", "PUT /1"},
		},
		{
			name: "MOVE", why: "both names mean something else now", requests: []string{"GET /x", "GET /y", "MOVE /x\nDestination: http://example.com/y", put, "PUT /y\n\n2"}, answers: []string{getA, getA, done, done, done},
			want: []string{"GET /x", "GET /y", "MOVE /x", "PUT /x", "PUT /y"},
		},
		{
			name: "Override", why: "libwww's NO_MATCH", mode: Override, requests: []string{"GET /x", put}, answers: []string{getA, done}, want: []string{"GET /x", "PUT /x"},
		},
		{
			name: "IfExists", why: "libwww's MATCH_ANY", mode: IfExists, requests: []string{put}, answers: []string{done}, want: []string{"PUT /x If-Match: *"},
		},
		{
			name: "IfNew", why: "libwww's DONT_MATCH_ANY", mode: IfNew, requests: []string{"GET /x", put}, answers: []string{getA, done}, want: []string{"GET /x", "PUT /x If-None-Match: *"},
		},
		{
			name: "Verify", why: "HEAD says what a server that ignores If-Match does not", transport: &Transport{Verify: true}, statuses: []int{200, 204, 200, 412},
			requests: []string{"GET /x", put, "GET /x", put}, answers: []string{getA, getA, done, getA, "200 OK\nETag: \"b\"", "200 OK\nETag: \"b\""},
			want: []string{"GET /x", "HEAD /x", `PUT /x If-Match: "a"`, "GET /x", "HEAD /x", "GET /x"},
		},
		{
			name: "Verify, gone", why: "who has deleted it meant it", transport: &Transport{Verify: true}, statuses: []int{200, 412},
			requests: []string{"GET /x", put}, answers: []string{getA, "404 Not Found", "404 Not Found"}, want: []string{"GET /x", "HEAD /x", "GET /x"},
		},
		{
			name: "Verify, create only", why: "the other way round", transport: &Transport{Verify: true, CreateOnly: true}, statuses: []int{412, 201},
			requests: []string{put, "PUT /y\n\n2"}, answers: []string{getA, "404 Not Found", "404 Not Found", "201 Created"}, want: []string{"HEAD /x", "HEAD /y", "GET /y", "PUT /y If-None-Match: *"},
		},
		{
			name: "428", why: "an answer, unless asked otherwise", requests: []string{put}, answers: []string{"428 Precondition Required"}, want: []string{"PUT /x"}, statuses: []int{428},
		},
		{
			name: "428, Required", why: "RFC 6585 §3, with the validator of today", transport: &Transport{Required: true}, requests: []string{put, "PUT /y\n\n2"},
			answers: []string{"428 Precondition Required\n\nplease", getA, done, "428 Precondition Required", "404 Not Found", "404 Not Found", "201 Created"}, statuses: []int{204, 201},
			want: []string{"PUT /x", "HEAD /x", `PUT /x If-Match: "a"`, "PUT /y", "HEAD /y", "GET /y", "PUT /y If-None-Match: *"},
		},
		{
			name: "428, no validator", why: "there is nothing to say", transport: &Transport{Required: true}, requests: []string{put}, answers: []string{"428 Precondition Required", "200 OK", "200 OK"}, want: []string{"PUT /x", "HEAD /x", "GET /x"}, statuses: []int{428},
		},
	} {
		t.Run(tt.name, tt.run)
	}
}
