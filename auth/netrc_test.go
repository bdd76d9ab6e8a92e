package auth

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/tripper-go/tripper/internal/compare"
)

func TestParseNetrc(t *testing.T) {
	for _, row := range []struct {
		name, why, text string
		want            []netrcMachine
		err             string
	}{
		{
			"usual", "one line or many", "machine a login joe password secret\nmachine b\n\tlogin bob\r\n\tpassword x account y\n",
			[]netrcMachine{{"a", "joe", "secret"}, {"b", "bob", "x"}},
			"",
		},
		{
			"comments", "before keywords only: passwords begin with # too", "# machine no\nmachine a # login no\nlogin joe password #1\n",
			[]netrcMachine{{"a", "joe", "#1"}},
			"",
		},
		{"quotes", "as in curl", `machine a login "j o\"e" password "\\\n\tx"`, []netrcMachine{{"a", `j o"e`, "\\\n\tx"}}, ""},
		{
			"macros", "end with an empty line, whatever they say", "machine a login j password p\nmacdef init\nmachine b\npassword q\n\nmachine c login k password r",
			[]netrcMachine{{"a", "j", "p"}, {"c", "k", "r"}},
			"",
		},
		{"default", "for the rest", "default login anonymous password me@here", []netrcMachine{{"", "anonymous", "me@here"}}, ""},
		{"a password like a keyword", "position decides", "machine machine login login password password", []netrcMachine{{"machine", "login", "password"}}, ""},
		{"empty", "no credentials", " \n\t\n", nil, ""},
		{"no machine", "it belongs to nothing, as in curl", "\nlogin joe password x machine a login b", []netrcMachine{{"a", "b", ""}}, ""},
		{
			"other keywords", "heroku, mercurial and others write their own", "machine a\n method interactive\n login h port 80\n password x account y\nmachine b login i password z",
			[]netrcMachine{{"a", "h", "x"}, {"b", "i", "z"}},
			"",
		},
		{"without a value", "a keyword is no value", "machine a protocol\nlogin joe passive password x", []netrcMachine{{"a", "joe", "x"}}, ""},
		{"quotation marks where they mean nothing", "not in what is skipped", "machine a account \"x login joe password x\nnote \"", []netrcMachine{{"a", "joe", "x"}}, ""},
		{"at the end", "nor is the end", "machine a login joe password x interactive", []netrcMachine{{"a", "joe", "x"}}, ""},
		{"any case", "curl compares without case", "MACHINE a Login Joe PassWord X\nDefault login y", []netrcMachine{{"a", "Joe", "X"}, {"", "y", ""}}, ""},
		{"byte-order mark", "what editors on Windows write", "\ufeffmachine a login joe password x", []netrcMachine{{"a", "joe", "x"}}, ""},
		{"cut off", "a value is missing", "machine a password", nil, "line 1: password without a value"},
		{"open quote", "nor does it run over the line", "machine a password \"x\ny\"", nil, "line 1: quotation mark not closed"},
	} {
		n, err := parseNetrc(row.text)
		if row.err != "" {
			if err == nil || err.Error() != row.err {
				t.Errorf("%s: error %v, want %q: %s", row.name, err, row.err, row.why)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v: %s", row.name, err, row.why)
			continue
		}
		if diff := compare.Diff(row.want, n); diff != "" {
			t.Errorf("%s: mismatch (-want +got):\n%s%s", row.name, diff, row.why)
		}
	}
}

func TestNetrc(t *testing.T) {
	path := filepath.Join(t.TempDir(), "netrc")
	text := "machine example.com login joe password one\nmachine example.com:8080 login jane password two\n" +
		"default login nobody password three\nmachine late.example login never password four"
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("NETRC", path)
	s, err := Netrc("")
	if err != nil {
		t.Fatal(err)
	}
	for origin, want := range map[string]string{
		"http://example.com": "joe", "https://EXAMPLE.com": "joe", "http://example.com:8080": "joe jane",
		"http://sub.example.com": "nobody", "http://late.example": "nobody",
	} {
		u, err := url.Parse(origin)
		if err != nil {
			t.Fatal(err)
		}
		got, err := s.Credentials(t.Context(), Target{URL: *u})
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, c := range got {
			names = append(names, c.Username)
		}
		if strings.Join(names, " ") != want {
			t.Errorf("%s: %v, want %s", origin, names, want)
		}
	}
}

// TestReadNetrc: the text may come from anywhere.
func TestReadNetrc(t *testing.T) {
	s, err := ReadNetrc(strings.NewReader("machine example.com login joe password one"))
	if err != nil {
		t.Fatal(err)
	}
	u := mustURL(t, "https://example.com/")
	if got, err := s.Credentials(t.Context(), Target{URL: *u}); err != nil || len(got) != 1 || got[0].Password != "one" {
		t.Errorf("%v %v", got, err)
	}
	for _, r := range []io.Reader{strings.NewReader(`machine "a`), iotest.ErrReader(errors.New("broken")), strings.NewReader(strings.Repeat("#", maxNetrc+1))} {
		if _, err := ReadNetrc(r); err == nil || !strings.HasPrefix(err.Error(), "auth: netrc: ") {
			t.Errorf("error %v", err)
		}
	}
}

func TestNetrcRefuses(t *testing.T) {
	dir := t.TempDir()
	if _, err := Netrc(filepath.Join(dir, "missing")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("missing: %v", err)
	}
	if _, err := Netrc(dir); err == nil {
		t.Error("a directory was taken for a file")
	}
	path := filepath.Join(dir, "netrc")
	if err := os.WriteFile(path, []byte("machine a password \"topsecret"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Netrc(path); err == nil || strings.Contains(err.Error(), "topsecret") {
		t.Errorf("bad syntax: %v", err)
	}
	if runtime.GOOS != "windows" {
		for _, mode := range []fs.FileMode{0o644, 0o640, 0o604} {
			if err := os.Chmod(path, mode); err != nil {
				t.Fatal(err)
			}
			if _, err := Netrc(path); !errors.Is(err, fs.ErrPermission) {
				t.Errorf("mode %v: %v, want ErrPermission", mode, err)
			}
		}
	}
	if err := os.WriteFile(path, []byte(strings.Repeat("#", maxNetrc+1)), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Netrc(path); err == nil {
		t.Error("a file without end was read")
	}
}

func FuzzParseNetrc(f *testing.F) {
	f.Add("machine a login \"b\\\"\" password c\nmacdef x\n\ndefault login d")
	f.Add("#\nmachine")
	f.Fuzz(func(t *testing.T, s string) {
		n, err := parseNetrc(s)
		if err != nil {
			return
		}
		// What was read can be written and read again.
		var b strings.Builder
		q := strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`)
		for _, m := range n {
			if m.name == "" {
				b.WriteString("default")
			} else {
				fmt.Fprintf(&b, `machine "%s"`, q.Replace(m.name))
			}
			fmt.Fprintf(&b, " login \"%s\" password \"%s\"\n", q.Replace(m.login), q.Replace(m.password))
		}
		again, err := parseNetrc(b.String())
		if err != nil {
			t.Fatalf("%q: %v", b.String(), err)
		}
		if diff := compare.Diff(n, again); diff != "" {
			t.Errorf("mismatch (-first +second):\n%s", diff)
		}
	})
}
