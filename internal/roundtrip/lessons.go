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
	old, _ := l.getLocked(key, now)
	Put(&l.m, key, lesson[V]{change(old), now.Add(LessonTime)}, maxLessons)
}

// Delete forgets the lesson for key.
func (l *Lessons[K, V]) Delete(key K) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.m, key)
}

// Put sets (*m)[key] to value, and makes the map if it is nil. If the map has bound entries,
// and none for key, any other one is removed.
func Put[K comparable, V any](m *map[K]V, key K, value V, bound int) {
	if *m == nil {
		*m = make(map[K]V)
	}
	if _, ok := (*m)[key]; !ok {
		for other := range *m { // the order is random
			if len(*m) < bound {
				break
			}
			delete(*m, other)
		}
	}
	(*m)[key] = value
}
