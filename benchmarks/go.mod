module github.com/tripper-go/tripper/benchmarks

go 1.26.0

replace github.com/tripper-go/tripper => ../
