package trace

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/tripper-go/tripper/internal/httpfield"
)

// hidden stands for a value that is not told.
const hidden = "[hidden]"

// harmless are the fields whose values are told unless somebody says otherwise:
// what HTTP itself needs, and nothing that tells who somebody is. A list of what
// may be told errs on the side of silence; a list of secrets would not know the
// next one.
var harmless = [...]string{
	"Accept", "Accept-Charset", "Accept-Encoding", "Accept-Language", "Accept-Patch", "Accept-Post", "Accept-Ranges", "Age",
	"Allow", "Alt-Svc", "Available-Dictionary", "Cache-Control", "Cache-Status", "Cdn-Cache-Control", "Connection",
	"Content-Digest", "Content-Disposition", "Content-Encoding", "Content-Language", "Content-Length", "Content-Md5",
	"Content-Range", "Content-Type", "Date", "Dictionary-Id", "Digest", "Etag", "Expect", "Expires", "Host", "If-Match",
	"If-Modified-Since", "If-None-Match", "If-Range", "If-Unmodified-Since", "Keep-Alive", "Last-Modified", "Max-Forwards",
	"No-Vary-Search", "Pragma", "Range", "Repr-Digest", "Retry-After", "Server", "Strict-Transport-Security", "Te", "Trailer",
	"Transfer-Encoding", "Upgrade", "Use-As-Dictionary", "User-Agent", "Vary", "Via", "Warning", "Want-Content-Digest",
	"Want-Repr-Digest", "X-From-Cache",
}

// RedactError returns the text of err without what might be a secret: errors of net/url and of
// other modules quote what was sent. Of a URL, and of a path with a query, it leaves what
// [Redact] does; of user:password@host the host; of a URL that is quoted and has spaces in it
// nothing; and of a line that names a field for credentials what is before its value.
func RedactError(err error) string {
	var b strings.Builder
	quoted := false // what follows is in quotes
	for text := err.Error(); text != ""; {
		n := strings.IndexAny(text, " \t\r\n\"'<>")
		if n < 0 {
			n = len(text)
		}
		word := text[:n]
		text = text[n:]
		b.WriteString(redactWord(word))
		if credentialField(word) {
			b.WriteString(" " + hidden)
			if n = strings.IndexByte(text, '\n'); n < 0 {
				n = len(text)
			}
			text = text[n:]
			continue
		}
		if strings.HasPrefix(text, `"`) && !strings.HasSuffix(word, `\`) {
			if q := quotedURL(text); q != "" && !quoted {
				b.WriteString(`"` + hidden + `"`)
				text = text[len(q):]
				continue
			}
			quoted = !quoted
		}
		if text != "" {
			b.WriteByte(text[0])
			text = text[1:]
		}
	}
	return b.String()
}

// A textError is an error of which JSON has the text.
type textError string

func (t textError) Error() string { return string(t) }

// printed returns err as it is printed, or nil for nil.
func printed(err error) error {
	if err == nil {
		return nil
	}
	return textError(RedactError(err))
}

// quotedURL returns the quoted string that text begins with, if it looks like a URL in more
// than one word: which of them are secrets is not to be told.
func quotedURL(text string) string {
	q, err := strconv.QuotedPrefix(text)
	if err != nil || !strings.ContainsAny(q[1:len(q)-1], " \t\"'<>") {
		return ""
	}
	if strings.Contains(q, "://") || strings.ContainsAny(q, "@?") {
		return q
	}
	return ""
}

// redactWord redacts a word of an error.
func redactWord(word string) string {
	if i := strings.Index(word, "://"); i > 0 && i+3 < len(word) {
		begin := i
		for begin > 0 && inScheme(word[begin-1]) {
			begin--
		}
		u, err := url.Parse(word[begin:])
		if err != nil {
			return word[:begin] + hidden
		}
		return word[:begin] + Redact(u)
	}
	if host := strings.LastIndexByte(word, '@'); host > 0 && strings.Contains(word[:host], ":") {
		word = hidden + word[host:]
	}
	if path, query, found := strings.Cut(word, "?"); found && (strings.Contains(path, "/") || strings.Contains(query, "=")) {
		return path
	}
	return word
}

func inScheme(c byte) bool {
	return 'a' <= c|0x20 && c|0x20 <= 'z' || '0' <= c && c <= '9' || c == '+' || c == '-' || c == '.'
}

// credentialField reports whether a word of an error is the name of a field for credentials. One
// without a hyphen is one of two: errors begin with words like "auth:".
func credentialField(word string) bool {
	name, found := strings.CutSuffix(strings.TrimLeft(word, "([{"), ":")
	return found && (strings.EqualFold(name, "Authorization") || strings.EqualFold(name, "Cookie") ||
		strings.Contains(name, "-") && httpfield.CredentialLike(name))
}

// values returns the values of a field to tell.
func values(name string, vs []string, reveal func(string) bool) []string {
	name = http.CanonicalHeaderKey(name)
	switch {
	case slices.Contains(harmless[:], name) || reveal != nil && reveal(name):
		return vs
	case name == "Location" || name == "Content-Location" || name == "Referer":
		out := make([]string, len(vs))
		for i, v := range vs {
			out[i] = hidden
			if u, err := url.Parse(v); err == nil {
				out[i] = Redact(u)
			}
		}
		return out
	case name == "Authorization" || name == "Proxy-Authorization" || name == "Www-Authenticate" || name == "Proxy-Authenticate":
		// The scheme is worth knowing and no secret.
		out := make([]string, len(vs))
		for i, v := range vs {
			scheme, _, found := strings.Cut(v, " ")
			out[i] = hidden
			if found && len(scheme) < 20 {
				out[i] = scheme + " " + hidden
			}
		}
		return out
	}
	out := make([]string, len(vs))
	for i := range out {
		out[i] = hidden
	}
	return out
}
