package stompcheck

// Side says where a cause is to be mended.
type Side string

// The sides. Unknown is that of a cause that either may have.
const (
	Ours    Side = "ours"
	Theirs  Side = "the peer's"
	Between Side = "between"
	Unknown Side = "unknown"
)

// Category of a cause; the command's exit status follows from it.
type Category uint8

const (
	// Refused: something answered, and said no or said nonsense.
	Refused Category = iota + 1
	// Network: nothing answered, or not in time.
	Network
	// Local: our own files.
	Local
)

// Cause is a reason for which a test fails. Causes are data: this table is all
// of them, and ids are stable.
type Cause struct {
	ID       string
	Side     Side
	Category Category
	Title    string // what is likely the matter, as a statement
	Advice   string // what to do
}

// Diagnosis is a likely cause, with what is known beyond it.
type Diagnosis struct {
	*Cause
	Detail string // may quote text that came from strangers
}

func diagnose(c *Cause) *Diagnosis { return &Diagnosis{Cause: c} }

func diagnosef(c *Cause, detail string) *Diagnosis { return &Diagnosis{Cause: c, Detail: detail} }

// The causes, in the order of the stages in which they are found.
var (
	CauseManifest = &Cause{"manifest", Theirs, Refused,
		"the peer's servers manifest, nodeinfo/stomp.toml, cannot be used",
		"ask the peer for a new info-bundle and give it to: swptpeer peer sign"}
	CauseOwnManifest = &Cause{"own-manifest", Ours, Local,
		"this node's copy of the peer's servers manifest, nodeinfo/stomp.toml in the peer's folder, is not there or cannot be read",
		"look at that file and who may read it; the peer's info-bundle has another copy: give it to swptpeer peer sign"}
	CauseDeactivatedByUs = &Cause{"deactivated-by-us", Ours, Refused,
		"this node has deactivated the peer",
		"a deactivated peer never comes back; name another one"}

	CauseOwnKey = &Cause{"own-key", Ours, Local,
		"our private key does not belong to our server certificate",
		"give the key that the certificate's request was made with: --key"}
	CauseOwnEnded = &Cause{"own-certificate-ended", Ours, Local,
		"our server certificate has ended",
		"sign a new one: swptpeer server renew, or swptpeer csr sign"}
	CauseOwnNotYet = &Cause{"own-certificate-not-yet", Ours, Local,
		"our server certificate is not valid yet",
		"compare the clock of this machine with that of the one that signed the certificate"}
	CauseOwnNoIntermediate = &Cause{"own-no-intermediate", Ours, Local,
		"we have no certificate from this peer to present: it is not registered",
		"get the peer certificate that the peer issued to this node, and run: swptpeer peer register"}
	CauseOwnChain = &Cause{"own-chain", Ours, Local,
		"the chain that we present does not hold in the peer's eyes",
		"use a server certificate that this node's root key signed (swptpeer csr sign); if sub-ca.crt is at fault, run: swptpeer doctor"}
	CauseClock = &Cause{"clock", Ours, Local,
		"a clock is wrong",
		"compare the clock of this machine, and of the peer's, with the real time"}

	CauseNoSuchName = &Cause{"dns-no-such-name", Theirs, Network,
		"the server's name does not exist",
		"ask the peer whether its servers moved; a newer info-bundle may say where"}
	CauseDNS = &Cause{"dns", Between, Network,
		"the server's name could not be resolved",
		"try again; then look at this machine's resolver"}
	CauseConnectionRefused = &Cause{"tcp-refused", Theirs, Network,
		"nothing listens at that address and port",
		"ask the peer whether its server runs, and whether the port is right"}
	CauseConnectTimeout = &Cause{"tcp-timeout", Between, Network,
		"nothing answers at that address: a firewall drops the packets, or the machine is down",
		"see whether a firewall on either side lets the port through"}
	CauseUnreachable = &Cause{"tcp-unreachable", Between, Network,
		"there is no way to that address from here",
		"see whether this machine has IPv4 and IPv6 as the address needs"}

	CauseTLSTimeout = &Cause{"tls-timeout", Theirs, Network,
		"something listens there and does not answer in TLS: a plain-text STOMP port waits like this, and so does a stuck server",
		"ask the peer whether TLS is on at this port"}
	CauseTLSClosed = &Cause{"tls-closed", Theirs, Refused,
		"something listens there and hangs up when it is spoken to in TLS",
		"ask the peer what listens at this port; a load balancer without a server behind it does this"}
	CausePlainSTOMP = &Cause{"plain-stomp", Theirs, Refused,
		"it is a STOMP port without TLS",
		"the peer must turn on TLS 1.3 there, or publish the right port"}
	CauseHTTP = &Cause{"http", Theirs, Refused,
		"it is an HTTP server",
		"ask the peer for the right address and port"}
	CauseNotTLS = &Cause{"not-tls", Theirs, Refused,
		"it does not speak TLS",
		"ask the peer for the right address and port"}
	CauseTLSVersion = &Cause{"tls-version", Theirs, Refused,
		"the server does not speak TLS 1.3",
		"the peer must allow TLS 1.3; this network uses nothing older"}
	CauseTLSAlert = &Cause{"tls-alert", Unknown, Refused,
		"the server broke off the TLS handshake",
		"ask the peer what its server logged at this moment"}

	CausePeerEnded = &Cause{"peer-certificate-ended", Theirs, Refused,
		"the peer's server certificate has ended",
		"tell the peer to sign a new one; if it is valid by the real time, the clock of this machine is wrong"}
	CausePeerNotYet = &Cause{"peer-certificate-not-yet", Unknown, Refused,
		"the peer's server certificate is not valid yet",
		"compare the clock of this machine with the real time; then ask the peer to do the same"}
	CauseProxy = &Cause{"tls-proxy", Theirs, Refused,
		"a proxy ends TLS before the peer's server, or it is another service: its certificate is not one of this network",
		"the peer must pass TCP through to its STOMP server, so that TLS ends there"}
	CauseOtherNode = &Cause{"other-node", Theirs, Refused,
		"the address belongs to another node of the network",
		"ask the peer for its address; if it is right, its root key may have changed hands: compare fingerprints"}
	CausePeerChain = &Cause{"peer-chain", Theirs, Refused,
		"the certificates that the server presents do not hold",
		"tell the peer to present a server certificate that its own root key signed"}

	CauseNotWelcome = &Cause{"not-welcome", Theirs, Refused,
		"the peer does not know this node, or has not registered it (no sub-ca.crt), or has not activated it (no ACTIVE), or has deactivated it; servers say the same for all four",
		"ask the peer to look at peers/<our id>/ in its node directory: the steps of the exchange may not be complete there"}
	CauseOurCertRefused = &Cause{"own-certificate-refused", Unknown, Refused,
		"the server did not accept our certificate, and its judgement is not what it should be by the certificates that we have",
		"ask the peer whether its root certificate is the one in its info-bundle, and whether its clock is right"}
	CauseTooMany = &Cause{"too-many-connections", Unknown, Refused,
		"this node has too many connections to that server; those of its production clients count too",
		"try again later, or with fewer at once (--parallel)"}
	CauseInternal = &Cause{"internal-error", Theirs, Refused,
		"the peer's server has a trouble of its own: a file of ours that it cannot read, a message that its broker cannot route, or the broker itself",
		"ask the peer what its server logged at this moment"}
	CauseNoSTOMP = &Cause{"not-stomp", Theirs, Refused,
		"the server does not answer in STOMP 1.2",
		"ask the peer what listens at this port"}
	CauseSTOMPTimeout = &Cause{"stomp-timeout", Theirs, Network,
		"the server does not answer",
		"ask the peer whether its server is overloaded or stuck"}
	CauseSTOMPClosed = &Cause{"stomp-closed", Unknown, Refused,
		"the server closed the connection and said nothing",
		"ask the peer what its server logged at this moment"}
	CauseLogin = &Cause{"login", Theirs, Refused,
		"the server wants another login, passcode or host than its servers manifest says",
		"ask the peer for a new info-bundle"}
	CauseDestination = &Cause{"destination", Theirs, Refused,
		"the server does not take messages for the destination in its own servers manifest",
		"tell the peer; the destination is named in nodeinfo/stomp.toml"}
	CauseMessage = &Cause{"message-refused", Unknown, Refused,
		"the server refused the message",
		"the text of the server says why; if ids are at fault, compare the subnets that both nodes have for this peering (swptpeer peer show)"}
	CauseError = &Cause{"stomp-error", Unknown, Refused,
		"the server answered with an ERROR that is not one of those known",
		"ask the peer what its server logged at this moment"}
	CauseHeartBeat = &Cause{"heart-beat", Theirs, Refused,
		"the server does not send the heart-beats that it promised, or the network held them up",
		"ask the peer whether its server is overloaded; look at what stands between (proxies and firewalls that drop idle connections)"}
	CauseUnconfirmed = &Cause{"message-unconfirmed", Unknown, Network,
		"the message was sent and was not confirmed: whether the peer took it is not known",
		"do not send it again before the peer has looked whether it came: it may move money a second time"}
	CauseNotMutual = &Cause{"not-mutual", Theirs, Refused,
		"the server does not ask for our certificate, so that it cannot know who connects: TLS may end before it, or it takes anybody",
		"the peer must demand a client certificate there (mutual TLS 1.3)"}
	CauseReceipt = &Cause{"receipt", Theirs, Refused,
		"the server did not confirm as STOMP 1.2 demands",
		"ask the peer which server it runs"}
)

// Causes lists every cause that a report may name.
func Causes() []*Cause {
	return []*Cause{
		CauseManifest, CauseOwnManifest, CauseDeactivatedByUs,
		CauseOwnKey, CauseOwnEnded, CauseOwnNotYet, CauseOwnNoIntermediate, CauseOwnChain, CauseClock,
		CauseNoSuchName, CauseDNS, CauseConnectionRefused, CauseConnectTimeout, CauseUnreachable,
		CauseTLSTimeout, CauseTLSClosed, CausePlainSTOMP, CauseHTTP, CauseNotTLS, CauseTLSVersion, CauseTLSAlert,
		CausePeerEnded, CausePeerNotYet, CauseProxy, CauseOtherNode, CausePeerChain,
		CauseNotWelcome, CauseOurCertRefused, CauseTooMany, CauseInternal, CauseNoSTOMP, CauseSTOMPTimeout,
		CauseSTOMPClosed, CauseLogin, CauseDestination, CauseMessage, CauseError, CauseHeartBeat, CauseUnconfirmed, CauseNotMutual, CauseReceipt,
	}
}
