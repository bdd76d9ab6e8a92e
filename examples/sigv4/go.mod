module github.com/tripper-go/tripper/examples/sigv4

go 1.26.0

replace github.com/tripper-go/tripper => ../..

require (
	github.com/aws/aws-sdk-go-v2 v1.48.0
	github.com/tripper-go/tripper v0.0.0
)

require (
	github.com/aws/smithy-go v1.28.9 // indirect
	github.com/dunglas/httpsfv v1.1.2 // indirect
	github.com/klauspost/compress v1.20.3 // indirect
)
