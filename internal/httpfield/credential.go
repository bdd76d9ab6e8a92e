package httpfield

// CredentialLike reports whether the name of a request field, or of a parameter of a query,
// looks like that of a secret: Authorization, Cookie, X-WSSE, X-Api-Key, X-Auth-Token,
// Private-Token and others, by parts of the name. The case does not matter. It is the only
// list of such names in the module.
func CredentialLike(name string) bool {
	switch name { // most requests have these
	case "Accept", "Accept-Encoding", "Accept-Language", "Cache-Control", "Content-Type", "If-Modified-Since",
		"If-None-Match", "Origin", "Range", "Referer", "User-Agent":
		return false
	}
	if len(name) > maxName {
		name = name[:maxName]
	}
	var room [maxName + 1]byte
	low := room[:len(name)+1]
	for i := range len(name) {
		low[i] = lower(name[i])
	}
	low[len(name)] = '-' // ends the last word
	if notCredential(low[:len(name)]) {
		return false
	}
	start := 0
	for i, c := range low {
		if c == '-' || c == '_' || c == '.' {
			if secretWord(low[start:i]) {
				return true
			}
			start = i + 1
		}
		if c < 'a' || c > 'z' {
			continue
		}
		for _, part := range secretParts[c-'a'] {
			// This conversion does not allocate.
			if len(low)-i >= len(part) && string(low[i:i+len(part)]) == part {
				return true
			}
		}
	}
	return false
}

// maxName is how many bytes of a name are inspected.
const maxName = 128

// notCredential reports whether a name that has the parts of a secret is not that of one.
func notCredential(low []byte) bool {
	switch string(low) {
	case "idempotency-key", "x-idempotency-key", "sec-websocket-key", "author", "x-author":
		return true
	}
	return false
}

// secretParts are parts of the names of secrets, by their first letter: most letters begin none of
// them.
var secretParts = [...][]string{
	0:         {"auth", "apikey", "accesskey", "assertion"},
	'b' - 'a': {"bearer"},
	'c' - 'a': {"credential", "cookie", "csrf"},
	'd' - 'a': {"dpop"},
	'j' - 'a': {"jwt"},
	'p' - 'a': {"passw", "passphrase"},
	's' - 'a': {"secret", "session", "signature"},
	't' - 'a': {"token"},
	'w' - 'a': {"wsse"},
	'x' - 'a': {"xsrf"},
	'z' - 'a': nil,
}

// secretWord reports whether a name with that word, between separators, is that of a secret.
func secretWord(word []byte) bool {
	switch string(word) {
	case "key", "keys", "pw", "pwd", "pass", "pin", "otp", "sid", "sas", "cert", "sign", "login":
		return true
	}
	return false
}
