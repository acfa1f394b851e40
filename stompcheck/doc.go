// Package stompcheck is the transport between Swaptacular peers, and the tester
// that finds out whether two of them can talk.
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
// [ServerTLS] and [ClientTLS] are these two as configurations of crypto/tls, for
// servers and clients of a node.
//
// A [Tester] connects to every address of every server in a peer's manifest and
// says, stage by stage, how far it got; a failure has a [Diagnosis]: the likely
// cause, whose side it is on, and what to do. It sends nothing that was not
// asked for, and says no more than was proven: without a SEND the best verdict
// is [NotRefused], because servers answer CONNECTED before they have decided
// (STOMP specification, "What real servers do").
//
// What it does not do: print, read a node directory, or try again. The other end
// of a test is package server below.
package stompcheck
