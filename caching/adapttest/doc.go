// Package adapttest holds no code. Its tests run the contract of store.Store on
// backends of github.com/gregjones/httpcache behind httpcachestore.New. It is a module of
// its own, so that what they need does not become a need of the library.
package adapttest
