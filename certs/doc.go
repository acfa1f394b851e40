// Package certs says what the certificates of a Swaptacular network must look
// like, makes them, and judges them.
//
// # The packages of this module
//
// Imports point downwards only; a package that decides does not print, and the
// one that prints (the command) does not decide. After the arrow stand the
// packages of this module that a package imports; a test compares them.
//
//	cmd/swptpeer
//	    the command: flags, prompts, output; decides nothing
//	    → any of the following
//	bundle/batch
//	    many info-bundles at once
//	    → bundle, bundle/source, certs, certs/check
//	bundle/source
//	    info-bundles from files, folders, lists and the web
//	    → bundle
//	bundle/policy
//	    what an operator demands beyond the rules, and waives
//	    → bundle, certs, certs/check, stompcheck/manifest/toml10
//	bundle/bundletest
//	    info-bundles for tests and examples, made in memory
//	    → bundle, certs, stompcheck/manifest
//	certs/nodedir
//	    the node directory: init, sign, register, doctor …
//	    → bundle, certs, certs/check, certs/der, certs/durable, certs/name, stompcheck/manifest
//	bundle
//	    the info-bundle: create, verify, inspect, diff
//	    → bundle/strictzip, certs, certs/check, certs/der, stompcheck/manifest, stompcheck/manifest/toml10
//	bundle/strictzip
//	    one unambiguous reading of a hostile zip
//	    → certs/check, certs/name
//	stompcheck/server
//	    a server that behaves like a peer's, to test against
//	    → certs, stompcheck, stompcheck/frame, stompcheck/manifest, stompcheck/smp
//	stompcheck
//	    transport between peers: TLS configurations, tester
//	    → certs, certs/check, stompcheck/frame, stompcheck/manifest, stompcheck/smp
//	stompcheck/smp
//	    the messages of the Swaptacular Messaging Protocol
//	    → certs
//	stompcheck/frame
//	    frames of STOMP 1.2
//	stompcheck/manifest
//	    stomp.toml
//	    → certs/check, stompcheck/manifest/toml10
//	stompcheck/manifest/toml10
//	    TOML 1.0, and not 1.1
//	stompcheck/internal/reference
//	    the reference nodes, for tests
//	    → certs
//	certs
//	    this package: identities, keys, the profile, issuing
//	    → certs/chain, certs/check, certs/der, certs/name
//	certs/chain
//	    RFC 5280 path validation with directoryName constraints
//	    → certs/der, certs/name
//	certs/der
//	    certificates and requests in strict DER
//	certs/name
//	    X.501 names: parsing and comparison
//	certs/check
//	    rules, results, reports: how a verdict is given
//	certs/durable
//	    file changes that survive crashes, all or nothing
//
// # This package
//
// It is for whoever makes, reads or judges certificates of the network: the
// command, the node directory, servers and clients of peers. It implements the
// document "Certificates: the profile of a Swaptacular network", whose rule ids
// are those of [Rules], on top of RFC 5280. It reads and writes bytes; it opens
// no files, asks nobody, and does not print.
//
// Identity: an [Identity], a [NodeType], a [Subnet] or a [Serial] that exists is
// valid, and there is one parser for each.
//
// Keys: RSA 3072, encrypted PKCS #8, is written ([GenerateKey],
// [EncryptPrivateKey]); see [ParsePrivateKey] for what is read. A form that is
// not read is named, with the command that converts it ([UnsupportedKeyError]).
//
// Files: [ParseCertificate] and [ParseRequest] read files with exactly one PEM
// block and any text around it. A second block of any kind, above all a private
// key, is an error.
//
// Verdicts: [CheckRoot], [CheckPeer], [CheckServer], [CheckRequest] and
// [CheckServerRequest] judge against the profile, rule by rule, into a
// [check.Report]. Every check that can be made is made; a check that could not
// be made is not a pass. What must be decided beyond that is said where it
// belongs: [LivesLongEnough] for registering, [Describe] for looking at
// something without judging it.
//
// Issuing: an [Issuer] signs peer and server certificates, [IssueRoot] the first
// of a node. What is about to be signed is first signed by a throwaway key and
// judged, and only then by the real key; the bytes must be the same. With the
// same key, serial number and clock the result is, byte for byte, what the
// existing tool makes with OpenSSL.
//
// Chains: [VerifyClient] and [VerifyServer] judge what peers present to each
// other, as the profile's "Judging a chain" demands: the path must be the one
// that this side of a connection has to present, no shorter and no longer.
//
// # What is not checked
//
// Revocation: the network has none; peers are deactivated in the node directory.
// Certificate policies and their mappings. Host names: certificates of peers
// have none. Whether an accounting authority's id is really its own: anybody can
// make a root certificate with any 8 digits, so it must be compared with a
// registry or a pin. Whether a serial number was used before, and whether a
// subnet was given to somebody else: the node directory knows.
//
// crypto/x509 reads the certificates and refuses many malformed ones before any
// rule is looked at: negative serial numbers, extensions that occur twice, key
// identifiers that are critical.
package certs
