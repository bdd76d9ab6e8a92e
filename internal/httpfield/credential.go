package httpfield

// CredentialLike reports whether a request field, or a parameter of a query, of
// this name looks like one that carries a secret: Authorization, Cookie, X-WSSE,
// X-Api-Key, X-Auth-Token, Private-Token and everything else with a part of the
// name that says so. Idempotency-Key does not. It is the only list of such names
// in the module. The case of the name does not matter.
func CredentialLike(name string) bool {
	switch name { // most requests have these
	case "Accept", "Accept-Encoding", "Accept-Language", "Cache-Control", "Content-Type", "If-Modified-Since",
		"If-None-Match", "Origin", "Range", "Referer", "User-Agent":
		return false
	}
	if len(name) > maxName {
		name = name[:maxName]
	}
	var room [maxName]byte
	low := room[:len(name)]
	for i := range low {
		low[i] = lower(name[i])
	}
	if notCredential(low) {
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
			// The conversion does not leave the comparison, and allocates nothing.
			if len(low)-i >= len(part) && string(low[i:i+len(part)]) == part {
				return true
			}
		}
	}
	return secretWord(low[start:])
}

// maxName is as much of a name as is looked at.
const maxName = 128

// notCredential reports whether a pattern would take a name for that of a secret
// though it is none.
func notCredential(low []byte) bool {
	switch string(low) {
	case "idempotency-key", "x-idempotency-key", "sec-websocket-key", "author", "x-author":
		return true
	}
	return false
}

// secretParts occur in the names of fields that carry secrets, anywhere. They are
// grouped by their first letter, since most names of fields have none of them.
var secretParts = func() (groups ['z' - 'a' + 1][]string) {
	for _, part := range []string{
		"auth", "token", "secret", "passw", "passphrase", "apikey", "accesskey", "credential", "session",
		"cookie", "csrf", "xsrf", "wsse", "jwt", "bearer", "signature", "dpop", "assertion",
	} {
		groups[part[0]-'a'] = append(groups[part[0]-'a'], part)
	}
	return groups
}()

// secretWord reports whether a word between separators makes a name that of a
// secret.
func secretWord(word []byte) bool {
	switch string(word) {
	case "key", "keys", "pw", "pwd", "pass", "pin", "otp", "sid", "sas", "cert", "sign", "login":
		return true
	}
	return false
}
