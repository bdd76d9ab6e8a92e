package main

import "strings"

// mayHoldSecret reports whether one of the arguments of a command may be, or hold, a password, a token or
// other content that the list of processes should not show. It errs on the side of saying so.
func mayHoldSecret(args []string) bool {
	for _, a := range args[min(1, len(args)):] {
		switch {
		case strings.ContainsAny(a, "@?"): // user information or a query
			return true
		case strings.HasPrefix(a, "--"):
			name, _, _ := strings.Cut(a[2:], "=")
			for _, secret := range []string{"user", "proxy-user", "header", "cookie", "data", "json", "form", "oauth2-bearer", "cert", "proxy"} {
				if name == secret || strings.HasPrefix(name, secret+"-") {
					return true
				}
			}
		case strings.HasPrefix(a, "-") && strings.ContainsAny(a, "uUHbdFEx"):
			return true
		}
	}
	return false
}
