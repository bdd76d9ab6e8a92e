package redirects

import (
	"errors"
	"io"
	"net/http"
	"net/http/cookiejar"
	"strings"
	"testing"

	"github.com/tripper-go/tripper/internal/compare"
	"github.com/tripper-go/tripper/internal/servers"
)

// What Apache answers by itself and by its modules for redirects, with http.Client
// above, which makes an Authorization field of the user information of a URL.
func TestApache(t *testing.T) {
	t.Parallel()
	s := servers.Apache(t, `Listen 127.0.0.1:{{.Port}}
		<Location /private>
			AuthType Basic
			AuthName private
			AuthUserFile {{.Dir}}/htdocs/users
			Require valid-user
		</Location>
		Redirect 301 /old /private/
		Redirect permanent /gone http://127.0.0.1:{{.Port}}/private/?from=/gone
		RedirectMatch 302 ^/up$ /../private/./x/../
		<Location /cookie>
			Header always add Set-Cookie "cart={\"items\": [1, 2]}; Path=/"
			Header always add Set-Cookie "name=\"Zoë, of C:\\docs\"; Path=/"
			Redirect 303 /cookies
		</Location>
		<Location /cookies>
			Header always set Echo "expr=%{HTTP:Cookie}"
		</Location>
		<Location /app>
			Redirect 302 com.example.app://callback
		</Location>
		RedirectMatch 307 ^/loop$ /loop
		<Location /see>
			Header always set Echo "expr=%{HTTP:Authorization}|%{HTTP:Referer}"
		</Location>
		RedirectMatch 302 ^/1$ /2
		RedirectMatch 302 ^/2$ /see
	`)
	// The password is "password".
	servers.Write(t, s.Dir, "htdocs/users", "joe:{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=\n")
	servers.Write(t, s.Dir, "htdocs/private/index.html", "private")
	servers.Write(t, s.Dir, "htdocs/cookies", "")
	servers.Write(t, s.Dir, "htdocs/see", "")
	base := &http.Transport{}
	t.Cleanup(base.CloseIdleConnections)
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	withUser := strings.Replace(s.URL, "//", "//joe:password@", 1)
	for _, tt := range []struct {
		transport *Transport
		url       string
		want      string // status, Echo and content
		err       error
		why       string
	}{
		{&Transport{}, withUser + "/private", "200  private", nil, "the slash that Apache adds is on the same origin"},
		{&Transport{ForwardAuthorization: Nowhere}, withUser + "/private", "401", nil, "httplib2's default: credentials belong into auth"},
		{&Transport{}, withUser + "/old", "200  private", nil, "mod_alias makes the Location absolute"},
		{&Transport{}, withUser + "/gone", "200  private", nil, "so it is here"},
		{&Transport{}, withUser + "/up", "200  private", nil, "dot segments"},
		{&Transport{}, withUser + "/1", "200 Basic am9lOnBhc3N3b3Jk|" + s.URL + "/2 ", nil, "Referer of the hop before, without user information"},
		{&Transport{Jar: jar}, s.URL + "/cookie", `200 cart={"items": [1, 2]}; name="Zo` + "\xc3\xab" + `, of C:\docs" `, nil, "cookies as Apache set them"},
		{&Transport{}, s.URL + "/app", "", ErrScheme, "an app's own scheme"},
		{&Transport{}, s.URL + "/loop", "", ErrLimit, "a loop"},
	} {
		client := &http.Client{
			Transport:     tt.transport.Wrap(base),
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		}
		req, err := http.NewRequestWithContext(t.Context(), "GET", tt.url, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := client.Do(req)
		if !errors.Is(err, tt.err) {
			t.Errorf("%s: %v: %s", tt.url, err, tt.why)
		}
		if err != nil {
			continue
		}
		text, _ := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		got := strings.Join([]string{resp.Status[:3], resp.Header.Get("Echo"), string(text)}, " ")
		if resp.StatusCode == 401 {
			got = "401"
		}
		if diff := compare.Diff(tt.want, got); diff != "" {
			t.Errorf("%s mismatch (-want +got):\n%s%s", tt.url, diff, tt.why)
		}
	}
}
