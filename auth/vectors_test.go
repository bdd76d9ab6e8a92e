package auth

import (
	"encoding/base64"
	"net/http"
	"strings"
	"testing"
	"time"
)

// digestVector computes the response of one digest.
type digestVector struct {
	name, why             string
	alg, qop              string
	sess                  bool
	username, realm, pass string
	nonce, cnonce         string
	method, uri           string
	body                  string
	wantUserhash          string
	want                  string
}

func (v digestVector) run(t *testing.T) {
	if v.why == "" {
		t.Fatal("row without a why")
	}
	name := v.alg
	if v.sess {
		name += "-sess"
	}
	params := `Digest realm="` + v.realm + `", nonce="` + v.nonce + `", algorithm=` + name + `, charset=UTF-8`
	if v.qop != "" {
		params += `, qop="` + v.qop + `"`
	}
	d := Digest{}
	ch, err := d.parse(ParseChallenges([]string{params})[0])
	if err != nil {
		t.Fatalf("parse: %v: %s", err, v.why)
	}
	cred := Credential{Username: v.username, Password: v.pass}
	s := &digestSession{digest: d, realm: v.realm, cred: cred}
	n := &nonce{ch: ch, value: ch.nonce, cnonce: v.cnonce, ha1: s.baseHA1(ch, false)}
	if v.sess {
		n.ha1 = ch.alg.sumText(n.ha1, n.value, n.cnonce)
	}
	n.head = "x"
	p := proof{nonce: n, qop: v.qop, count: 1, bodyHash: ch.alg.sumText(v.body)}
	if got := string(p.appendResponse(nil, v.method, v.uri, p.bodyHash)); got != v.want {
		t.Errorf("response = %s, want %s: %s", got, v.want, v.why)
	}
	if v.wantUserhash != "" {
		ch.userhash = true
		if got, want := ch.username(&cred, false), `username="`+v.wantUserhash+`"`; got != want {
			t.Errorf("userhash: %s, want %s: %s", got, want, v.why)
		}
	}
}

func TestDigestVectors(t *testing.T) {
	rfc7616 := digestVector{
		alg: "MD5", qop: "auth", username: "Mufasa", realm: "http-auth@example.org", pass: "Circle of Life",
		nonce: "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", cnonce: "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ",
		method: "GET", uri: "/dir/index.html",
	}
	with := func(name, why, want string, change func(*digestVector)) digestVector {
		v := rfc7616
		v.name, v.why, v.want = name, why, want
		if change != nil {
			change(&v)
		}
		return v
	}
	rfc2617 := func(v *digestVector) {
		v.realm, v.pass = "testrealm@host.com", "Circle Of Life"
		v.nonce, v.cnonce = "dcd98b7102dd2f0e8b11d0f600bfb0c093", "0a4f113b"
	}
	doe := digestVector{
		alg: "SHA-512-256", qop: "auth", username: "Jäsøn Doe", realm: "api@example.org", pass: "Secret, or not?",
		nonce: "5TsQWLVdgBdmrQ0XsxbDODV+57QdFR34I9HAbC/RVvkK", cnonce: "NTg6RKcb9boFIAS3KrFK9BGeh+iDa/sm6jUMp2wds69v",
		method: "GET", uri: "/doe.json",
	}
	named := doe
	named.name, named.why = "RFC 7616 §3.9.2, user name in plain", "the RFC prints SHA-512 cut short; this is SHA-512/256"
	named.want = "3798d4131c277846293534c3edc11bd8a5e4cdcbff78b05db9d95eeb1cec68a5"
	named.wantUserhash = "793263caabb707a56211940d90411ea4a575adeccb7e360aeb624ed06ece9b0b"

	for _, v := range []digestVector{
		with("RFC 7616 §3.9.1 MD5", "the RFC's own example", "8ca523f5e9506fed4657c9700eebdbec", nil),
		with("RFC 7616 §3.9.1 SHA-256", "the RFC's own example", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1",
			func(v *digestVector) { v.alg = "SHA-256" }),
		with("MD5-sess", "the same inputs, computed independently", "e783283f46242139c486a698fec7211d",
			func(v *digestVector) { v.sess = true }),
		with("SHA-256-sess", "the same inputs, computed independently", "2fd51b3a77ad75bad6afad6003e818d767133c46d9e2749e7f5232ae1ea3efd7",
			func(v *digestVector) { v.alg, v.sess = "SHA-256", true }),
		with("SHA-256 auth-int, empty body", "RFC 7616 §3.4.3: H(entity-body) of nothing is a hash too",
			"8bdf6f15638e260831e905028de5450562816d093c9bfc5c13d3a46adcdde940",
			func(v *digestVector) { v.alg, v.qop = "SHA-256", "auth-int" }),
		with("MD5 auth-int, PUT hello", "the body is hashed", "d60e6b8267b29ef517cde6217a27c886",
			func(v *digestVector) { v.qop, v.method, v.body = "auth-int", "PUT", "hello" }),
		with("RFC 2617 §3.5", "the example of the RFC before", "6629fae49393a05397450978507c4ef1", rfc2617),
		with("RFC 2069, no qop", "servers of 1997 send none", "1949323746fe6a43ef61f9606e7febea",
			func(v *digestVector) { rfc2617(v); v.pass, v.qop = "CircleOfLife", "" }),
		named,
	} {
		t.Run(v.name, v.run)
	}
}

