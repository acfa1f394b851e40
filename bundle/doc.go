// Package bundle makes and judges info-bundles: the zip files that the nodes of
// a Swaptacular network publish so that others can become their peers (spec
// info-bundle.md). It is for the two ends of that exchange, the operator who
// publishes and the operator, or pipeline, that has to decide.
//
// # The format
//
// A bundle is a zip archive with exactly four members:
//
//	root-ca.crt          the node's root certificate, PEM
//	root-ca.csr          the node's signing request, PEM
//	nodeinfo.zip         the node's information directory, zipped; in it, at least
//	                     stomp.toml and updated-at.txt
//	nodeinfo.signature   signature by the root key over the bytes of nodeinfo.zip:
//	                     RSA PKCS #1 v1.5 with SHA-256, or ECDSA with SHA-256 in DER
//
// The bundle itself is not signed. [Verify] takes it for hostile until the root
// certificate has been judged, the request has proven possession of the key, and
// the signature has covered nodeinfo.zip, which is not opened before. Every
// check is in the report, and all that can run do run. A bundle is read once; what
// is used later is what was read and judged then, whatever becomes of the file.
//
// # What a good bundle does not prove
//
// Anybody can make a bundle for a name of his own. Who is behind it follows only
// from a fingerprint that was learned elsewhere ([VerifyOptions].Pin), from an
// agent's id that was (an agent's id follows from its key: ExpectNodeID), or, for an
// accounting authority, from a [Registry]. Without them the report has the
// notice trust.unproven. Nor is a bundle proven to be the newest one: compare
// updated-at with what is known ([Diff]).
//
// Not checked at all: what is in the files other than stomp.toml and
// updated-at.txt, and whether the servers exist.
//
// # Writing
//
// [Create] is deterministic: the same directory, key, line and time give the
// same bytes on every machine. Both archives hold their entries in bytewise order
// of name, which in the outer one is nodeinfo.signature, nodeinfo.zip,
// root-ca.crt, root-ca.csr (the existing tool has another order; readers go by
// name). nodeinfo.zip is stored in it, not deflated again. Every folder has an
// entry, empty ones too. Names at the top level of the directory that begin
// with a dot are left out.
//
// # The digest of the content
//
// Whether there is something new to publish is decided by a digest over the
// content, without updated-at.txt ([ContentDigest], [NodeInfo.ContentDigest]).
// It is the SHA-256 of a text with one line for every file, in bytewise order of
// name:
//
//	<SHA-256 of the file, 64 lowercase hex digits>  <name>\n
//
// Names are relative with slashes; folders are not listed, so empty ones do not
// count. This is the output of sha256sum, and can be had by hand:
//
//	cd nodeinfo && find * -type f ! -path updated-at.txt -print0 | LC_ALL=C sort -z | xargs -0 sha256sum | sha256sum
package bundle
