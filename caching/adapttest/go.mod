module github.com/tripper-go/tripper/caching/adapttest

go 1.26.0

replace github.com/tripper-go/tripper => ../../

require (
	github.com/gregjones/httpcache v0.0.0-20190611155906-901d90724c79
	github.com/syndtr/goleveldb v1.0.0
	github.com/tripper-go/tripper v0.0.0-00010101000000-000000000000
)

require (
	github.com/golang/snappy v0.0.0-20180518054509-2e65f85255db // indirect
	github.com/google/btree v1.1.3 // indirect
	github.com/peterbourgon/diskv v2.0.1+incompatible // indirect
)
