// Package smp makes and judges messages of the Swaptacular Messaging Protocol,
// as far as nodes need them to test their connection.
//
// A [Link] is one direction of a peering: who sends, and which ids may be spoken
// of. [Link.Probe] makes a message that the protocol obliges the receiver to
// ignore; [Link.Judge] looks at a message as the receiving node does before it
// takes it: is the type one that this node takes, is it JSON with the fields of
// the type, do the ids lie in the subnets of this peering (STOMP specification,
// "Transport" and "Probes that cannot hurt").
//
// Nothing here acts on a message, keeps one, or knows STOMP.
package smp
