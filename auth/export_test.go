package auth

// Leased returns how many nonces of t are out, and how many requests wait for
// one.
func Leased(t *Transport) (leased, waiting int) {
	m := &t.engine.memory
	m.mu.RLock()
	defer m.mu.RUnlock()
	count := func(k *known) {
		if s, ok := k.session.(*digestSession); ok {
			s.pool.mu.Lock()
			leased += s.pool.leased
			waiting += len(s.pool.waiters)
			s.pool.mu.Unlock()
		}
	}
	for _, all := range m.origins {
		for _, sp := range all.realms {
			for _, k := range sp.sessions {
				count(k)
			}
			for _, k := range sp.opening {
				count(k)
			}
		}
	}
	return leased, waiting
}
