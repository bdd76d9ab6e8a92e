package httpfield

import "strings"

// CredentialLike reports whether a request field, or a parameter of a query, of
// this name looks like one that carries a secret: Authorization, Cookie, X-WSSE,
// X-Api-Key, X-Auth-Token, Private-Token and everything else with a part of the
// name that says so. Idempotency-Key does not. It is the only list of such names
// in the module. The case of the name does not matter.
func CredentialLike(name string) bool {
	if len(name) > maxName {
		name = name[:maxName]
	}
	var room [maxName]byte
	low := room[:len(name)]
	for i := range low {
		low[i] = lower(name[i])
	}
	// The conversions in this function do not leave it, and allocate nothing.
	if notCredentials[string(low)] {
		return false
	}
	for _, part := range secretParts {
		if strings.Contains(string(low), part) {
			return true
		}
	}
	for start, i := 0, 0; i <= len(low); i++ {
		if i == len(low) || low[i] == '-' || low[i] == '_' || low[i] == '.' {
			if secretWords[string(low[start:i])] {
				return true
			}
			start = i + 1
		}
	}
	return false
}

// maxName is as much of a name as is looked at.
const maxName = 128

// notCredentials are names that a pattern would take for those of a secret.
var notCredentials = map[string]bool{
	"idempotency-key": true, "x-idempotency-key": true, "sec-websocket-key": true, "author": true, "x-author": true,
}

// secretParts occur in the names of fields that carry secrets, anywhere.
var secretParts = []string{
	"auth", "token", "secret", "passw", "passphrase", "apikey", "accesskey", "credential", "session",
	"cookie", "csrf", "xsrf", "wsse", "jwt", "bearer", "signature", "dpop", "assertion",
}

// secretWords are whole words between separators in such names.
var secretWords = map[string]bool{
	"key": true, "keys": true, "pw": true, "pwd": true, "pass": true, "pin": true, "otp": true, "sid": true, "sas": true,
	"cert": true, "sign": true, "login": true,
}
