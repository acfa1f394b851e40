// Package stompcheck is the transport between Swaptacular peers: the TLS
// configurations with which a node accepts its peers and connects to them.
//
// Peers speak STOMP 1.2 inside TLS 1.3. Both sides present a certificate chain
// and both judge what they are shown by the rules of package certs, because
// crypto/x509 can neither judge nor ignore the critical directoryName
// constraint in a peer certificate. There are no host names in these chains: a
// server is who its certificate says, wherever it listens.
//
//	node P, client of node Q      presents: P's server certificate,
//	                                        the peer certificate Q issued to P
//	                              trusts:   Q's root, as it came in Q's info-bundle
//	node Q, server                presents: Q's server certificate
//	                              trusts:   Q's root, and nothing else
//
// What it does not do yet: speak STOMP. The tester and the server that testers
// can connect to belong in this package.
package stompcheck
