package certs

import "github.com/swaptacular/swptpeer/certs/check"

// Documents that the rules cite.
const (
	profile      = "Swaptacular certificate profile"
	citeNames    = profile + ", Nodes and names"
	citeSubnets  = profile + ", Subnets"
	citeRoot     = profile + ", Root certificate"
	citePeer     = profile + ", Peer certificate"
	citeServer   = profile + ", Server certificate"
	citeRequests = profile + ", Signing requests"
)

// What to do about a breach, where several rules share it.
const (
	adviceNewRoot = "the node's operator has to make a new root certificate for the same key with current software"
	advicePeer    = "ask the peer that issued the certificate to sign a new one with current software"
	adviceServer  = "issue a new certificate for this server: swptpeer csr sign"
	adviceRequest = "make a new request: swptpeer csr create"
	adviceName    = "the name belongs to the root certificate: its operator has to make a new one with a name of the required form"
	adviceReject  = "do not use the certificate; ask whoever issued it for one that keeps to RFC 5280"
	adviceKey     = "make a new key: RSA of 3072 bits is what the network uses"
)

// Rules for names, "Nodes and names".
var (
	ruleNameEncoding     = &check.Rule{ID: "name.encoding", Severity: check.Error, Title: "the name is a well-formed DER distinguished name", Citation: "RFC 5280 section 4.1.2.4", Advice: adviceName}
	ruleNameSingleValued = &check.Rule{ID: "name.single-valued", Severity: check.Error, Title: "every part of the name has one attribute", Citation: citeNames, Advice: adviceName}
	ruleNameOrganization = &check.Rule{ID: "name.organization", Severity: check.Error, Title: "O is the registry that all nodes share", Citation: citeNames, Advice: adviceName}
	ruleNameUnit         = &check.Rule{ID: "name.unit", Severity: check.Error, Title: "OU is one of the three types of node", Citation: citeNames, Advice: adviceName}
	ruleNameSerial       = &check.Rule{ID: "name.serial", Severity: check.Error, Title: "serialNumber is a node id of the type's form", Citation: citeNames, Advice: adviceName}
	ruleNameOrder        = &check.Rule{ID: "name.order", Severity: check.Error, Title: "the name begins with O, OU and serialNumber in this order", Citation: citeNames, Advice: adviceName}
	ruleNameExtra        = &check.Rule{ID: "name.extra", Severity: check.Warning, Title: "the name has no further attributes", Citation: citeNames, Advice: adviceName}
	ruleNameSerialHash   = &check.Rule{ID: "name.serial-hash", Severity: check.Warning, Title: "an agent's id is the hash of its root public key", Citation: citeNames, Advice: "an accounting authority will refuse this agent: its operator has to make a node whose id follows from its key"}
)

