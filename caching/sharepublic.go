package caching

// sharesPublic reports whether everybody's responses are for this request too, and
// its response for everybody.
func (x *exchange) sharesPublic() bool {
	return x.st.cfg.sharePublic && x.method != methodQuery && x.opts.ttl == 0
}

// setsCookiesOfOthers reports whether the stored response sets cookies that were
// for the user who got it from the origin, and not for this one.
func (x *exchange) setsCookiesOfOthers(m *Meta, f *memo) bool {
	return f.public && !x.setCookies && len(m.Header["Set-Cookie"]) > 0 && f.owner != x.owner(false)
}
