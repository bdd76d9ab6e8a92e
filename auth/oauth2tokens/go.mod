module github.com/tripper-go/tripper/auth/oauth2tokens

go 1.26.0

replace github.com/tripper-go/tripper => ../..

require (
	github.com/tripper-go/tripper v0.0.0
	golang.org/x/oauth2 v0.38.0
)

require github.com/dunglas/httpsfv v1.1.2 // indirect