// Rules for every certificate and request.
var (
	rulePEMLineEnds = &check.Rule{ID: "pem.lf", Severity: check.Error, Title: "the PEM block has LF line ends and no trailing blanks", Citation: citeRoot, Advice: "write the file anew: openssl x509 -in FILE -out NEWFILE"}

	ruleCertSingle           = &check.Rule{ID: "cert.single", Severity: check.Error, Title: "the file holds exactly one certificate and no other PEM block", Citation: profile + ", Judging a chain", Advice: "split the file: one certificate in each file, no keys"}
	ruleCertVersion          = &check.Rule{ID: "cert.version", Severity: check.Error, Title: "the certificate is of version 3", Citation: "RFC 5280 section 4.1.2.1", Advice: adviceReject}
	ruleCertSerial           = &check.Rule{ID: "cert.serial", Severity: check.Error, Title: "the serial number is positive and has at most 20 octets", Citation: "RFC 5280 section 4.1.2.2", Advice: adviceReject}
	ruleCertValidityEncoding = &check.Rule{ID: "cert.validity-encoding", Severity: check.Error, Title: "dates are UTCTime through 2049 and GeneralizedTime from 2050 on, to the second, in Z", Citation: "RFC 5280 section 4.1.2.5", Advice: adviceReject}
	ruleCertValidityOrder    = &check.Rule{ID: "cert.validity-order", Severity: check.Error, Title: "the certificate does not end before it begins", Citation: "RFC 5280 section 4.1.2.5", Advice: adviceReject}
	ruleCertValidity         = &check.Rule{ID: "cert.validity", Severity: check.Error, Title: "the certificate is valid at the time of judgement", Citation: "RFC 5280 section 6.1.3 (a)(2)", Advice: "check this machine's clock; if it is right, get a certificate that is valid now"}
	ruleCertEndsSoon         = &check.Rule{ID: "cert.ends-soon", Severity: check.Warning, Title: "the certificate does not end within the time to be warned of", Citation: "practice; package certs, CheckEnds", Advice: "have a new one issued and put in place before it ends"}
	ruleCertUniqueIDs        = &check.Rule{ID: "cert.unique-identifiers", Severity: check.Error, Title: "the certificate has no issuerUniqueID and no subjectUniqueID", Citation: "RFC 5280 section 4.1.2.8", Advice: adviceReject}
	ruleCertExtensionsUnique = &check.Rule{ID: "cert.extensions-unique", Severity: check.Error, Title: "no extension occurs twice", Citation: "RFC 5280 section 4.2", Advice: adviceReject}
	ruleCertCritical         = &check.Rule{ID: "cert.critical", Severity: check.Error, Title: "every critical extension belongs to the profile", Citation: "RFC 5280 section 4.2", Advice: adviceReject}
	ruleCertExtra            = &check.Rule{ID: "cert.extra", Severity: check.Notice, Title: "there are no extensions but those of the profile", Citation: profile, Advice: "nothing need be done: the extension is not used"}
	ruleCertPurpose          = &check.Rule{ID: "cert.purpose", Severity: check.Error, Title: "extKeyUsage in a root or peer certificate, if it is there, has clientAuth and serverAuth", Citation: profile + ", Judging a chain; RFC 5280 section 4.2.1.12", Advice: "have the certificate made without extKeyUsage: servers refuse every chain below this one"}

	ruleKeyAlgorithm = &check.Rule{ID: "key.algorithm", Severity: check.Error, Title: "the public key is RSA, or ECDSA on P-256 or P-384", Citation: citeRoot, Advice: adviceKey}
	ruleKeyStrength  = &check.Rule{ID: "key.strength", Severity: check.Error, Title: "the public key is strong enough, and of a size that can be used", Citation: citeRoot, Advice: adviceKey}
	ruleKeySignature = &check.Rule{ID: "key.signature-algorithm", Severity: check.Error, Title: "it is signed by RSA or ECDSA with SHA-2", Citation: citeRoot, Advice: "have it signed again with SHA-256"}
)

// Rules for root certificates.
var (
	ruleRootSingle           = &check.Rule{ID: "root.single", Severity: check.Error, Title: "the file holds exactly one certificate and no other PEM block", Citation: citeRoot, Advice: "leave only the root certificate in the file; text around it may stay"}
	ruleRootSelfSigned       = &check.Rule{ID: "root.self-signed", Severity: check.Error, Title: "issuer and subject are equal and the signature is by its own key", Citation: citeRoot, Advice: "do not trust it: get the root certificate again from its owner"}
	ruleRootVersion          = &check.Rule{ID: "root.version", Severity: check.Error, Title: "the root certificate is of version 3", Citation: citeRoot, Advice: adviceNewRoot}
	ruleRootBasicConstraints = &check.Rule{ID: "root.basic-constraints", Severity: check.Error, Title: "basicConstraints is critical, CA true, path length absent or at least 1", Citation: citeRoot, Advice: adviceNewRoot}
	ruleRootKeyUsage         = &check.Rule{ID: "root.key-usage", Severity: check.Error, Title: "keyUsage is critical and has keyCertSign", Citation: citeRoot, Advice: adviceNewRoot}
	ruleRootSubjectKeyID     = &check.Rule{ID: "root.subject-key-id", Severity: check.Error, Title: "subjectKeyIdentifier is the SHA-1 of the public key, not critical", Citation: citeRoot, Advice: adviceNewRoot}
	ruleRootAuthorityKeyID   = &check.Rule{ID: "root.authority-key-id", Severity: check.Error, Title: "authorityKeyIdentifier, if there is one, is the root's own key id and nothing else, not critical", Citation: "RFC 5280 section 4.2.1.1; OpenSSL finds no issuer for such a root", Advice: adviceNewRoot}
	ruleRootLifetime         = &check.Rule{ID: "root.lifetime", Severity: check.Warning, Title: "the root certificate ends 500 years or more ahead", Citation: citeRoot, Advice: adviceNewRoot}
)

