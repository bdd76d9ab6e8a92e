package guard

import (
	"reflect"
	"runtime"
	"sync"
	"weak"

	"github.com/tripper-go/tripper/caching/store"
)

// PerStore has a T for each Store, which all users of the Store share. It keeps neither the
// Store nor the T alive. The zero value is empty and ready.
type PerStore[T any] struct {
	mu sync.Mutex
	m  map[any]weak.Pointer[T] // by identityOf
}

// Of returns the T of s, which make makes if there is none. A Store that has no identity
// gets one of its own each time.
func (p *PerStore[T]) Of(s store.Store, make func() *T) *T {
	key := identityOf(s)
	if key == nil {
		return make()
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if known := p.m[key].Value(); known != nil {
		return known
	}
	if p.m == nil {
		p.m = map[any]weak.Pointer[T]{}
	}
	made := make()
	p.m[key] = weak.Make(made)
	runtime.AddCleanup(made, p.forget, key)
	return made
}

// forget removes the weak pointer to a T that was collected.
func (p *PerStore[T]) forget(key any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.m[key].Value() == nil { // else the Store has a new one
		delete(p.m, key)
	}
}

// identityOf returns a value that is equal for two Stores if they are one, or nil if
// nothing can tell. A pointer is told by its address alone, so that the registry does
// not keep the Store alive: a T that holds it does, as long as the address is in use here.
func identityOf(s store.Store) any {
	v := reflect.ValueOf(s)
	switch {
	case v.Kind() == reflect.Pointer:
		if v.IsNil() || v.Type().Elem().Size() == 0 {
			return nil // all values without a size may have one address
		}
		return storeAddress{v.Type(), v.Pointer()}
	case v.Type().Size() == 0 || !v.Comparable():
		return nil
	}
	return s
}

type storeAddress struct {
	kind reflect.Type
	at   uintptr
}

// sameStore reports whether two Stores are one.
func sameStore(a, b store.Store) bool {
	key := identityOf(b)
	return a != nil && key != nil && identityOf(a) == key
}
