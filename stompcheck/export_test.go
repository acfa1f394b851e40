package stompcheck

// ClassifyDial is for tests of errors that need a network.
var ClassifyDial = classifyDial
