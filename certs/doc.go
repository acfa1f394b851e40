// Package certs says what the certificates of a Swaptacular network must look
// like, makes them, and judges them.
//
// # The packages of this module
//
// Imports point downwards only; a package that decides does not print, and the
// one that prints (the command) does not decide.
//
//	cmd/swptpeer          the command: flags, prompts, output; decides nothing
//	  certs/nodedir       the node directory: init, sign, register, doctor …
//	    bundle            the info-bundle: create, verify, inspect, diff
//	      bundle/strictzip  one unambiguous reading of a hostile zip
//	    stompcheck        transport between peers: TLS configurations, tester
//	      stompcheck/manifest  stomp.toml
//	        certs         this package: identities, keys, the profile, issuing
//	          certs/chain   RFC 5280 path validation with directoryName constraints
//	            certs/name    X.501 names: parsing and comparison
//	    certs/durable     file changes that survive crashes, all or nothing
//	          certs/check   rules, results, reports: how a verdict is given
//
// # This package
//
// Identity ([Identity], [NodeType], [Subnet]): values that exist are valid.
// Keys: RSA 3072 is written; see [ParsePrivateKey] for what is read.
// Certificates and requests: [ParseCertificate] and [ParseRequest] read files
// with exactly one PEM block. [CheckRoot], [CheckPeer], [CheckServer] and
// [CheckRequest] judge against the profile, rule by rule, into a
// [check.Report]. [Issuer] signs: what is about to be signed is first signed by
// a throwaway key and judged, and only then by the real one; the bytes must be
// the same. [VerifyClient] and [VerifyServer] judge the chains that peers
// present to each other.
//
// Not checked here: revocation (the network has none; peers are deactivated in
// the node directory), certificate policies, host names (peers have none).
package certs
