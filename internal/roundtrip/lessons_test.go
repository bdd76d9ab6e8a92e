package roundtrip

import (
	"testing"
	"time"
)

func TestLessons(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	var l Lessons[int, int]
	add := func(n int) func(int) int { return func(old int) int { return old + n } }
	if _, ok := l.Get(1, now); ok || !l.Empty() {
		t.Error("the zero value has a lesson")
	}
	l.Update(1, now, add(1))
	l.Update(1, now.Add(time.Minute), add(2))
	if v, ok := l.Get(1, now.Add(LessonTime+time.Minute)); v != 3 || !ok {
		t.Errorf("%d, %v: an update keeps the lesson for longer", v, ok)
	}
	if v, ok := l.Get(1, now.Add(LessonTime+time.Minute+1)); v != 0 || ok || !l.Empty() {
		t.Errorf("%d, %v: its time is over", v, ok)
	}
	for i := range maxLessons {
		l.Update(i, now, add(i))
	}
	l.Update(7, now, add(1))
	if v, _ := l.Get(7, now); v != 8 || len(l.m) != maxLessons {
		t.Errorf("%d, %d lessons: an update of one of the last removes no other", v, len(l.m))
	}
	l.Update(-1, now, add(5))
	if v, _ := l.Get(-1, now); v != 5 || len(l.m) != maxLessons {
		t.Errorf("%d, %d lessons: one more removes another", v, len(l.m))
	}
	l.Delete(-1)
	if _, ok := l.Get(-1, now); ok {
		t.Error("it was deleted")
	}
	l.Update(1, now.Add(2*LessonTime), add(4))
	if v, _ := l.Get(1, now.Add(2*LessonTime)); v != 4 {
		t.Errorf("%d: an old lesson is not added to", v)
	}
}
