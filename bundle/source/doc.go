// Package source finds the info-bundles that somebody names and opens them for
// [bundle.Verify]: files, folders, standard input, lists of names, and addresses
// on the web. It is for commands that judge many at once.
//
// [List] and [ReadList] turn names into items without opening anything, and
// [Opener.Open] opens one; so every item has its own error, and one that cannot be
// had stops no other. An item that cannot be read anywhere in it (a pipe, an
// address) is spooled: small ones into memory, larger ones into a temporary file
// that has no name any more while it is used.
//
// # Addresses
//
// Nothing touches the network unless an address was named. Only https is
// used: also after a redirect, of which there may be [MaxRedirects]. The server's
// certificate is verified with the system's roots. That says something about the
// web server and nothing about the bundle, which is as hostile as any other.
// Proxies are those of the environment (HTTPS_PROXY, NO_PROXY). There is a limit
// on the size, before and while the body is read, one on the time to connect, and
// one on the time for everything. Nothing is cached and nothing is tried again.
//
// Not checked here: what is in the bytes.
package source