// Rules for peer certificates.
var (
	rulePeerPair             = &check.Rule{ID: "peer.pair", Severity: check.Error, Title: "the two nodes are of types that may be peers", Citation: citeNames, Advice: "only an accounting authority and an agent can be peers"}
	rulePeerSerialHash       = &check.Rule{ID: "peer.serial-hash", Severity: check.Error, Title: "an authority certifies only agents whose id is the hash of their root public key", Citation: citeNames, Advice: "do not sign: anybody could take another agent's id in this way"}
	rulePeerSubject          = &check.Rule{ID: "peer.subject", Severity: check.Error, Title: "the subject is the peer root's, byte for byte", Citation: citePeer, Advice: advicePeer}
	rulePeerPublicKey        = &check.Rule{ID: "peer.public-key", Severity: check.Error, Title: "the public key is the peer root's, byte for byte", Citation: citePeer, Advice: advicePeer}
	rulePeerIssuer           = &check.Rule{ID: "peer.issuer", Severity: check.Error, Title: "it names the issuing root as its issuer and is signed by its key", Citation: citePeer, Advice: "make sure that the certificate and the root certificate come from the same node"}
	rulePeerBasicConstraints = &check.Rule{ID: "peer.basic-constraints", Severity: check.Error, Title: "basicConstraints is critical and CA true", Citation: citePeer, Advice: advicePeer}
	rulePeerKeyUsage         = &check.Rule{ID: "peer.key-usage", Severity: check.Error, Title: "keyUsage is critical and has keyCertSign", Citation: citePeer, Advice: advicePeer}
	rulePeerNameConstraints  = &check.Rule{ID: "peer.name-constraints", Severity: check.Error, Title: "nameConstraints is critical and permits the peer's name and nothing else", Citation: citePeer, Advice: advicePeer}
	rulePeerSubjectKeyID     = &check.Rule{ID: "peer.subject-key-id", Severity: check.Error, Title: "subjectKeyIdentifier is the SHA-1 of the public key, not critical", Citation: citePeer, Advice: advicePeer}
	rulePeerAuthorityKeyID   = &check.Rule{ID: "peer.authority-key-id", Severity: check.Error, Title: "authorityKeyIdentifier is the issuing root's key id and nothing else, not critical", Citation: citePeer, Advice: advicePeer}
	rulePeerLifetime         = &check.Rule{ID: "peer.lifetime", Severity: check.Warning, Title: "the peer certificate ends 500 years or more ahead", Citation: citePeer, Advice: advicePeer}
	rulePeerSubnet           = &check.Rule{ID: "peer.subnet", Severity: check.Error, Title: "the Netscape comment holds the subnet given by an accounting authority, and nothing otherwise", Citation: citePeer + "; " + citeSubnets, Advice: advicePeer}
)

// Rules for server certificates.
var (
	ruleServerSubject          = &check.Rule{ID: "server.subject", Severity: check.Error, Title: "the subject is the root's, byte for byte", Citation: citeServer, Advice: adviceServer}
	ruleServerIssuer           = &check.Rule{ID: "server.issuer", Severity: check.Error, Title: "it names the node's root as its issuer and is signed by its key", Citation: citeServer, Advice: adviceServer}
	ruleServerPublicKey        = &check.Rule{ID: "server.public-key", Severity: check.Warning, Title: "a server's key is not the root key", Citation: citeServer, Advice: "make a key of its own for the server; the root key must not lie on servers"}
	ruleServerBasicConstraints = &check.Rule{ID: "server.basic-constraints", Severity: check.Error, Title: "basicConstraints is critical and CA false", Citation: citeServer, Advice: adviceServer}
	ruleServerKeyUsage         = &check.Rule{ID: "server.key-usage", Severity: check.Error, Title: "keyUsage is critical, has digitalSignature and keyEncipherment, and not keyCertSign", Citation: citeServer + "; RFC 5280 section 4.2.1.9", Advice: adviceServer}
	ruleServerExtendedKeyUsage = &check.Rule{ID: "server.extended-key-usage", Severity: check.Error, Title: "extKeyUsage has clientAuth and serverAuth, not critical", Citation: citeServer, Advice: adviceServer}
	ruleServerSubjectKeyID     = &check.Rule{ID: "server.subject-key-id", Severity: check.Error, Title: "subjectKeyIdentifier is the SHA-1 of the public key, not critical", Citation: citeServer, Advice: adviceServer}
	ruleServerAuthorityKeyID   = &check.Rule{ID: "server.authority-key-id", Severity: check.Error, Title: "authorityKeyIdentifier is the root's key id and nothing else, not critical", Citation: citeServer, Advice: adviceServer}
	ruleServerLifetime         = &check.Rule{ID: "server.lifetime", Severity: check.Warning, Title: "the server certificate lives for about a year", Citation: citeServer, Advice: adviceServer}
	ruleServerAlternativeName  = &check.Rule{ID: "server.alternative-name", Severity: check.Warning, Title: "there is no subjectAltName", Citation: citeServer, Advice: adviceServer}
)

