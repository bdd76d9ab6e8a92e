package policy

import "testing"

// Which responses are everybody's.
func TestIsPublic(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		why    string
		status int
		h      []string
		want   bool
	}{
		{"it says so", 200, []string{"Cache-Control: public"}, true},
		{"in any case and order", 200, []string{"Cache-Control: max-age=60, PUBLIC"}, true},
		{"in two lines", 200, []string{"Cache-Control: max-age=60", "Cache-Control: public"}, true},
		{"with empty elements", 200, []string{"Cache-Control: public, , max-age=60"}, true},
		{"with what is not known", 200, []string{`Cache-Control: public, x="a, b", y=1`}, true},
		{"it does not", 200, []string{"Cache-Control: max-age=60"}, false},
		{"no field", 200, nil, false},
		{"s-maxage does not count", 200, []string{"Cache-Control: s-maxage=60"}, false},
		{"must-revalidate does not count", 200, []string{"Cache-Control: must-revalidate, max-age=60"}, false},
		{"private cancels it", 200, []string{"Cache-Control: public, private"}, false},
		{"private cancels it in another line", 200, []string{"Cache-Control: public", "Cache-Control: Private"}, false},
		{"a part that is private", 200, []string{`Cache-Control: public, private="X-User"`}, false},
		{"no-cache cancels it", 200, []string{"Cache-Control: public, no-cache"}, false},
		{"a part that is not for reuse", 200, []string{`Cache-Control: public, no-cache="Set-Cookie"`}, false},
		{"no-store", 200, []string{"Cache-Control: public, no-store"}, false},
		{"semicolons", 200, []string{"Cache-Control: public; max-age=60"}, false},
		{"blanks for commas", 200, []string{"Cache-Control: public max-age=60"}, false},
		{"a quotation mark that is not closed", 200, []string{`Cache-Control: public, x="private`}, false},
		{"another line does not parse", 200, []string{"Cache-Control: public, max-age=60", "Cache-Control: private max-age=0"}, false},
		{"an argument where there is none", 200, []string{"Cache-Control: public=1"}, false},
		{"no argument where there has to be one", 200, []string{"Cache-Control: public, max-age="}, false},
		{"a quoted directive", 200, []string{`Cache-Control: "public"`}, false},
		{"the last of them", 299, []string{"Cache-Control: public"}, true},
		{"none any more", 300, []string{"Cache-Control: public"}, false},
		{"not yet", 199, []string{"Cache-Control: public"}, false},
		{"any other success", 204, []string{"Cache-Control: public"}, true},
		{"a part of one", 206, []string{"Cache-Control: public"}, true},
		{"a permanent redirect", 301, []string{"Cache-Control: public"}, true},
		{"a permanent redirect", 308, []string{"Cache-Control: public"}, true},
		{"a temporary one may lead to a page of the user", 302, []string{"Cache-Control: public"}, false},
		{"or to a login", 307, []string{"Cache-Control: public"}, false},
		{"that there is nothing for this user", 404, []string{"Cache-Control: public"}, false},
		{"that it failed for this user", 500, []string{"Cache-Control: public"}, false},
		{"it varies on what is no credential", 200, []string{"Cache-Control: public", "Vary: Accept-Encoding, Origin"}, true},
		{"it varies on a cookie", 200, []string{"Cache-Control: public", "Vary: Accept-Encoding, Cookie"}, false},
		{"it varies on a key", 200, []string{"Cache-Control: public", "Vary: x-api-key"}, false},
		{"it varies on everything", 200, []string{"Cache-Control: public", "Vary: *"}, false},
	} {
		h := headerOf(row.h...)
		d := parseDirectives(h["Cache-Control"])
		if got := IsPublic(row.status, h, &d); got != row.want {
			t.Errorf("%d %q: %v, want %v: %s", row.status, row.h, got, row.want, row.why)
		}
	}
}

// Where a targeted field controls the reuse, neither field may be against it.
func TestIsPublicTargeted(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		why, targeted, other string
		want                 bool
	}{
		{"the targeted field says so", "public", "max-age=60", true},
		{"it does not", "max-age=60", "public", false},
		{"it says otherwise", "public, private", "public", false},
		{"Cache-Control says otherwise", "public", "private", false},
		{"or for a part", "public", `no-cache="a"`, false},
		{"or nobody knows what", "public", "a b", false},
		{"or which", "public", `x="a`, false},
		{"or how", "public", "x=a b", false},
	} {
		h := headerOf("Cache-Control: " + row.other)
		d := parseDirectives([]string{row.targeted})
		if got := IsPublic(200, h, &d); got != row.want {
			t.Errorf("%q, beside Cache-Control: %s: %v: %s", row.targeted, row.other, got, row.why)
		}
	}
}
