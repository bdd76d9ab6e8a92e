module github.com/tripper-go/tripper/caching/memcachestore

go 1.26.0

require github.com/tripper-go/tripper v0.0.0

require (
	github.com/bradfitz/gomemcache v0.0.0-20260422231931-4d751bb6e37c
	github.com/dunglas/httpsfv v1.1.2 // indirect
)

replace github.com/tripper-go/tripper => ../..