// TestDigestHTTPLib2 compares the whole field with those of httplib2's tests.
func TestDigestHTTPLib2(t *testing.T) {
	for _, row := range []struct{ why, challenge, uri, cnonce, want string }{
		{
			"test_digest_object", `Digest realm="myrealm", nonce="KBAA=35", algorithm=MD5, qop="auth"`, "/test/digest/", "33033375ec278a46",
			`Digest username="joe", realm="myrealm", nonce="KBAA=35", uri="/test/digest/", algorithm=MD5, ` +
				`response="de6d4a123b80801d0e94550411b6283f", qop=auth, nc=00000001, cnonce="33033375ec278a46"`,
		},
		{
			"test_digest_object_with_opaque", `Digest realm="myrealm", nonce="30352fd", algorithm=MD5, qop="auth", opaque="atestopaque"`,
			"/digest/opaque/", "5ec2",
			`Digest username="joe", realm="myrealm", nonce="30352fd", uri="/digest/opaque/", algorithm=MD5, ` +
				`response="a1fab43041f8f3789a447f48018bee48", qop=auth, nc=00000001, cnonce="5ec2", opaque="atestopaque"`,
		},
	} {
		c := ParseChallenges([]string{row.challenge})[0]
		cred := Credential{Username: "joe", Password: "password"}
		session, err := Digest{}.Session(&c, cred)
		if err != nil {
			t.Fatalf("%s: %v", row.why, err)
		}
		s := session.(*digestSession)
		a := &Request{Context: t.Context(), Method: "GET", Target: row.uri, Header: http.Header{}, Credential: cred}
		s.lease(a, false)
		s.prepareLocked(a.proof.nonce, a)
		a.proof.nonce.cnonce = row.cnonce
		if err := s.Sign(a); err != nil {
			t.Fatal(err)
		}
		if got := a.value(); got != row.want {
			t.Errorf("%s:\n got %s\nwant %s", row.why, got, row.want)
		}
	}
}

func TestWSSEVectors(t *testing.T) {
	hatena, err := base64.StdEncoding.DecodeString("Uh95NQlviNpJQR1MmML+zq6pFxE=")
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct {
		why                      string
		wsse                     WSSE
		nonce, created, password string
		want                     string
	}{
		{
			"XML.com 2003, httplib2 test_wsse_algorithm",
			WSSE{},
			"d36e316282959a9ed4c89851497a717f", "2003-12-15T14:43:07Z", "taadtaadpstcsm", "quR/EWLAV4xLf9Zqyw4pDmfV9OY=",
		},
		{
			"Movable Type's manual",
			WSSE{},
			"7c19aeed85b93d35ba42e357f10ca19bf314d622", "2004-01-20T01:09:39Z", "Nelson", "VfJavTaTy3BhKkeY/WVu9L6cdVA=",
		},
		{
			"Hatena: the nonce is Base64 of what is hashed",
			WSSE{Base64Nonce: true},
			string(hatena), "2005-01-18T03:20:15Z", "hatena", "ZCNaK2jrXr4+zsCaYK/YLUxImZU=",
		},
		{
			"Emarsys: Base64 of the hexadecimal digits",
			WSSE{HexDigest: true},
			"d36e316282959a9ed4c89851497a717f", "2014-03-20T12:51:45Z", "customersecret",
			"YWQyNWE5Y2JkOTY2ZTU1ODg2M2QzNzVhNDZlZGQwZjg5YjZlZTk4Yw==",
		},
	} {
		if got := row.wsse.digest(row.nonce, row.created, row.password); got != row.want {
			t.Errorf("%s: digest = %s, want %s", row.why, got, row.want)
		}
	}
}

