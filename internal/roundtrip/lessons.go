package roundtrip

import (
	"sync"
	"time"
)

// LessonTime is how long a lesson is kept: servers are updated.
const LessonTime = time.Hour

// maxLessons bounds how many lessons are kept.
const maxLessons = 1024

// Lessons holds what a layer has learned about servers, each lesson for [LessonTime]. If
// there are too many, any of them is forgotten. The zero value is empty and ready.
// Lessons is safe for concurrent use.
type Lessons[K comparable, V any] struct {
	mu sync.Mutex
	m  map[K]lesson[V]
}

type lesson[V any] struct {
	value V
	until time.Time
}

// Empty reports whether there is no lesson, so that no key need be made.
func (l *Lessons[K, V]) Empty() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.m) == 0
}

// Get returns the lesson for key. ok is false if there is none.
func (l *Lessons[K, V]) Get(key K, now time.Time) (value V, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.getLocked(key, now)
}

func (l *Lessons[K, V]) getLocked(key K, now time.Time) (value V, ok bool) {
	found, ok := l.m[key]
	if ok && now.After(found.until) {
		delete(l.m, key)
		return value, false
	}
	return found.value, ok
}

// Update puts what change returns in place of the lesson for key, which is the zero value
// if there is none.
func (l *Lessons[K, V]) Update(key K, now time.Time, change func(V) V) {
	l.mu.Lock()
	defer l.mu.Unlock()
	old, ok := l.getLocked(key, now)
	if l.m == nil {
		l.m = make(map[K]lesson[V])
	}
	if !ok && len(l.m) >= maxLessons {
		for other := range l.m { // the order is random
			delete(l.m, other)
			break
		}
	}
	l.m[key] = lesson[V]{change(old), now.Add(LessonTime)}
}

// Delete forgets the lesson for key.
func (l *Lessons[K, V]) Delete(key K) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.m, key)
}
