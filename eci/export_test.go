package eci

// NewTransport is what a client without a transport sends through.
var NewTransport = newTransport
