// Package chain judges certification paths as RFC 5280 section 6 demands,
// name constraints included.
//
// It exists because crypto/x509 cannot judge the paths of this network: the
// peer certificates in them have a critical directoryName constraint, which
// makes its Verify fail, and it passes over one that is not critical
// (profile, "Judging a chain"). crypto/x509 is used here to parse certificates
// and to verify single signatures, nothing else.
//
// # What is checked
//
// For every certificate of a path but the root ("6.1.3" and so on are sections
// of RFC 5280):
//
//   - the signature verifies with the issuer's key (6.1.3 a 1);
//   - the signature algorithm is RSA PKCS #1 v1.5 with SHA-256, SHA-384 or
//     SHA-512, or ECDSA with SHA-256 or SHA-384; so not MD5, not SHA-1;
//   - the issuer's subject is its issuer, compared as in 7.1 (6.1.3 a 4);
//   - every extension in it marked critical is one of basicConstraints,
//     keyUsage, extKeyUsage, subjectAltName and nameConstraints (6.1.4 o, 6.1.5 f).
//
// For every certificate, the root included:
//
//   - it parses, which by crypto/x509 means among others that no extension
//     occurs twice and that its two signature algorithms agree (4.1.1.2, 4.2);
//     subjectAltName and nameConstraints are parsed again, strictly;
//   - the time lies within its validity (6.1.3 a 2);
//   - its key is RSA of 2048 to 8192 bits or ECDSA P-256 or P-384;
//   - it allows every extended key usage that was asked for, if it has the
//     extension;
//
// and for all but the leaf:
//
//   - it has version 3, a subject, and basicConstraints with CA true (6.1.4 k);
//   - keyUsage, if present, has keyCertSign (6.1.4 n);
//   - its path length is kept, self-issued certificates not counted (6.1.4 l, m);
//   - its name constraints hold for the names of every certificate below it
//     that is the leaf or not self-issued (6.1.3 b, c; 4.2.1.10).
//
// # Roots
//
// RFC 5280 takes only the name and the key of a trust anchor and leaves it to
// the application whether what else its certificate says is heeded (6.1.1 d,
// RFC 5937). Here it is: validity, CA, key usage, path length, constraints,
// unknown critical extensions. Whoever limits a root means it. The signature of
// a root is not verified, because it proves nothing; nor is its algorithm
// judged. A leaf that is itself a root makes a path of one certificate.
//
// # Name constraints
//
// Permitted and excluded subtrees of all issuers apply, and excluded ones win.
// directoryName, rfc822Name, dNSName, URI and iPAddress are compared; a subtree
// of another form rejects any name of that form, be it permitted or excluded.
// They apply to a subject that is not empty, to subjectAltName, and those on
// rfc822Name to each emailAddress in a subject. (RFC 5280 demands the last only
// where there is no subjectAltName; OpenSSL does it always.) A name that cannot be
// understood, met by a constraint of its form, is a rejection. So is, under an
// excluded directoryName, one that differs from it only in values that cannot be
// compared; see [name.Name.MayBeWithin]. A wildcard dNSName meets
// an excluded subtree if a name it stands for might.
//
// # What is not checked
//
// Revocation. Certificate policies: certificatePolicies, policyMappings,
// policyConstraints and inhibitAnyPolicy are unknown extensions, so they are
// passed over, or refused when critical. Host names: compare them yourself. The
// key usage of the leaf, and whether it is a CA. Authority and subject key
// identifiers choose which issuer is tried first and decide nothing. The
// profile of the network: see package certs.
package chain
