// Package server is the other end of a connectivity test: a STOMP server that a
// peer can try before the real one is there.
//
// It accepts what the servers in the field accept, refuses what they refuse, and
// in the same moment and words (STOMP specification, "What real servers do"):
// mutual TLS 1.3 with the node's rules; STOMP, CONNECT, SEND and DISCONNECT;
// CONNECTED before it is decided whether the peer is welcome; the same limits on
// frames, connections and time. Every SEND is judged as the node would
// ([smp.Link.Judge]) and gets a receipt of its own, or an ERROR with its
// receipt-id and the message as context, after which the connection ends.
//
// It acts on no message, forwards none and keeps none unless told to. Whatever
// clients do, it holds a bounded amount of memory: the number of connections is
// bounded, what one may send before it has proven who it is too, and who has
// proven nothing makes room for newcomers.
package server
