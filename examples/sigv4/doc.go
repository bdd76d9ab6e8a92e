// Package sigv4 shows how a signing scheme of a vendor is used with auth.Transport: AWS
// Signature Version 4, by the signer of github.com/aws/aws-sdk-go-v2. It is a module of its
// own, so that nobody else depends on that.
//
//	client := tripper.Chain{
//		&redirects.Transport{},
//		&caching.Transport{},
//		&compress.Transport{},
//		&retry.Transport{},
//		&auth.Transport{
//			Credentials: auth.Credential{Username: accessKeyID, Password: secretAccessKey, Domain: "execute-api.eu-west-1.amazonaws.com"},
//			Schemes:     []auth.Scheme{sigv4.Scheme{Service: "execute-api", Region: "eu-west-1"}},
//			Preemptive:  true,
//		},
//	}.Client(nil)
//
// Each request that is sent is signed anew, over the content that compress has made, for the
// origins of the credential. A cache above keeps the responses to each key apart.
package sigv4