// Rules for signing requests.
var (
	ruleRequestSingle     = &check.Rule{ID: "csr.single", Severity: check.Error, Title: "the file holds exactly one signing request and no other PEM block", Citation: citeRequests, Advice: "leave only the request in the file; a private key in it has to be replaced if others have seen it"}
	ruleRequestSignature  = &check.Rule{ID: "csr.signature", Severity: check.Error, Title: "the request is signed by the key it asks a certificate for", Citation: citeRequests, Advice: adviceRequest}
	ruleRequestSubject    = &check.Rule{ID: "csr.subject", Severity: check.Error, Title: "the subject of the request is the root certificate's", Citation: citeRequests, Advice: adviceRequest}
	ruleRequestPublicKey  = &check.Rule{ID: "csr.public-key", Severity: check.Error, Title: "the public key of the node's request is the root certificate's, byte for byte", Citation: citeRequests, Advice: adviceRequest}
	ruleRequestServerKey  = &check.Rule{ID: "csr.server-key", Severity: check.Error, Title: "a server's request is not for the root key", Citation: citeServer, Advice: "make a key of its own for the server: swptpeer csr create --out-key KEY --out CSR"}
	ruleRequestExtensions = &check.Rule{ID: "csr.extensions", Severity: check.Warning, Title: "the node's request asks for a CA certificate of path length 0, keyCertSign, cRLSign and a subject key id", Citation: citeRequests, Advice: "nothing need be done: what a request asks for is never copied"}
)

// rules is every rule of this package, in the order of the profile.
var rules = []*check.Rule{
	ruleNameEncoding, ruleNameSingleValued, ruleNameOrganization, ruleNameUnit, ruleNameSerial, ruleNameOrder, ruleNameExtra, ruleNameSerialHash,
	rulePEMLineEnds,
	ruleCertSingle, ruleCertVersion, ruleCertSerial, ruleCertValidityEncoding, ruleCertValidityOrder, ruleCertValidity, ruleCertEndsSoon,
	ruleCertUniqueIDs, ruleCertExtensionsUnique, ruleCertCritical, ruleCertExtra, ruleCertPurpose,
	ruleKeyAlgorithm, ruleKeyStrength, ruleKeySignature,
	ruleRootSingle, ruleRootSelfSigned, ruleRootVersion, ruleRootBasicConstraints, ruleRootKeyUsage, ruleRootSubjectKeyID, ruleRootAuthorityKeyID, ruleRootLifetime,
	rulePeerPair, rulePeerSerialHash, rulePeerSubject, rulePeerPublicKey, rulePeerIssuer, rulePeerBasicConstraints, rulePeerKeyUsage,
	rulePeerNameConstraints, rulePeerSubjectKeyID, rulePeerAuthorityKeyID, rulePeerLifetime, rulePeerSubnet,
	ruleServerSubject, ruleServerIssuer, ruleServerPublicKey, ruleServerBasicConstraints, ruleServerKeyUsage, ruleServerExtendedKeyUsage,
	ruleServerSubjectKeyID, ruleServerAuthorityKeyID, ruleServerLifetime, ruleServerAlternativeName,
	ruleRequestSingle, ruleRequestSignature, ruleRequestSubject, ruleRequestPublicKey, ruleRequestServerKey, ruleRequestExtensions,
}

// Rules lists every rule of this package, in the order of the profile. The
// caller must not change the rules.
func Rules() []*check.Rule { return append([]*check.Rule(nil), rules...) }