func TestWSSEField(t *testing.T) {
	now := time.Date(2003, 12, 15, 14, 43, 7, 0, time.UTC)
	a := &Request{Credential: Credential{Username: `b"ob`, Password: "taadtaadpstcsm"}}
	nonce := "\xd3\x6e\x31\x62\x82\x95\x9a\x9e\xd4\xc8\x98\x51\x49\x7a\x71\x7f"
	want := `UsernameToken Username="b\"ob", PasswordDigest="quR/EWLAV4xLf9Zqyw4pDmfV9OY=", ` +
		`Nonce="d36e316282959a9ed4c89851497a717f", Created="2003-12-15T14:43:07Z"`
	if got := (WSSE{}).token(a, []byte(nonce), now); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	base64Nonce := (WSSE{Base64Nonce: true}).token(a, []byte(nonce), now)
	if !strings.Contains(base64Nonce, `Nonce="024xYoKVmp7UyJhRSXpxfw=="`) {
		t.Errorf("Base64Nonce: %s", base64Nonce)
	}
}

func TestHMACDigestVectors(t *testing.T) {
	for _, row := range []struct{ alg, pwAlg, key, want string }{
		{"HMAC-SHA-1", "SHA-1", "f065be590975b3d87a8cf2113595b4206adb41eb", "c6d066208021679b23929b6f424d305ed1f4b214"},
		{"HMAC-SHA-1", "MD5", "0c9c23d920d989fce84b9f55eb14ae0f", "abc828e1ad6d7c981815c50f9710df57fdf6eb7e"},
		{"HMAC-MD5", "SHA-1", "f065be590975b3d87a8cf2113595b4206adb41eb", "e430eb910dfc2ae7919e1204a18a0ad8"},
		{"HMAC-MD5", "MD5", "0c9c23d920d989fce84b9f55eb14ae0f", "362a9ba06ab036b3afc8819d29c60da8"},
	} {
		c := ParseChallenges([]string{`HMACDigest realm="myrealm", snonce="snonce123", salt="salt", algorithm="` +
			row.alg + `", pw-algorithm="` + row.pwAlg + `"`})[0]
		s, err := HMACDigest{}.parse(c, &Credential{Username: "joe", Password: "password"})
		if err != nil {
			t.Fatal(err)
		}
		if s.key != row.key {
			t.Errorf("%s, %s: key = %s, want %s", row.alg, row.pwAlg, s.key, row.key)
		}
		// The values of user-agent and accept-encoding, in httplib2's order.
		if got := s.response("GET", "/hmac/", "cnonce456", "ua/1gzip"); got != row.want {
			t.Errorf("%s, %s: response = %s, want %s", row.alg, row.pwAlg, got, row.want)
		}
	}
}

func TestFindAlgorithm(t *testing.T) {
	for _, row := range []struct {
		name, want string
		sess       bool
	}{
		{"", "MD5", false},
		{"md5", "MD5", false},
		{"MD5-SESS", "MD5", true},
		{"sha-256", "SHA-256", false},
		{"SHA-256-sess", "SHA-256", true},
		{"SHA-512-256-sess", "SHA-512-256", true},
		{"SHA-512", "", false},
		{"-sess", "", false},
		{"SHA", "", false},
		{"MD5-sess-sess", "", true},
	} {
		got, sess := findAlgorithm(row.name)
		name := ""
		if got != nil {
			name = got.name
		}
		if name != row.want || got != nil && sess != row.sess {
			t.Errorf("findAlgorithm(%q) = %q, %v; want %q, %v", row.name, name, sess, row.want, row.sess)
		}
	}
}
